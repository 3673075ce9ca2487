"""The learning curve: how many validation photos are right with a quarter, a half, three quarters and all of the train
photos. Quick on the features that a run keeps, or true by training anew. The test part is not looked at."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clothes.errors import PhotoError
from clothes.evaluation import discriminant
from clothes.evaluation.embeddings import Features
from clothes.inference.classifier import Classifier, load
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.photos.splits import Row

if TYPE_CHECKING:
    from clothes.training.callbacks import TrainingCallback

SHARES = (0.25, 0.5, 0.75, 1.0)
_REPEATS = 5  # other photos each time


@dataclass(frozen=True)
class Point:
    """With so many train `photos`: how often each validation photo is right, `hits` float (N,) from 0 to 1."""

    photos: int
    hits: np.ndarray


def quick_curve(features: Features, classes: int) -> tuple[Point, ...]:
    """The curve of a quick classifier on a run's features, in seconds; its fewer photos are of fewer groups.

    The features were learnt from all train photos, so the curve is flatter than the true one.
    """
    train, validation = np.flatnonzero(features.part("train")), np.flatnonzero(features.part("validation"))
    rows = [features.rows[i] for i in train]
    points = []
    for share in SHARES:
        hits, used = np.zeros(len(validation)), 0
        repeats = 1 if share == 1 else _REPEATS
        for seed in range(repeats):
            chosen = train[choose(rows, share, seed=seed)]
            fitted = discriminant.fit(features.values[chosen], features.labels[chosen], classes)
            answers = fitted.logits(features.values[validation]).argmax(axis=1)
            hits += (answers == features.labels[validation]) / repeats
            used = len(chosen)
        points.append(Point(used, hits))
    return tuple(points)


def true_curve(run: Run, *, watching: "Callable[[], AbstractContextManager[TrainingCallback]]") -> tuple[Point, ...]:
    """The curve of the run's own network: trained anew on each share, with as many steps as the run had.

    The trainings lie in the run's folder learning-curve; those that are there already are used, or gone on with.
    `watching` gives what sees one of them.
    """
    from clothes.training.pipeline import train

    split, config = run.split, run.config
    learnt = split.part("train")
    validation = [row for row in split.part("validation") if row.label != OTHER]
    points = []
    for share in SHARES[:-1]:
        rows = tuple(learnt[i] for i in choose(learnt, share, seed=0))
        folder = run.path / "learning-curve" / f"{share:.0%}".removesuffix("%")
        with watching() as callback:
            if (folder / "run.json").exists():
                made = train(run.photos, out=folder, resume=True, callback=callback)
            else:
                longer = {name: math.ceil(getattr(config.train, name) / share) for name in ("epochs", "patience")}
                part = replace(split, rows=(*rows, *split.part("validation")), notes=(), skipped=())
                settings = config.changed({"train": longer})
                made = train(run.photos, out=folder, config=settings, split=part, callback=callback)
        points.append(Point(sum(row.label != OTHER for row in rows), hits_of(load(made.path), run, validation)))
    whole = Point(sum(row.label != OTHER for row in learnt), hits_of(load(run.path), run, validation))
    return (*points, whole)


def hits_of(classifier: Classifier, run: Run, rows: Sequence[Row]) -> np.ndarray:
    """Which photos of a run a classifier answers right: float (N,), 0 for one that cannot be read."""
    answers = classifier.predict_many(run.photos / row.photo for row in rows)
    right = (not isinstance(p, PhotoError) and p.label == row.label for p, row in zip(answers, rows, strict=True))
    return np.fromiter(right, dtype=float)


def choose(rows: Sequence[Row], share: float, *, seed: int) -> list[int]:
    """The positions of this share of each class's photos, one at least, whole groups first.

    A smaller share of the same seed is part of a larger one.
    """
    rng = np.random.default_rng(seed)
    rank: dict[str, float] = {}
    by_class: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for i, row in enumerate(rows):
        by_class[row.label].append((rank.setdefault(row.group or row.photo, rng.random()), i))
    return sorted(i for found in by_class.values() for _, i in sorted(found)[: math.ceil(share * len(found))])
