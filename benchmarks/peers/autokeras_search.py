"""AutoKeras' `ImageClassifier` as in its tutorial, with one network to try.

autokeras_search.py train PHOTOS MODEL EPOCHS, or autokeras_search.py predict MODEL FOLDER
"""

import json
import sys
from pathlib import Path

import autokeras as ak
import keras

SIZE = (128, 128)


def load(folder):
    return keras.utils.image_dataset_from_directory(folder, image_size=SIZE, batch_size=32)


def train(photos, out, epochs):
    train, validation = load(f"{photos}/train"), load(f"{photos}/validation")
    classifier = ak.ImageClassifier(max_trials=1, overwrite=True, directory=f"{out}-search")
    classifier.fit(train, validation_data=validation, epochs=int(epochs), verbose=2)
    Path(out).mkdir()
    classifier.export_model().save(f"{out}/model.keras")
    Path(f"{out}/classes.json").write_text(json.dumps(train.class_names))


def predict(out, folder):
    model = keras.models.load_model(f"{out}/model.keras", custom_objects=ak.CUSTOM_OBJECTS)
    classes = json.loads(Path(f"{out}/classes.json").read_text())
    photos = keras.utils.image_dataset_from_directory(folder, labels=None, shuffle=False, image_size=SIZE)
    for path, scores in zip(photos.file_paths, model.predict(photos, verbose=0), strict=True):
        print(path, classes[scores.argmax()], sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
