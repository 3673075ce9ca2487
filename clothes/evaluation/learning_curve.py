"""The learning curve: validation accuracy with 25, 50, 75 and 100 % of the train photos.

Estimated by a linear probe on the run's embeddings, or measured by retraining. The test part is not opened.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clothes.config import Config
from clothes.errors import PhotoError, RunError
from clothes.evaluation.embeddings import Embeddings
from clothes.evaluation.linear_probe import probe
from clothes.inference.classifier import Classifier, load
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split
from clothes.training.callbacks import PassingCallback, TrainingCallback

CallbackFactory = Callable[[], AbstractContextManager[TrainingCallback]]  # called for each training

SHARES = (0.25, 0.5, 0.75, 1.0)
_REPEATS = 5  # random subsets for each share


@dataclass(frozen=True)
class Point:
    """The share of subsets for which each validation photo is right, `hits` float (N,), with so many train `photos`."""

    photos: int
    hits: np.ndarray


def probe_curve(embeddings: Embeddings, classes: int) -> tuple[Point, ...]:
    """Estimates the curve with a linear probe on a run's embeddings, in seconds.

    It is flatter than the curve of the network, which learnt the embeddings from all train photos.
    """
    train = np.flatnonzero(embeddings.is_part("train"))
    validation = embeddings.is_part("validation")
    rows = [embeddings.rows[i] for i in train]
    points = []
    for share in SHARES:
        repeats = 1 if share == 1 else _REPEATS
        hits = np.zeros(np.count_nonzero(validation))
        for seed in range(repeats):
            subset = train[choose_subset(rows, share, seed=seed)]
            scores = probe(embeddings.values[subset], embeddings.labels[subset], embeddings.values[validation], classes)
            hits += (scores.argmax(axis=1) == embeddings.labels[validation]) / repeats
        points.append(Point(len(subset), hits))
    return tuple(points)


def retrained_curve(run: Run, *, watching: CallbackFactory) -> tuple[Point, ...]:
    """Measures the curve of the run's own network, retrained on each share with as many steps as the run had.

    The trainings are kept in the run's folder learning-curve. Finished ones are reused, interrupted ones resumed.
    `watching` makes the callback of each of them.
    """
    if "folds" in run.info.get("asked", {}):
        raise RunError(
            f"{run.path} learnt from its validation photos too (--folds): there are none to measure on. Train without "
            "--folds, or leave --retrain out."
        )
    validation = [row for row in run.split.part("validation") if row.label != OTHER]
    train = run.split.part("train")
    points = []
    for share in SHARES:
        rows = [train[i] for i in choose_subset(train, share, seed=0)]
        path = run.path if share == 1 else _retrain(run, rows, share, watching)
        photos = sum(row.label != OTHER for row in rows)
        points.append(Point(photos, _hits(load(path), run, validation)))
    return tuple(points)


def _retrain(run: Run, rows: Sequence[Row], share: float, watching: CallbackFactory) -> Path:
    """Trains the run's network on these train photos, or resumes that. Returns the folder of the training."""
    from clothes.training.train import train

    folder = run.path / "learning-curve" / str(round(100 * share))
    with watching() as callback:
        if (folder / "run.json").exists():
            return train(run.photos, out=folder, resume=True, callback=callback).path
        longer = {name: math.ceil(getattr(run.config.train, name) / share) for name in ("epochs", "patience")}
        split = replace(run.split, rows=(*rows, *run.split.part("validation")), notes=(), skipped=())
        config, asked = run.config.changed({"train": longer}), run.info.get("asked", {})
        built_on = {name: asked[name] for name in ("trunk", "teacher") if name in asked}
        return train(run.photos, out=folder, config=config, split=split, callback=_OfShare(callback), **built_on).path


class _OfShare(PassingCallback):
    """Says nothing about the photos that a share leaves out on purpose."""

    def on_start(self, run: Run, config: Config, split: Split) -> None:
        super().on_start(run, config, replace(split, notes=()))


def _hits(classifier: Classifier, run: Run, rows: Sequence[Row]) -> np.ndarray:
    """Returns 1.0 for each photo that is classified correctly, 0.0 for the others and unreadable ones: (N,)."""
    answers = classifier.predict_many(run.photos / row.photo for row in rows)
    right = (not isinstance(p, PhotoError) and p.label == row.label for p, row in zip(answers, rows, strict=True))
    return np.fromiter(right, dtype=float)


def choose_subset(rows: Sequence[Row], share: float, *, seed: int) -> list[int]:
    """Returns the positions of a share of each class's photos, at least one, group by group.

    With the same seed a smaller share is a subset of a larger one.
    """
    rng = np.random.default_rng(seed)
    rank: dict[str, float] = {}
    by_class: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for i, row in enumerate(rows):
        by_class[row.label].append((rank.setdefault(row.group or row.photo, rng.random()), i))
    return sorted(i for found in by_class.values() for _, i in sorted(found)[: math.ceil(share * len(found))])
