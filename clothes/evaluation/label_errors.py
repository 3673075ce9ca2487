"""Suspected wrong labels: photos whose own label is contradicted with confidence by all the others."""

from dataclasses import dataclass

import numpy as np

from clothes.evaluation.discriminant import cross_validated
from clothes.evaluation.embeddings import Features


@dataclass(frozen=True)
class Suspect:
    """A photo that may have the wrong label: how likely it is what it is called, and what it looks like instead."""

    photo: str
    label: str
    probability: float
    instead: str
    instead_probability: float


def find_suspects(features: Features, classes: tuple[str, ...]) -> tuple[Suspect, ...]:
    """The photos of train and validation that may have the wrong label, the surest first.

    A photo is suspected where a classifier that did not see it (five-fold cross-validation, groups kept together) gives
    another class at least the probability that this class's own photos have on average, and more than its label: the
    confident disagreement of Northcutt et al. (2021), arXiv 1911.00068. The network itself did learn from the train
    photos, labels and all, so among them some stay hidden.
    """
    labels, positions = features.labels, np.arange(len(features.labels))
    scores = cross_validated(features.values, labels, [row.group for row in features.rows], len(classes))
    own = scores[positions, labels]
    typical = np.array([own[labels == c].mean() if (labels == c).any() else np.inf for c in range(len(classes))])
    others = np.where(scores >= typical, scores, 0)
    others[positions, labels] = 0
    instead = others.argmax(axis=1)
    likelier = others[positions, instead]
    found = np.flatnonzero(likelier > own)
    return tuple(
        Suspect(features.rows[i].photo, classes[labels[i]], float(own[i]), classes[instead[i]], float(likelier[i]))
        for i in found[np.argsort(own[found] - likelier[found], kind="stable")]
    )
