"""A linear probe: linear discriminant analysis on a network's embeddings, fitted in a second. Needs scikit-learn."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedGroupKFold

from clothes.inference.metrics import apply_temperature, calibrate_temperature

_FOLDS = 5
_NEVER = -1e3  # log-probability of a class without training examples


def probe(train: np.ndarray, labels: np.ndarray, values: np.ndarray, classes: int) -> np.ndarray:
    """Returns the log-probabilities (N, classes) of `values` (N, units) by a discriminant fitted to `train` (M, units).

    `labels` int (M,) are the classes of `train`. One shrinkage for the covariance that all classes share (Ledoit and
    Wolf, 2004): scikit-learn's "auto" estimates one for each class, which fails with two or five photos of a class.
    """
    present, index = np.unique(labels, return_inverse=True)
    means = np.stack([train[index == i].mean(axis=0) for i in range(len(present))])
    found = np.full((len(values), classes), _NEVER)
    if 1 < len(present) < len(labels):
        shrinkage = ledoit_wolf_shrinkage(train - means[index], assume_centered=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Only one sample available")  # of a class
            model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(train, labels)
        found[:, present] = model.predict_log_proba(values)
    else:  # one class, or one example of each: the nearest mean
        found[:, present] = -np.square(values[:, None] - means).sum(axis=2)
    return found


def cross_validate(values: np.ndarray, labels: np.ndarray, groups: Sequence[str], classes: int) -> np.ndarray:
    """Returns calibrated probabilities (N, classes) of each example, by a probe that saw neither it nor its group.

    An empty group is an example on its own. Makes five folds, stratified by class, or fewer if there are fewer groups
    or no class has five examples. If two folds are not possible, all classes are equally probable.
    """
    names = [group or f"\0{i}" for i, group in enumerate(groups)]
    count = min(_FOLDS, len(set(names)), int(np.bincount(labels).max()))
    if count < 2:
        return np.full((len(labels), classes), 1 / classes)
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    logits = np.zeros((len(labels), classes))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        for fitted, held_out in folds.split(values, labels, names):
            if len(fitted) and len(held_out):
                logits[held_out] = probe(values[fitted], labels[fitted], values[held_out], classes)
    logits -= logits.max(axis=1, keepdims=True)
    margin = float(np.median(-np.sort(logits, axis=1)[:, -2]))
    scores = np.exp(logits / max(1.0, margin / 4))  # into the range of temperatures that is searched
    scores /= scores.sum(axis=1, keepdims=True)
    return apply_temperature(scores, calibrate_temperature(scores, labels))
