"""Fits how a parser joins and judges its answers, on validation photos: the entry `outfit` of its bundle."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from clothes.outfits.kinds import CLASSES, GARMENTS
from clothes.outfits.naming import EVIDENCE, Crop, Naming, Scene, evidence
from clothes.outfits.outfit_parser import OutfitParser
from clothes.outfits.regions import Region
from clothes.training.outfits.examples import Example

START = Naming(
    naming=(1.0, 1.0),
    certainty=(0.0, 1.0, 1.0, *(0.0,) * (EVIDENCE - 2)),
    least_area=0.003,
    shown=0.3,
    shown_worn=0.3,
    known=0.5,
)
SMALLEST = 0.004  # share of the photo: the least that counts as a garment
_NEAR = 0.3  # least intersection over union of a region and a garment that are one
_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3)
_PENALTY = 1.0  # on the squares of the weights of the evidence


@dataclass(frozen=True)
class Candidate:
    """A region, what the classifier says of its crop, and the garment that it is, or None."""

    region: Region
    crop: Crop
    truth: str | None


@dataclass(frozen=True)
class Judged:
    """A photo's candidates, its garments, the kind of photo that it is, and what it shows as a whole."""

    candidates: tuple[Candidate, ...]
    garments: frozenset[str]
    kind: str
    scene: Scene


def calibrate(parser: OutfitParser, examples: Iterable[Example]) -> dict[str, Any]:
    """Returns the entry `outfit` of the bundle of a parser, with what it gives on these photos as `measured`."""
    photos = [judge(parser, example) for example in examples]
    candidates = [candidate for photo in photos for candidate in photo.candidates]
    naming = replace(START, naming=_fit_naming(candidates, parser.classes))
    naming = replace(naming, certainty=_fit_certainty(naming, photos, parser.classes))
    answers = [(photo, _answers(naming, photo, parser.classes)) for photo in photos]
    thresholds = np.arange(0.1, 0.5, 0.02).round(2).tolist()
    tried = (replace(naming, shown=one, shown_worn=other) for one, other in itertools.product(thresholds, repeat=2))
    naming = max(tried, key=lambda one: sum(measure(answers, one).values()))
    measured = {"photos": len(photos)} | {key: round(abs(value), 4) for key, value in measure(answers, naming).items()}
    return asdict(naming) | {"measured": measured}


def judge(parser: OutfitParser, example: Example) -> Judged:
    """Finds the candidates of a photo, and what each of them is."""
    view, cells, _ = parser.look(example.pixels)
    garments = garments_of(example)
    found = []
    regions = parser.regions(view, cells)
    for region in regions:
        truth = _truth(view.mask(region.mask), example, garments)
        found.append(Candidate(region, parser.crop(example.pixels, view, region), truth))
    return Judged(tuple(found), garments, example.kind, parser.scene(cells, regions))


def garments_of(example: Example) -> frozenset[str]:
    """The garments that cover enough of a photo, or that are known to be in it."""
    if example.present:
        return frozenset(CLASSES[i] for i in example.present)
    shares = np.bincount(example.mask.ravel(), minlength=256) / example.mask.size
    return frozenset(name for name in GARMENTS if shares[CLASSES.index(name)] >= SMALLEST)


def _truth(mask: np.ndarray, example: Example, garments: frozenset[str]) -> str | None:
    if example.present:
        return next(iter(garments))
    overlaps = {name: overlap(mask, example.mask == CLASSES.index(name)) for name in sorted(garments)}
    best = max(overlaps, key=lambda name: overlaps[name], default=None)
    return best if best and overlaps[best] >= _NEAR else None


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the intersection over union of two masks."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def _answers(naming: Naming, photo: Judged, classes: Sequence[str]) -> list[tuple[str, float]]:
    """Returns the name of each candidate and its confidence."""
    answers = []
    for candidate in photo.candidates:
        names = naming.names(candidate.region, classes, candidate.crop)
        confidence = naming.confidence(names, candidate.region, classes, candidate.crop, photo.scene)
        answers.append((next(iter(names)), confidence))
    return answers


def measure(answers: Sequence[tuple[Judged, list[tuple[str, float]]]], naming: Naming) -> dict[str, float]:
    """Returns what is good, and minus what is bad, with these thresholds."""
    shown = [
        (photo, {name for name, confidence in found if confidence >= naming.least(photo.scene)})
        for photo, found in answers
    ]

    def mean(kind: str, of: Callable[[Judged, set[str]], bool]) -> float:
        values = [of(photo, names) for photo, names in shown if photo.kind == kind]
        return float(np.mean(values)) if values else 0.0

    pairs = [(photo.garments, names) for photo, names in shown if photo.kind == "street"]
    return {
        "f1": f1(pairs),
        "flat_exact": mean("flat", lambda photo, names: names == photo.garments),
        "empty_claimed": -mean("empty", lambda photo, names: bool(names)),
    }


def f1(pairs: Iterable[tuple[frozenset[str], set[str]]]) -> float:
    """Returns the micro F1 of sets of garments: true ones and found ones of each photo."""
    counts = np.array([(len(truth & found), len(truth), len(found)) for truth, found in pairs]).reshape(-1, 3)
    both, truths, founds = counts.sum(axis=0)
    return float(2 * both / max(1, truths + founds))


def _fit_naming(candidates: Sequence[Candidate], classes: Sequence[str]) -> tuple[float, float]:
    """Returns the weights of map and crop that give the true names the highest likelihood."""
    known = [candidate for candidate in candidates if candidate.truth in candidate.crop.scores]

    def likelihood(weights: tuple[float, float]) -> float:
        naming = replace(START, naming=weights)
        shares = (naming.names(one.region, classes, one.crop).get(str(one.truth), 0) for one in known)
        return sum(float(np.log(share + 1e-3)) for share in shares)

    return max(itertools.product(_WEIGHTS, _WEIGHTS), key=likelihood)


def _fit_certainty(naming: Naming, photos: Sequence[Judged], classes: Sequence[str]) -> tuple[float, ...]:
    """Fits a logistic regression of whether the first name of a region is true, by Newton's method.

    All kinds of photos count the same, however many regions they have.
    """
    rows, right, kinds = [], [], []
    for photo in photos:
        for one in photo.candidates:
            names = naming.names(one.region, classes, one.crop)
            rows.append((1.0, *evidence(names, one.region, classes, one.crop, photo.scene)))
            right.append(next(iter(names)) == one.truth)
            kinds.append(photo.kind)
    if not rows:
        return START.certainty
    x, y, weights = np.array(rows), np.array(right, float), np.zeros(1 + EVIDENCE)
    counts = Counter(kinds)
    shares = np.array([len(kinds) / len(counts) / counts[kind] for kind in kinds])
    penalty = _PENALTY * np.diag([0.01, *(1,) * EVIDENCE])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (shares * (y - p)) - penalty @ weights
        weights = weights + np.linalg.solve((x * (shares * p * (1 - p))[:, None]).T @ x + penalty, gradient)
    return tuple(weights.round(4).tolist())
