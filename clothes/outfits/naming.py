"""What a garment is called, and how sure that is: the answers of both networks about a region, joined.

The map says what the region looks like in its photo, the classifier what its crop looks like. How much each counts, and
how sure the joined answer is, are fitted on validation photos (`clothes.training.outfits.calibration`). What the photo
shows as a whole counts, too: a garment that is worn looks less like its class than one laid flat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np

from clothes.outfits.kinds import KINDS
from clothes.outfits.regions import Region

_FLOOR = 1e-3  # added to each probability before its logarithm
_PERSON = 0.01  # share of the map: if more shows a person, garments are worn
_MOST_REGIONS = 4  # that count: more of them say nothing more


class Crop(NamedTuple):
    """What the classifier says of a region's crop: the probability of each class, and that it is no other thing."""

    scores: Mapping[str, float]
    certainty: float


class Scene(NamedTuple):
    """What a photo shows as a whole: the share of its map that is skin and hair, and the number of its regions."""

    person: float
    regions: int


NOT_ASKED = Crop({}, 0.5)
"""For a kind that the classifier does not know."""


@dataclass(frozen=True)
class Naming:
    """The entry `outfit` of bundle.json.

    `naming` are the weights of the logarithms of map and crop. `certainty` are a constant and the weights of what
    `evidence` returns. `least_area` is the smallest share of the photo, `shown` the lowest confidence of a garment,
    `shown_worn` that of one in a photo with a person, and `known` that of one whose name is accepted.
    """

    naming: tuple[float, float]
    certainty: tuple[float, ...]
    least_area: float
    shown: float
    shown_worn: float
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

    def confidence(
        self, names: Mapping[str, float], region: Region, classes: Sequence[str], crop: Crop, scene: Scene
    ) -> float:
        """Returns the probability that a region is a garment of its first name."""
        constant, *weights = self.certainty
        return float(1 / (1 + np.exp(-(constant + np.dot(weights, evidence(names, region, classes, crop, scene))))))

    def least(self, scene: Scene) -> float:
        """Returns the lowest confidence of a garment in such a photo."""
        return self.shown_worn if scene.person > _PERSON else self.shown


EVIDENCE = 7


def evidence(
    names: Mapping[str, float], region: Region, classes: Sequence[str], crop: Crop, scene: Scene
) -> tuple[float, ...]:
    """Returns the EVIDENCE numbers from which a region's confidence follows.

    They are the log-odds of the first name, of the region's kind and of the crop; the logarithms of the area and of the
    person's share; the product of the crop's and the person's; and the number of regions.
    """
    at_crop, person = _log_odds(crop.certainty), float(np.log(scene.person + _FLOOR))
    strength = sum(float(region.strengths[classes.index(name)]) for name in KINDS[region.kind] if name in classes)
    return (
        _log_odds(next(iter(names.values()))),
        _log_odds(strength),
        at_crop,
        float(np.log(region.area + 1e-4)),
        person,
        at_crop * person,
        float(min(scene.regions, _MOST_REGIONS)),
    )


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, 0.01), 0.99)
    return float(np.log(clipped / (1 - clipped)))
