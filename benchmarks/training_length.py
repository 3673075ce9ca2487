"""Measures how long the CNN must train from scratch on few photos: accuracy on validation photos, by number of steps.

    uv run python -m benchmarks.training_length PHOTOS SPLIT.csv --out build/training-length.csv
    uv run python -m benchmarks.training_length PHOTOS SPLIT.csv --out build/training-length.csv --tables

A draw takes N photos of each class that has as many in the train part. Each is a training with the default settings for
so many photos, but with these steps; the accuracy is that of its last epoch on all validation photos of these classes.
`clothes split` makes SPLIT.csv; its test part is not looked at. A draw in the file is not measured again.
"""

import argparse
import csv
import math
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from clothes.config import Config
from clothes.photos.split_file import Split
from clothes.training.datasets import decode
from clothes.training.split_and_config import choose_config
from clothes.training.training_loop import Trainer

COLUMNS = ("photos", "steps", "draw", "classes", "validated", "epochs", "batch", "accuracy", "seconds")


def draw(split: Split, count: int, seed: int) -> Split:
    """Returns a split with `count` train photos of each class that has them, and the validation photos of these."""
    train, rng = split.part("train"), np.random.default_rng(seed)
    labels = {label for label, number in Counter(row.label for row in train).items() if number >= count}
    rows = [row for row in split.part("validation") if row.label in labels]
    for label in sorted(labels):
        found = [row for row in train if row.label == label]
        rows += [found[i] for i in rng.permutation(len(found))[:count]]
    return replace(split, rows=tuple(rows))


def with_steps(config: Config, photos: int, steps: int) -> Config:
    epochs = math.ceil(steps / max(1, photos // config.train.batch_size))
    return config.changed({"train": {"epochs": epochs, "patience": 0}})


def measure(split: Split, count: int, steps: int, seed: int) -> list:
    """Trains once and returns a row of the results."""
    drawn = draw(split, count, seed)
    photos = len(drawn.part("train"))
    config = with_steps(choose_config(None, {"train": {"seed": seed}}, drawn), photos, steps)
    parts, began = decode(drawn, config.model.image_size, ("train", "validation")), time.perf_counter()
    trainer = Trainer(config, drawn.classes, parts["train"], parts["validation"])
    accuracy = [row["val_accuracy"] for row in trainer.epochs(on_step=lambda done, total: None)][-1]
    seconds, train = time.perf_counter() - began, config.train
    validated, classes = len(drawn.part("validation")), len(drawn.classes)
    return [count, steps, seed, classes, validated, train.epochs, train.batch_size, f"{accuracy:.4f}", f"{seconds:.0f}"]


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def table(rows: list[dict[str, str]]) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[int(row["photos"]), int(row["steps"])].append(row)
    heads = ("photos a class", "classes", "steps", "epochs", "batch", "draws", "accuracy (sd)", "seconds")
    print(f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|", sep="\n")
    for (count, steps), some in sorted(groups.items()):
        values = [float(row["accuracy"]) for row in some]
        spread = f" ({statistics.stdev(values):.3f})" if len(values) > 1 else ""
        settings = " | ".join(some[0][name] for name in ("epochs", "batch"))
        seconds = statistics.fmean(float(row["seconds"]) for row in some)
        print(f"| {count} | {some[0]['classes']} | {steps:,} | {settings} | {len(some)} |", end="")
        print(f" {statistics.fmean(values):.3f}{spread} | {seconds:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos_folder", metavar="PHOTOS", type=Path)
    parser.add_argument("split", metavar="SPLIT.csv", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--tables", action="store_true")
    asked = parser.parse_args()
    if asked.tables:
        return table(read(asked.out))
    split = Split.read(asked.split, asked.photos_folder)
    for seed in range(asked.draws):
        for count in asked.photos:
            for steps in asked.steps:
                done = {(int(row["photos"]), int(row["steps"]), int(row["draw"])) for row in read(asked.out)}
                if (count, steps, seed) not in done:
                    row = measure(split, count, steps, seed)
                    with asked.out.open("a", encoding="utf-8") as file:
                        csv.writer(file, lineterminator="\n").writerows([row] if done else [COLUMNS, row])
                    print(*row, flush=True)


if __name__ == "__main__":
    main()
