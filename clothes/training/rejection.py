"""Tells photos of other things by a network's features: a logistic regression on the train photos, _other against all.

A photo's similarity is its highest score times the probability that it shows no other thing: both must be high.
"""

import numpy as np

from clothes.inference.litert import LiteModel
from clothes.system.threads import map_in_threads
from clothes.training.datasets import Pictures

_FEWEST = 20  # photos of other things
_MOST = 5000  # photos of classes, and of other things
_MOST_STEPS, _SMALL_STEP = 100, 1e-6


def fit_rejection(model: LiteModel, photos: Pictures) -> np.ndarray | None:
    """Returns weights and bias, float32 (units + 1,), or None if there are fewer than 20 photos of other things."""
    others, inside = np.flatnonzero(photos.labels < 0), np.flatnonzero(photos.labels >= 0)
    if len(others) < _FEWEST:
        return None
    chosen = np.concatenate([_spread(inside), _spread(others)])
    features = np.stack(list(map_in_threads(lambda i: model.run(photos.pixels[i]).features, chosen)))
    return _logistic_regression(features.astype(np.float64), photos.labels[chosen] >= 0).astype(np.float32)


def _logistic_regression(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns weights and bias for truth bool (N,), both values of it with the same weight: Newton's method.

    The weights have a penalty of half their squared length.
    """
    x = np.column_stack([features, np.ones(len(features))])
    share = np.where(truth, truth.sum(), (~truth).sum()) * 2 / len(truth)
    penalty, fitted = np.ones(x.shape[1]), np.zeros(x.shape[1])
    penalty[-1] = 1e-6  # of the bias: almost none

    def loss(weights: np.ndarray) -> float:
        logits = x @ weights
        return float(((np.logaddexp(0, logits) - truth * logits) / share).sum() + (penalty * weights**2).sum() / 2)

    for _ in range(_MOST_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(x @ fitted, -50, 50)))
        slope = x.T @ ((probability - truth) / share) + penalty * fitted
        curvature = (x.T * (probability * (1 - probability) / share)) @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        while loss(fitted - step) > loss(fitted) and np.abs(step).max() >= _SMALL_STEP:
            step /= 2  # it overshoots
        fitted -= step
        if np.abs(step).max() < _SMALL_STEP:
            break
    return fitted


def _spread(positions: np.ndarray) -> np.ndarray:
    """Returns at most 5,000 of them, from everywhere."""
    return positions[np.linspace(0, len(positions) - 1, min(_MOST, len(positions))).astype(int)]
