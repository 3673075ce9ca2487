"""A drawing frames and tints each garment, and leaves the rest of the photo as it is."""

import numpy as np

import clothes
from clothes.outfits.drawing import draw_garments
from tests.support.outfits import draw_outfit, wearer


def test_a_drawing_tints_and_frames_each_garment(parser: clothes.OutfitParser) -> None:
    pixels = np.asarray(draw_outfit(*wearer(), size=(480, 360)))
    garments = parser.garments(pixels)
    drawn = np.asarray(draw_garments(pixels, garments))
    assert len(garments) == 3 and drawn.shape == pixels.shape
    away = np.ones(pixels.shape[:2], bool)
    for garment in garments:
        left, top, right, bottom = garment.box
        assert (drawn[garment.mask] != pixels[garment.mask]).any(axis=1).mean() > 0.9
        assert (drawn[bottom - 1, left:right] != pixels[bottom - 1, left:right]).any()
        away[max(0, top - 60) : bottom + 60, max(0, left - 200) : right + 200] = False
    assert away.any() and (drawn[away] == pixels[away]).all()
