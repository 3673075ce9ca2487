"""The map of a network -> regions: where something of one kind is worn, and by whom.

Cells are joined to regions where the map is coarse; their edges are read from the same map drawn finer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from clothes.outfits.kinds import BACKGROUND, KIND_OF, KINDS, PERSON, UPPER

FINER = 4  # pixels of a region's mask a cell
_LEAST_LAYER = 0.12  # share of both upper layers: a smaller one is an edge of the other


@dataclass(frozen=True, eq=False)  # two regions of equal values are two garments
class Region:
    """One garment's place: `mask` bool (H, W), FINER pixels a cell of the map.

    `strengths` float32 (classes,) is the mean of the map over the region, `area` its share of the map.
    """

    kind: str
    mask: np.ndarray
    strengths: np.ndarray
    area: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, as shares of the map's sides."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        height, width = self.mask.shape
        return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def find_regions(cells: np.ndarray, classes: Sequence[str], *, least: float) -> list[Region]:
    """Returns the regions of a map float32 (h, w, classes) of probabilities that cover at least this share of it.

    All parts of a kind on one person are one region, as an arm or a bag may divide a garment. A person is what hangs
    together of anything but background, with the shoes below it. Other shoes that stand alone are a pair.
    """
    names = [BACKGROUND, PERSON, *KINDS]
    members = [[i for i, name in enumerate(classes) if KIND_OF.get(name, name) == kind] for kind in names]
    sums = np.stack([cells[..., chosen].sum(axis=-1) for chosen in members], axis=-1)
    fine = enlarge(sums, FINER)
    coarse_kind, fine_kind = sums.argmax(axis=-1), fine.argmax(axis=-1)
    wearers = _with_feet(join(coarse_kind != 0), coarse_kind == names.index("feet"))
    found = []
    for wearer in np.unique(wearers[wearers > 0]):
        for kind in range(2, len(names)):
            inside = (wearers == wearer) & (coarse_kind == kind)
            near = np.kron(_largest_near(inside), np.ones((FINER, FINER), bool))
            mask = near & (fine_kind == kind)
            if mask.any() and mask.mean() >= least:
                found.append(Region(names[kind], mask, cells[inside].mean(axis=0), float(mask.mean())))
    return _without_edges(found)


def _without_edges(regions: list[Region]) -> list[Region]:
    """Joins an upper layer to the other one of a person if it is but an edge of it."""
    kept = list(regions)
    for one in regions:
        for other in regions:
            if one is other or {one.kind, other.kind} != set(UPPER) or one not in kept or other not in kept:
                continue
            near = _largest_near(one.mask) & other.mask
            if near.any() and one.area < _LEAST_LAYER * (one.area + other.area):
                share = one.area / (one.area + other.area)
                strengths = share * one.strengths + (1 - share) * other.strengths
                kept.remove(one)
                joined = Region(other.kind, one.mask | other.mask, strengths, one.area + other.area)
                kept[kept.index(other)] = joined
    return kept


def _with_feet(wearers: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Gives shoes that stand alone the number of the largest wearer in the same columns, or else all of them one."""
    numbers = np.unique(wearers[wearers > 0])
    alone = [n for n in numbers if feet[wearers == n].all()]
    others = sorted(set(numbers) - set(alone), key=lambda n: -(wearers == n).sum())
    result = wearers.copy()
    for shoe in alone:
        columns = (wearers == shoe).any(axis=0)
        above = (n for n in others if (columns & (wearers == n).any(axis=0)).any())
        result[wearers == shoe] = next(above, alone[0])
    return result


def join(mask: np.ndarray) -> np.ndarray:
    """Returns a number for each connected part of a mask, int (h, w), diagonals included; 0 outside."""
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        spread = np.where(mask, _largest_near(numbers), 0)
        if (spread == numbers).all():
            return numbers
        numbers = spread


def without_edge(mask: np.ndarray) -> np.ndarray:
    """Returns a mask without its outermost pixels, or the mask itself if little else is left of it."""
    inner = ~_largest_near(~mask)
    return inner if 2 * inner.sum() >= mask.sum() else mask


def _largest_near(values: np.ndarray) -> np.ndarray:
    """Returns the largest value of each pixel and its eight neighbours."""
    padded = np.pad(values, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    result: np.ndarray = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return result


def enlarge(maps: np.ndarray, times: int) -> np.ndarray:
    """Returns maps float32 (h, w, n) drawn with `times` as many rows and columns, smoothly."""
    height, width = maps.shape[:2]
    size = width * times, height * times
    images = (Image.fromarray(np.ascontiguousarray(maps[..., i], np.float32)) for i in range(maps.shape[2]))
    return np.stack([np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images], axis=-1)
