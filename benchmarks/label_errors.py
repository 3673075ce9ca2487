"""Measures how many of 5 % planted wrong labels the report finds, with embeddings of the bundled model.

    uv run python benchmarks/label_errors.py PHOTOS

Each figure is a mean and a standard deviation over five random plantings.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import clothes
from clothes.evaluation.embeddings import Embeddings
from clothes.evaluation.label_errors import find_label_errors

SHARE, SEEDS = 0.05, 5


def main(photos: Path) -> None:
    classifier = clothes.load()
    split = clothes.split(photos)
    index = {name: i for i, name in enumerate(split.classes)}
    rows = tuple(row for row in split.rows if row.part != "test")
    labels = np.array([index[row.label] for row in rows])
    values = np.stack(list(classifier.features_many(split.root / row.photo for row in rows)))
    embeddings = Embeddings(rows, values, labels, labels).reduced()
    figures = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        planted = rng.choice(len(rows), round(SHARE * len(rows)), replace=False)
        wrong = labels.copy()
        wrong[planted] = (wrong[planted] + rng.integers(1, len(index), len(planted))) % len(index)
        began = time.perf_counter()
        listed = [error.photo for error in find_label_errors(replace(embeddings, labels=wrong), split.classes)]
        seconds = time.perf_counter() - began
        found = len(set(listed) & {rows[i].photo for i in planted})
        figures.append((found / len(planted), found / len(listed), seconds))
    for name, column in zip(("recall", "precision", "seconds"), np.transpose(figures), strict=True):
        print(f"{name:9}  {column.mean():.3f} ± {column.std(ddof=1):.3f}")
    print(f"{len(rows)} photos, {len(planted)} wrong labels each time")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
