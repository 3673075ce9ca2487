"""What to photograph next, and how sure that is: from the learning curve and the mistakes on validation photos."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clothes.evaluation.learning_curve import Point
from clothes.inference.confidence import percent
from clothes.metrics import wilson_interval

_DRAWS = 1000  # of the bootstrap
_SHOWN = 3  # confusions
_USUAL = 0.31  # exponent of the error of image classification (Hestness et al., 2017, arXiv 1712.00409)
# What tells a kind of clothes from its neighbours, and so has to be seen.
_MARKS = {
    "dress": "its whole length, from the shoulders to the hem",
    "hat": "the brim",
    "hoodie": "the hood",
    "jacket": "zip, lining and thickness",
    "jeans": "both legs to the end",
    "longsleeve": "cuffs and neckline",
    "outwear": "zip, lining and thickness",
    "pants": "both legs to the end",
    "polo": "the short row of buttons",
    "pullover": "the knit and the waistband",
    "shirt": "collar and buttons",
    "shoes": "sole and laces",
    "shorts": "where the legs end",
    "skirt": "waistband and hem",
    "sweater": "the knit and the waistband",
    "t-shirt": "the short sleeves, spread out",
    "top": "straps and neckline",
    "trouser": "both legs to the end",
    "trousers": "both legs to the end",
}


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Need:
    """What `more` photos of a class would add to the accuracy, and in which share of the resamplings it is the most."""

    label: str
    more: int
    gain: Estimate
    first: float


@dataclass(frozen=True)
class Confusion:
    """Two classes taken for each other: so many of their validation photos, with the 95 % interval of the share."""

    a: str
    b: str
    mistakes: int
    photos: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class Advice:
    """What to photograph next. `curve` is (train photos, accuracy); `doubling` what twice as many photos would add."""

    curve: tuple[tuple[int, Estimate], ...]
    retrained: bool
    doubling: Estimate
    needs: tuple[Need, ...]
    confusions: tuple[Confusion, ...]
    validation: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """In plain words, the most useful first."""
        return [*self._say_need(), *map(_say_confusion, self.confusions), *self._say_curve()]

    def _say_need(self) -> list[str]:
        best = self.needs[0]
        if best.gain.value <= 0:
            return [
                f"No mistake on {self.validation} validation photos tells what to photograph next. More validation "
                "photos, and other places, people and light would."
            ]
        text = (
            f"{best.more} more photos of {best.label} would help most: about {_points(best.gain)} of accuracy. "
            f"It comes first in {percent(best.first)} of resamplings of the {self.validation} validation photos"
        )
        rival = max(self.needs[1:], key=lambda need: need.first, default=None)
        if rival is not None and rival.first > 0.05:
            text += f", {rival.label} in {percent(rival.first)}"
        return [text + (". So which class comes first is not certain." if best.first < 0.8 else ".")]

    def _say_curve(self) -> list[str]:
        shares = ", ".join(f"{percent(found.value)} with {photos:,}" for photos, found in self.curve)
        lines = [f"Right on validation photos: {shares} train photos."]
        sure = (
            "" if self.doubling.low > 0.001 else " So they may also add nothing: other mistakes may need other photos."
        )
        lines.append(f"Twice as many photos of the same kind would add about {_points(self.doubling)}.{sure}")
        if not self.retrained:
            lines.append(
                "This curve is of a quick classifier on what the network learnt from all photos, so it is flatter than "
                "the true one, and the intervals are wide. `clothes report RUN --retrain` trains anew for it, which "
                "takes about three times the training."
            )
        else:
            lines.append("Each point is one training; another seed would move it a little.")
        return lines


def advise(
    classes: Sequence[str],
    curve: Sequence[Point],
    *,
    train: np.ndarray,
    truth: np.ndarray,
    answers: np.ndarray,
    retrained: bool,
) -> Advice:
    """The advice for a run: `train` are the labels of its train photos, `truth` and `answers` those of its validation
    photos, int (N,), places among the classes.

    Errors fall with the number of photos by a power law. Its exponent is that of the curve where networks were trained
    for it; that of a quick curve is too low, so it may lie anywhere between this one and what is usual. A class gains
    what its own mistakes would lose. Intervals are of a bootstrap of the validation photos, percentiles 2.5 and 97.5.
    """
    number, rng = len(truth), np.random.default_rng(0)
    draws = np.vstack([np.arange(number), rng.integers(0, number, (_DRAWS, number))])  # the first: as it is
    hits = np.stack([point.hits for point in curve])
    accuracies = np.stack([row[draws].mean(axis=1) for row in hits], axis=1)  # (draws, points)
    exponents = _exponents(np.array([point.photos for point in curve]), accuracies, least=0.5 / number)
    if not retrained:
        exponents += (_USUAL - exponents) * np.append(0.5, rng.random(_DRAWS))
    counts = np.bincount(train, minlength=len(classes))
    more = max(10, round(len(train) / len(classes) / 2, -1))
    wrong = np.stack(
        [np.bincount(truth[draw], weights=truth[draw] != answers[draw], minlength=len(classes)) for draw in draws]
    )
    shrink = 1 - (counts / (counts + more)) ** exponents[:, None]
    gains = wrong / number * shrink  # (draws, classes)
    ties = gains[1:] == gains[1:].max(axis=1, keepdims=True)
    first = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
    needs = [Need(name, int(more), _estimate(gains[:, c]), float(first[c])) for c, name in enumerate(classes)]
    return Advice(
        curve=tuple((point.photos, _estimate(accuracies[:, i])) for i, point in enumerate(curve)),
        retrained=retrained,
        doubling=_estimate((1 - accuracies[:, -1]) * (1 - 0.5**exponents)),
        needs=tuple(sorted(needs, key=lambda need: (-need.gain.value, -need.first))),
        confusions=_confusions(classes, truth, answers),
        validation=number,
    )


def _exponents(photos: np.ndarray, accuracies: np.ndarray, *, least: float) -> np.ndarray:
    """The exponent of the power law of the error, from 0 to 1, for each row of accuracies."""
    x = np.log(photos) - np.log(photos).mean()
    y = np.log(np.maximum(1 - accuracies, least))
    fitted: np.ndarray = -(y * x).sum(axis=1) / max(float((x * x).sum()), 1e-9)
    return fitted.clip(0, 1)


def _estimate(draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws[1:], (2.5, 97.5))
    return Estimate(float(draws[0]), float(low), float(high))


def _confusions(classes: Sequence[str], truth: np.ndarray, answers: np.ndarray) -> tuple[Confusion, ...]:
    found = []
    for a in range(len(classes)):
        for b in range(a + 1, len(classes)):
            photos = int(((truth == a) | (truth == b)).sum())
            mistakes = int((((truth == a) & (answers == b)) | ((truth == b) & (answers == a))).sum())
            if mistakes > 1:
                found.append(Confusion(classes[a], classes[b], mistakes, photos, wilson_interval(mistakes, photos)))
    return tuple(sorted(found, key=lambda pair: -pair.mistakes)[:_SHOWN])


def _say_confusion(pair: Confusion) -> str:
    low, high = pair.interval
    marks = [f"{_MARKS[name.lower()]} of the {name}" for name in (pair.a, pair.b) if name.lower() in _MARKS]
    advice = " and ".join(marks) if len(marks) == 2 else "what tells them apart, from near, in the same light"
    return (
        f"{pair.a} and {pair.b} are confused ({pair.mistakes} of {pair.photos} validation photos, 95 % interval "
        f"{percent(low)} to {percent(high)}): photograph {advice}."
    )


def _points(found: Estimate) -> str:
    return f"{100 * found.value:.1f} points (95 % interval {100 * found.low:.1f} to {100 * found.high:.1f})"
