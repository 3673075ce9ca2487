"""What to photograph next, and how certain that is: from the learning curve and the errors on validation photos."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np

from clothes.evaluation.learning_curve import Point
from clothes.inference.confidence import percent
from clothes.inference.metrics import wilson_interval
from clothes.system.plurals import counted

_RESAMPLES = 1000  # of the bootstrap
_MAX_CONFUSIONS = 3
_SHOWN = 0.001  # the least accuracy gained that is told as a number
_TYPICAL_EXPONENT = 0.31  # of the error of image classification (Hestness et al., 2017, arXiv 1712.00409)
_DISTINCTIVE_PARTS = Path(__file__).with_name("distinctive_parts.json")  # garment -> what tells it from similar ones


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Need:
    """The accuracy gained by `more` photos of a class. `first` is the share of resamples in which it ranks first."""

    label: str
    more: int
    gain: Estimate
    first: float


@dataclass(frozen=True)
class Confusion:
    """How many validation photos of two classes are taken for the other one; 95 % interval of their share."""

    a: str
    b: str
    mistakes: int
    photos: int
    interval: tuple[float, float]

    @property
    def advice(self) -> str:
        """What to photograph so that the two classes are told apart, after the words "photograph" or "Photograph"."""
        known = json.loads(_DISTINCTIVE_PARTS.read_text(encoding="utf-8"))
        parts = [f"{known[name.lower()]} of the {name}" for name in (self.a, self.b) if name.lower() in known]
        return " and ".join(parts) if len(parts) == 2 else "the parts that differ, close up, in the same light"

    def describe(self) -> str:
        low, high = map(percent, self.interval)
        return (
            f"{self.a} and {self.b} are confused ({self.mistakes} of {self.photos} validation photos, 95 % interval "
            f"{low} to {high}): photograph {self.advice}."
        )


@dataclass(frozen=True)
class Recommendations:
    """What to photograph next.

    `curve` holds (train photos, accuracy), `doubling` the accuracy gained by twice as many photos, `validation` the
    number of validation photos. `needs` begins with the class that gains most.
    """

    curve: tuple[tuple[int, Estimate], ...]
    retrained: bool
    doubling: Estimate
    needs: tuple[Need, ...]
    confusions: tuple[Confusion, ...]
    validation: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """Returns sentences for people, the most useful first."""
        return [self.describe_need(), *(pair.describe() for pair in self.confusions), *self.describe_curve()]

    @property
    def need_helps(self) -> bool:
        return self.needs[0].gain.value >= _SHOWN

    @property
    def doubling_helps(self) -> bool:
        return self.doubling.value >= _SHOWN

    def describe_need(self) -> str:
        best, validation = self.needs[0], counted(self.validation, "validation photo")
        if best.gain.value <= 0:
            return (
                f"The errors on the {validation} do not show which photos would help. Add "
                "validation photos, with other places, people and light."
            )
        text = (
            f"{best.more} more photos of {best.label} would help most: {_points(best.gain)} of accuracy. "
            f"It ranks first in {percent(best.first)} of the resamples of the {validation}"
        )
        runner_up = max(self.needs[1:], key=lambda need: need.first, default=None)
        if runner_up is not None and runner_up.first > 0.05:
            text += f", {runner_up.label} in {percent(runner_up.first)}"
        return text + (", so the ranking is uncertain." if best.first < 0.8 else ".")

    def describe_curve(self) -> list[str]:
        points = ", ".join(f"{percent(found.value)} with {photos:,}" for photos, found in self.curve)
        gain = f"Twice as many photos of the same kind would add {_points(self.doubling)}."
        if self.doubling_helps and self.doubling.low <= _SHOWN:
            gain += " They may also add nothing: the remaining errors may need other photos."
        origin = (
            "Each point is one training; another seed would move it slightly."
            if self.retrained
            else "This learning curve is a quick estimate: a linear classifier on the features of the trained "
            "network. It is flatter than the curve of the network itself, and its intervals are wide. On the command "
            "line, `clothes report RUN --retrain` measures that curve, in about three times the training time."
        )
        return [f"Validation accuracy: {points} train photos.", gain, origin]


def recommend(
    classes: Sequence[str],
    curve: Sequence[Point],
    *,
    train: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    retrained: bool,
) -> Recommendations:
    """Returns the recommendations for a run.

    `train` holds the labels of the train photos, `truth` and `answers` the labels and predictions of the validation
    photos, all of them class indices int (N,). Without `retrained` the curve is the one of a linear probe.

    The error falls with the number of photos by a power law, and a class's own errors fall with its own photos. The
    exponent is fitted to the curve. The exponent of a probe is too low, so a value between it and the typical one is
    drawn for each resample. Intervals are percentiles 2.5 and 97.5 of a bootstrap of the validation photos.
    """
    number, rng = len(truth), np.random.default_rng(0)
    hits, wrong = np.stack([point.hits for point in curve]), truth != answers
    resamples = (rng.integers(0, number, number) for _ in range(_RESAMPLES))  # one at a time: each has all photos
    found = [
        (hits[:, i].mean(axis=1), np.bincount(truth[i], weights=wrong[i], minlength=len(classes)) / number)
        for i in chain([np.arange(number)], resamples)  # unchanged first
    ]
    accuracies, errors = map(np.stack, zip(*found, strict=True))  # (resamples, points), (resamples, classes)
    exponents = _fit_exponents(np.array([point.photos for point in curve]), accuracies, min_error=0.5 / number)
    if not retrained:
        exponents += (_TYPICAL_EXPONENT - exponents) * np.append(0.5, rng.random(_RESAMPLES))
    more = int(max(10, round(len(train) / len(classes) / 2, -1)))
    counts = np.bincount(train, minlength=len(classes))
    remaining = (counts / (counts + more)) ** exponents[:, None]  # share of the errors, (resamples, classes)
    gains = errors * (1 - remaining)
    is_best = gains[1:] == gains[1:].max(axis=1, keepdims=True)
    first = (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)  # ties are divided
    needs = [Need(name, more, _estimate(gains[:, c]), float(first[c])) for c, name in enumerate(classes)]
    return Recommendations(
        curve=tuple((point.photos, _estimate(accuracies[:, i])) for i, point in enumerate(curve)),
        retrained=retrained,
        doubling=_estimate((1 - accuracies[:, -1]) * (1 - 0.5**exponents)),
        needs=tuple(sorted(needs, key=lambda need: (-need.gain.value, -need.first))),
        confusions=_find_confusions(classes, truth, answers),
        validation=number,
    )


def _fit_exponents(photos: np.ndarray, accuracies: np.ndarray, *, min_error: float) -> np.ndarray:
    """Returns the exponent of the power law of the error, from 0 to 1, for each row of accuracies."""
    x = np.log(photos) - np.log(photos).mean()
    y = np.log(np.maximum(1 - accuracies, min_error))
    exponents: np.ndarray = -(y * x).sum(axis=1) / max(float((x * x).sum()), 1e-9)
    return exponents.clip(0, 1)


def _estimate(resamples: np.ndarray) -> Estimate:
    return Estimate(float(resamples[0]), *map(float, np.percentile(resamples[1:], (2.5, 97.5))))


def _find_confusions(classes: Sequence[str], truth: np.ndarray, answers: np.ndarray) -> tuple[Confusion, ...]:
    found = []
    for a, b in combinations(range(len(classes)), 2):
        photos = int(((truth == a) | (truth == b)).sum())
        mistakes = int((((truth == a) & (answers == b)) | ((truth == b) & (answers == a))).sum())
        if mistakes > 1:
            found.append(Confusion(classes[a], classes[b], mistakes, photos, wilson_interval(mistakes, photos)))
    return tuple(sorted(found, key=lambda pair: -pair.mistakes)[:_MAX_CONFUSIONS])


def _points(found: Estimate) -> str:
    if found.value < _SHOWN:
        return f"less than {100 * _SHOWN:.1f} points"
    return f"about {100 * found.value:.1f} points (95 % interval {100 * found.low:.1f} to {100 * found.high:.1f})"
