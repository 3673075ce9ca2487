"""Linear discriminant analysis on embeddings, in closed form: embeddings -> `Head`, calibrated by cross-validation.

All classes share one covariance, shrunk towards a multiple of the identity, and are equally probable (Friedman, 1989).
It needs only sums over the photos, so a million photos take no more memory than a thousand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from clothes.errors import PhotosError
from clothes.inference.metrics import apply_temperature, calibrate_temperature, log_loss, lowest_kept
from clothes.models.litert_head import Head
from clothes.training.bundle_info import COVERAGE

STRENGTHS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.995)  # of the shrinkage
_USUAL_STRENGTH = 0.99  # if no photo can be held out
_USUAL_VARIANCE = 0.3  # of the embeddings of a class, if each class has one photo
_USUAL_THRESHOLD = 0.5  # of the similarity, if no photo can be held out
_AWAY = 0.5  # of the mean embedding of other photos is taken from each centre; with 1, unlike things are let in
_MOST_JUDGED = 5000  # photos held out to choose the strength
_SAME = 1e-10  # variance of embeddings of length 1, below which they are the same but for rounding
_MARGIN = 1e-4  # of the threshold, for the rounding of other processors

Blocks = Callable[[np.ndarray], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Of the photos at these positions yields positions int (n,) and embeddings float32 (n, units) of length 1."""


@dataclass(frozen=True)
class Fit:
    """A fitted head, and what was predicted for the photos that were held out.

    A prediction is accepted if its similarity to the nearest centre reaches `threshold`. `scores` float32 (M, classes)
    and `similarity` (M,) belong to the photos at the positions `judged`.
    """

    head: Head
    strength: float
    threshold: float
    judged: np.ndarray
    scores: np.ndarray
    similarity: np.ndarray


