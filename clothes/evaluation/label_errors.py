"""Likely label errors: photos whose label the other photos contradict with confidence."""

from dataclasses import dataclass

import numpy as np

from clothes.evaluation.embeddings import Embeddings
from clothes.evaluation.linear_probe import cross_validate


@dataclass(frozen=True)
class LabelError:
    """A photo that may have the wrong label: the probabilities of its label and of the class it looks like."""

    photo: str
    label: str
    probability: float
    suggestion: str
    suggestion_probability: float


def find_label_errors(embeddings: Embeddings, classes: tuple[str, ...]) -> tuple[LabelError, ...]:
    """Lists the train and validation photos that may have the wrong label, the most likely errors first.

    Confident learning (Northcutt et al., 2021, arXiv 1911.00068): a photo is listed if a linear probe that did not see
    it gives another class more probability than the label, and at least the mean probability which that class has for
    its own photos. The network was trained with these labels, so some errors among the train photos stay hidden.
    """
    labels, positions = embeddings.labels, np.arange(len(embeddings.labels))
    groups = [row.group for row in embeddings.rows]
    scores = cross_validate(embeddings.values, labels, groups, len(classes))
    own = scores[positions, labels]
    thresholds = np.array([own[labels == c].mean() if (labels == c).any() else np.inf for c in range(len(classes))])
    others = np.where(scores >= thresholds, scores, 0)
    others[positions, labels] = 0
    suggestions = others.argmax(axis=1)
    likelier = others[positions, suggestions]
    found = np.flatnonzero(likelier > own)
    return tuple(
        LabelError(
            embeddings.rows[i].photo, classes[labels[i]], float(own[i]), classes[suggestions[i]], float(likelier[i])
        )
        for i in found[np.argsort(own[found] - likelier[found], kind="stable")]
    )
