"""AutoKeras' `ImageClassifier` as in its tutorial, with one network to try.

autokeras_search.py train PHOTOS MODEL EPOCHS, or autokeras_search.py predict MODEL FOLDER
"""

import json
import sys
from pathlib import Path

import autokeras as ak
import keras
import numpy as np

SIZE = (96, 96)


def load(folder):
    data = keras.utils.image_dataset_from_directory(folder, image_size=SIZE, batch_size=None)
    pictures, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.stack(pictures), np.array(labels), data.class_names


def train(photos, out, epochs):
    pictures, labels, classes = load(f"{photos}/train")
    classifier = ak.ImageClassifier(max_trials=1, overwrite=True, directory=f"{out}-search")
    validation = load(f"{photos}/validation")[:2]
    classifier.fit(pictures, labels, validation_data=validation, epochs=int(epochs), verbose=2)
    Path(out).mkdir()
    classifier.export_model().save(f"{out}/model.keras")
    Path(f"{out}/classes.json").write_text(json.dumps(classes))


def predict(out, folder):
    model = keras.models.load_model(f"{out}/model.keras", custom_objects=ak.CUSTOM_OBJECTS)
    classes = json.loads(Path(f"{out}/classes.json").read_text())
    photos = keras.utils.image_dataset_from_directory(folder, labels=None, shuffle=False, image_size=SIZE)
    for path, scores in zip(photos.file_paths, model.predict(photos, verbose=0), strict=True):
        print(path, classes[scores.argmax()], sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
