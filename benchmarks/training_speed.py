"""Measures the time from a process's start to a validation accuracy of 0.70: `clothes train` and plain Keras.

    uv run python benchmarks/training_speed.py ../shared/data/clothing-dataset-small

Each runs in a new process, one after the other, with imports, decoding and an empty cache. Plain Keras follows the
tutorial: `image_dataset_from_directory`, `Rescaling`, the same three convolutions and three dense
layers at the same size, Adam, `fit`. Also prints the share of our epochs in which the training waited for pictures.
"""

import os
import subprocess
import sys
import tempfile
import time

GOAL = 0.70
MOST_EPOCHS = 40

OURS = """
import sys, time
begun = time.perf_counter()
import clothes
from clothes.training import training_loop
from clothes.training.train import train
from clothes.training.callbacks import TrainingCallback

goal, photos, out, epochs = float(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
waited = 0.0
original = training_loop.prefetch

def timed(items, **options):
    global waited
    source = original(items, **options)
    while True:
        before = time.perf_counter()
        item = next(source, None)
        waited += time.perf_counter() - before
        if item is None:
            return
        yield item

class Reached(Exception): pass

class Watch(TrainingCallback):
    seconds = 0.0
    def on_epoch(self, row):
        self.seconds += row["seconds"]
        seconds = time.perf_counter() - begun
        print(f"epoch {row['epoch']:.0f} val_accuracy {row['val_accuracy']:.3f} {seconds:.0f} s", file=sys.stderr)
        if row["val_accuracy"] >= goal:
            raise Reached

training_loop.prefetch = timed
watch = Watch()
changes = {"train": {"epochs": int(epochs)}} if epochs != "default" else {}
try:
    train(photos, out=out, changes=changes, callback=watch)
    print("missed", 0)
except Reached:
    print("reached", waited / watch.seconds)
"""

PLAIN = """
import os, sys, time
begun = time.perf_counter()
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from keras import layers

goal, photos, most = float(sys.argv[1]), sys.argv[2], int(sys.argv[3])
size = 96
load = lambda part: keras.utils.image_dataset_from_directory(
    f"{photos}/{part}", image_size=(size, size), batch_size=32, seed=0, verbose=False)
train, validation = load("train"), load("validation")
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((size, size, 3)), layers.Rescaling(1 / 255)])
for filters, kernel, stride in ((48, 7, 2), (96, 5, 1), (192, 3, 1)):
    model.add(layers.Conv2D(filters, kernel, strides=stride, padding="same", activation="relu"))
    model.add(layers.MaxPooling2D())
model.add(layers.Flatten())
for units in (256, 128, 64):
    model.add(layers.Dense(units, activation="relu"))
model.add(layers.Dense(10, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        seconds = time.perf_counter() - begun
        print(f"epoch {epoch + 1} val_accuracy {logs['val_accuracy']:.3f} {seconds:.0f} s", file=sys.stderr)
        if logs["val_accuracy"] >= goal:
            self.model.stop_training = True

history = model.fit(train, validation_data=validation, epochs=most, verbose=0, callbacks=[Stop()])
print("reached" if history.history["val_accuracy"][-1] >= goal else "missed", 0)
"""


def measure(code: str, *arguments: str) -> tuple[float, str, float]:
    """Returns the seconds of the process, "reached" or "missed", and the number that it printed."""
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=os.environ | {"CLOTHES_CACHE": cache},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - started
    outcome, number = done.stdout.split()[-2:]
    return seconds, outcome, float(number)


def main(photos: str) -> None:
    with tempfile.TemporaryDirectory() as out:
        rows = {}
        for name, epochs in (("clothes train --epochs 20", "20"), ("clothes train", "default")):
            rows[name] = measure(OURS, str(GOAL), photos, f"{out}/{epochs}", epochs)
        rows["plain Keras"] = measure(PLAIN, str(GOAL), photos, str(MOST_EPOCHS))
    plain = rows["plain Keras"][0]
    print(
        f"\n| way | outcome at {GOAL} | seconds | times faster | waited for pictures |\n| --- | --- | --- | --- | --- |"
    )
    for name, (seconds, outcome, waited) in rows.items():
        share = "" if name == "plain Keras" else f"{waited:.1%} of the epochs"
        print(f"| {name} | {outcome} | {seconds:.0f} | {plain / seconds:.1f} | {share} |")


if __name__ == "__main__":
    main(sys.argv[1])
