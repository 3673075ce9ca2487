"""What a garment is called, and how sure that is: the answers of both networks about a region, joined.

The map says what the region looks like in its photo, the classifier what its crop looks like. How much each counts, and
how sure the joined answer is, are fitted on validation photos (`clothes.training.outfits.calibration`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np

from clothes.outfits.kinds import KINDS
from clothes.outfits.regions import Region

_FLOOR = 1e-3  # added to each probability before its logarithm


class Crop(NamedTuple):
    """What the classifier says of a region's crop: the probability of each class, and that it is no other thing."""

    scores: Mapping[str, float]
    certainty: float


NOT_ASKED = Crop({}, 0.5)
"""For a kind that the classifier does not know."""


@dataclass(frozen=True)
class Naming:
    """The entry `outfit` of bundle.json.

    `naming` are the weights of the logarithms of map and crop. `certainty` are a constant and the weights of what
    `evidence` returns. `least_area` is the smallest share of the photo, `shown` the lowest confidence of a garment, and
    `known` that of one whose name is accepted.
    """

    naming: tuple[float, float]
    certainty: tuple[float, float, float, float, float]
    least_area: float
    shown: float
    known: float

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> Self:
        return cls(**{item.name: info[item.name] for item in fields(cls)})

    def names(self, region: Region, classes: Sequence[str], crop: Crop) -> dict[str, float]:
        """Returns the probability of each name of a region, highest first, which add up to one.

        A kind that the classifier does not know has names of the map alone.
        """
        own = [name for name in KINDS[region.kind] if name in classes]
        told = crop.scores
        options = [name for name in classes if name in told] if any(name in told for name in own) else own
        at_map, at_crop = self.naming
        logs = np.array(
            [
                at_map * np.log(region.strengths[classes.index(name)] + _FLOOR)
                + at_crop * np.log(told.get(name, 0) + _FLOOR)
                for name in options
            ]
        )
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        return {options[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable")}

    def confidence(self, names: Mapping[str, float], region: Region, classes: Sequence[str], crop: Crop) -> float:
        """Returns the probability that a region is a garment of its first name."""
        constant, *weights = self.certainty
        return float(1 / (1 + np.exp(-(constant + np.dot(weights, evidence(names, region, classes, crop))))))


def evidence(
    names: Mapping[str, float], region: Region, classes: Sequence[str], crop: Crop
) -> tuple[float, float, float, float]:
    """Returns the log-odds of the first name, of the region's kind and of the crop, and the logarithm of the area."""
    strength = sum(float(region.strengths[classes.index(name)]) for name in KINDS[region.kind] if name in classes)
    return (
        _log_odds(next(iter(names.values()))),
        _log_odds(strength),
        _log_odds(crop.certainty),
        float(np.log(region.area + 1e-4)),
    )


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, 0.01), 0.99)
    return float(np.log(clipped / (1 - clipped)))
