"""Linear discriminant analysis with shrinkage: a classifier of features that is fitted in a moment. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothes.metrics import apply_temperature, calibrate_temperature


@dataclass(frozen=True)
class Discriminant:
    """A linear classifier: features (N, units) -> logits (N, classes), of which the highest is 0."""

    weights: np.ndarray  # (units, classes)
    biases: np.ndarray  # (classes,)

    def logits(self, features: np.ndarray) -> np.ndarray:
        found: np.ndarray = features @ self.weights + self.biases
        return found - found.max(axis=1, keepdims=True)


def fit(features: np.ndarray, labels: np.ndarray, classes: int) -> Discriminant:
    """The discriminant of these features (N, units) with labels int (N,); each class counts as equally likely.

    The classes' common covariance is shrunk as much as few photos need it (Ledoit and Wolf, 2004). A class without
    photos is never the answer.
    """
    x = features.astype(np.float64)
    counts = np.bincount(labels, minlength=classes)
    means = np.zeros((classes, x.shape[1]))
    np.add.at(means, labels, x)
    means /= np.maximum(counts, 1)[:, None]
    rest = x - means[labels]
    number, units = rest.shape
    covariance = rest.T @ rest / number
    size = np.trace(covariance) / units or 1.0
    spread = max(1e-12, float((covariance**2).sum() - units * size**2))
    noise = float(((rest**2).sum(axis=1) ** 2).sum() / number - (covariance**2).sum()) / number
    shrinkage = min(1.0, max(1e-4, noise / spread))
    covariance = (1 - shrinkage) * covariance + shrinkage * size * np.eye(units)
    weights = np.linalg.solve(covariance, means.T)
    biases = -0.5 * (means.T * weights).sum(axis=0)
    return Discriminant(weights, np.where(counts > 0, biases, -np.inf))


def cross_validated(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[str], classes: int, *, folds: int = 5
) -> np.ndarray:
    """Probabilities (N, classes) for each photo from a discriminant that saw neither it nor others of its group.

    An empty group is a photo on its own. The probabilities are calibrated.
    """
    rng = np.random.default_rng(0)
    names = [name or f"\0{i}" for i, name in enumerate(groups)]
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    units = sorted(first, key=lambda name: (labels[first[name]], rng.random()))  # each class over all folds
    fold_of = {name: i % folds for i, name in enumerate(units)}
    fold = np.array([fold_of[name] for name in names])
    logits = np.zeros((len(labels), classes))
    for number in range(min(folds, len(units))):
        out = fold == number
        logits[out] = fit(features[~out], labels[~out], classes).logits(features[out])
    rough = np.exp(logits / max(1.0, float(np.median(-np.sort(logits, axis=1)[:, -2])) / 4))  # near enough to calibrate
    scores = rough / rough.sum(axis=1, keepdims=True)
    return apply_temperature(scores, calibrate_temperature(scores, labels))