class _Sums:
    """Counts, sums and products of the embeddings of some photos."""

    def __init__(self, classes: int, units: int) -> None:
        self.counts, self.sums = np.zeros(classes), np.zeros((classes, units))
        self.products = np.zeros((units, units))

    def add(self, values: np.ndarray, labels: np.ndarray) -> None:
        self.counts += np.bincount(labels, minlength=len(self.counts))
        np.add.at(self.sums, labels, values)
        self.products += values.T @ values

    def combined(self, other: Self, sign: int) -> "_Sums":
        result = _Sums(*self.sums.shape)
        result.counts = self.counts + sign * other.counts
        result.sums = self.sums + sign * other.sums
        result.products = self.products + sign * other.products
        return result

    @property
    def means(self) -> np.ndarray:
        return self.sums / np.maximum(self.counts, 1)[:, None]

    @property
    def centres(self) -> np.ndarray:
        """The mean direction of each class, of length 1."""
        return self.means / np.maximum(np.linalg.norm(self.means, axis=1, keepdims=True), 1e-9)

    def discriminants(self, strengths: Sequence[float], units: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields weights (units, classes) and bias (classes,) for each strength; a class without photos has -inf."""
        within = (self.products - self.sums.T @ self.means) / self.counts.sum()
        variance = np.trace(within) / units
        if variance < 1e-6 * _USUAL_VARIANCE / units:
            variance = _USUAL_VARIANCE / units
        present = self.counts > 0
        origin = self.means[present].mean(axis=0)
        offsets = (self.means - origin).T
        for strength in strengths:
            weights = np.linalg.solve((1 - strength) * within + strength * variance * np.eye(len(within)), offsets)
            bias = -(offsets * weights).sum(axis=0) / 2 - origin @ weights
            yield weights, np.where(present, bias, -np.inf)


def fit(
    blocks: Blocks,
    labels: np.ndarray,
    folds: np.ndarray,
    classes: int,
    *,
    strength: float | None = None,
    others: np.ndarray | None = None,
) -> Fit:
    """Returns the head for the embeddings of all photos, of which `labels` and `folds` int (N,) are class and fold.

    The strength of the shrinkage, unless given, is the one with the lowest log loss on photos that are held out, fold
    by fold. They set the temperature and the threshold too. What resembles `others`, the mean embedding (units,) of
    photos of no class, is less similar to every class. Raises PhotosError if all embeddings are the same.
    """
    everything = np.arange(len(labels))
    basis = _basis(blocks, everything)
    units, size = basis.shape
    away = np.zeros(units) if others is None else _AWAY * others
    parts = [_Sums(classes, size) for _ in range(int(folds.max()) + 1)]
    for positions, values in blocks(everything):
        projected = values @ basis
        for fold in np.unique(folds[positions]):
            chosen = folds[positions] == fold
            parts[fold].add(projected[chosen], labels[positions[chosen]])
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.combined(part, 1)
    if np.trace(whole.products) - ((whole.sums.sum(axis=0)) ** 2).sum() / len(labels) < _SAME * len(labels):
        raise PhotosError("All photos look the same to the network, so no class can be told from another. Take others.")
    judged = _choose_judged(labels, folds, whole.counts - np.array([part.counts for part in parts]))
    strengths = (strength,) if strength is not None else STRENGTHS if len(judged) else (_USUAL_STRENGTH,)
    logits, similarity = _judge(blocks, basis, folds, judged, whole, parts, strengths, away)
    calibrated = [_calibrate(found, labels[judged]) for found in logits]
    best = min(range(len(strengths)), key=lambda i: calibrated[i][2])
    temperature, scores, _ = calibrated[best]
    ((weights, bias),) = whole.discriminants(strengths[best : best + 1], units)
    head = Head(
        (basis @ weights / temperature).astype(np.float32),
        (bias / temperature).astype(np.float32),
        (whole.centres @ basis.T - away).astype(np.float32),
    )
    return Fit(head, strengths[best], _threshold(similarity), judged, scores, similarity)


def recalibrate(fitted: Fit, values: np.ndarray, labels: np.ndarray) -> Fit:
    """Returns the fit with temperature and threshold of other photos: embeddings float32 (N, units) of length 1."""
    head = fitted.head
    temperature, _, _ = _calibrate(values @ head.weights + head.bias, labels)
    scaled = replace(head, weights=head.weights / np.float32(temperature), bias=head.bias / np.float32(temperature))
    return replace(fitted, head=scaled, threshold=_threshold((values @ head.centres.T).max(axis=1)))


def make_folds(labels: np.ndarray, groups: Sequence[str], count: int) -> np.ndarray:
    """Returns the fold of each photo: int (N,). Photos of a group stay together, and each class is spread evenly.

    An empty group is a photo on its own.
    """
    units: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        units.setdefault(group or f"\0{i}", []).append(i)
    folds = np.zeros(len(labels), dtype=np.int64)
    have = np.zeros((min(count, len(units)), int(labels.max()) + 1))
    for members in sorted(units.values(), key=len, reverse=True):
        present = np.unique(labels[members])
        filled = have[:, present].sum(axis=1) + have.sum(axis=1) / (have.sum() + 1)  # the class first, then the fold
        folds[members] = fold = int(filled.argmin())
        np.add.at(have[fold], labels[members], 1)
    return folds


def _basis(blocks: Blocks, positions: np.ndarray) -> np.ndarray:
    """Returns axes (units, N) of the space that a few embeddings span, or all axes if there are many photos."""
    _, first = next(blocks(positions[:1]))
    units = first.shape[1]
    if len(positions) > units:
        return np.eye(units)
    values = np.concatenate([block for _, block in blocks(positions)]).astype(np.float64)
    products = values @ values.T
    products[np.diag_indices_from(products)] += 1e-9  # the same photo twice spans one axis
    return values.T @ np.linalg.inv(np.linalg.cholesky(products)).T


def _choose_judged(labels: np.ndarray, folds: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Returns positions of photos to hold out: `left` (folds, classes) of the other folds has their class and another.

    Where their class alone is left, no answer could be wrong.
    """
    possible = np.flatnonzero((left[folds, labels] > 0) & ((left > 0).sum(axis=1)[folds] > 1))
    if len(possible) <= _MOST_JUDGED:
        return possible
    return possible[np.linspace(0, len(possible) - 1, _MOST_JUDGED).astype(int)]


def _judge(
    blocks: Blocks,
    basis: np.ndarray,
    folds: np.ndarray,
    judged: np.ndarray,
    whole: _Sums,
    parts: Sequence[_Sums],
    strengths: Sequence[float],
    away: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits (strengths, M, classes) and similarity (M,) of photos by what the other folds say of them."""
    place = np.full(len(folds), -1)
    place[judged] = np.arange(len(judged))
    logits = np.zeros((len(strengths), len(judged), len(whole.counts)), dtype=np.float32)
    similarity = np.zeros(len(judged), dtype=np.float32)
    for fold in np.unique(folds[judged]):
        rest = whole.combined(parts[fold], -1)
        heads, centres = list(rest.discriminants(strengths, len(basis))), rest.centres - away @ basis
        for positions, values in blocks(judged[folds[judged] == fold]):
            projected, to = values @ basis, place[positions]
            for i, (weights, bias) in enumerate(heads):
                logits[i, to] = projected @ weights + bias
            similarity[to] = (projected @ centres.T).max(axis=1, initial=-1)
    return logits, similarity


def _calibrate(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Returns the temperature of logits (N, classes), the scores with it, and their log loss."""
    if not len(labels):
        return 1.0, logits, 0.0
    logits = logits - logits.max(axis=1, keepdims=True)
    margin = max(1e-3, float(np.median(-np.sort(logits, axis=1)[:, -2])) / 4)  # to where temperatures are searched
    scores = np.exp(logits / margin)
    scores /= scores.sum(axis=1, keepdims=True)
    temperature = calibrate_temperature(scores, labels)
    scores = apply_temperature(scores, temperature)
    return margin * temperature, scores, log_loss(scores, labels)


def _threshold(similarity: np.ndarray) -> float:
    if not len(similarity):
        return _USUAL_THRESHOLD
    return lowest_kept(similarity, COVERAGE) - _MARGIN
