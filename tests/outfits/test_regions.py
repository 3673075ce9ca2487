"""Regions of maps that a network seldom gives."""

import numpy as np

from clothes.outfits.kinds import CLASSES
from clothes.outfits.regions import find_regions


def test_a_kind_that_the_finer_map_has_nowhere_is_no_region() -> None:
    cells = np.zeros((5, 5, len(CLASSES)), np.float32)
    cells[..., CLASSES.index("bag")] = 1
    cells[2, 2] = 0
    cells[2, 2, [CLASSES.index("hat"), CLASSES.index("bag")]] = 0.51, 0.49
    (region,) = find_regions(cells, CLASSES, least=0)
    assert region.kind == "bag" and region.box == (0, 0, 1, 1)
