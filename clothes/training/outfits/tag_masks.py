"""Masks of photos of which only the names of their garments are known: what a trained network sees, within these names.

Networks learn from such masks as from drawn ones (self-training; Lee, 2013, "Pseudo-Label").
"""

from collections.abc import Sequence

import cv2
import numpy as np

from clothes.outfits.kinds import CLASSES, GARMENTS, KIND_OF, KINDS
from clothes.training.outfits.examples import UNLABELLED

_SURE = 0.5  # the lowest probability with which a pixel is labelled
_SAME_PLACE = ({"outer", "inner", "full body"}, {"lower", "full body"})  # kinds that are taken for one another
_FLOOR = 1e-4  # of a probability: garments that the network does not see share equally


def mask_of_names(
    cells: np.ndarray, present: Sequence[str], tagged: Sequence[str], shape: tuple[int, int]
) -> np.ndarray:
    """Returns a mask uint8 of this height and width: class numbers, and UNLABELLED where the network is in doubt.

    `cells` float32 (h, w, classes) is the map of the network. `present` are the garments in the photo, of those that
    it would be `tagged` with; all other classes may be there.
    """
    told = told_by_names(cells, present, tagged)
    smooth = np.stack([cv2.resize(np.ascontiguousarray(one), shape[::-1]) for one in np.moveaxis(told, -1, 0)])
    return np.where(smooth.max(axis=0) >= _SURE, smooth.argmax(axis=0), UNLABELLED).astype(np.uint8)


def told_by_names(cells: np.ndarray, present: Sequence[str], tagged: Sequence[str]) -> np.ndarray:
    """Returns the map with the probability of absent garments moved to present ones that are worn in the same place.

    Where there is none, it is lost: the rest then adds up to less than one.
    """
    absent = [name for name in GARMENTS if name in tagged and name not in present]
    result = cells.copy()
    result[..., [CLASSES.index(name) for name in absent]] = 0
    for name in absent:
        if others := [CLASSES.index(other) for other in _replacements(name, present)]:
            weights = cells[..., others] + _FLOOR
            shares = weights / weights.sum(axis=-1, keepdims=True)
            result[..., others] += cells[..., [CLASSES.index(name)]] * shares
    return result


def _replacements(name: str, present: Sequence[str]) -> list[str]:
    """The garments that one of this name may be: those of its kind, or else of a kind in the same place."""
    near = set().union(*(place for place in _SAME_PLACE if KIND_OF[name] in place))
    return [one for one in present if one in KINDS[KIND_OF[name]]] or [one for one in present if KIND_OF[one] in near]
