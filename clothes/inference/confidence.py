"""Where "not sure" comes from: a prediction below the bundle's threshold is rejected (out of distribution).

Training calibrates the scores with a temperature and picks the threshold on the validation part
(`clothes.inference.metrics`). The bundle holds both: the temperature inside its model, the threshold in bundle.json.
The threshold is one of the confidence, or of the similarity if the model has that output
(`clothes.inference.litert.Outputs`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """The answer for one photo. `scores` holds the probability of each class, highest first.

    If `known` is false the prediction is rejected ("not sure"): the photo may show none of the classes, and `label` is
    the best guess.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    known: bool
    photo: str | None = None

    @classmethod
    def from_scores(
        cls,
        scores: np.ndarray,
        classes: Sequence[str],
        *,
        threshold: float,
        similarity: float | None = None,
        photo: str | None = None,
    ) -> Self:
        """Returns the prediction for scores float32 (classes,).

        Accepted if the similarity, or without one the highest score, reaches the threshold.
        """
        order = np.argsort(-scores, kind="stable")
        ranked = {classes[i]: float(scores[i]) for i in order}
        confidence = float(scores[order[0]])
        measured = confidence if similarity is None else similarity
        return cls(classes[order[0]], confidence, ranked, measured >= threshold, photo)


def percent(share: float) -> str:
    """Formats a share with one decimal, rounded down: 0.9996 gives "99.9 %", only 1 gives "100 %"."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    tenths = math.floor(share * 1000 + 1e-9)
    return f"{tenths // 10}.{tenths % 10} %" if tenths < 1000 else "100 %"
