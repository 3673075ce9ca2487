"""TensorFlow's tutorial "Image classification": its network, its augmentation and its settings.

keras_tutorial.py train PHOTOS MODEL EPOCHS, or keras_tutorial.py predict MODEL FOLDER
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

SIZE = (180, 180)


def load(folder):
    return keras.utils.image_dataset_from_directory(folder, seed=123, image_size=SIZE, batch_size=32)


def train(photos, out, epochs):
    train, validation = load(f"{photos}/train"), load(f"{photos}/validation")
    classes = train.class_names
    train = train.cache().shuffle(1000).prefetch(tf.data.AUTOTUNE)
    validation = validation.cache().prefetch(tf.data.AUTOTUNE)
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(classes), name="outputs"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(train, validation_data=validation, epochs=int(epochs), verbose=2)
    Path(out).mkdir()
    model.save(f"{out}/model.keras")
    Path(f"{out}/classes.json").write_text(json.dumps(classes))


def predict(out, folder):
    model = keras.models.load_model(f"{out}/model.keras")
    classes = json.loads(Path(f"{out}/classes.json").read_text())
    photos = keras.utils.image_dataset_from_directory(
        folder, labels=None, shuffle=False, image_size=SIZE, batch_size=32, verbose=False
    )
    for path, scores in zip(photos.file_paths, model.predict(photos, verbose=0), strict=True):
        print(path, classes[scores.argmax()], sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
