"""A drawing frames and tints each garment, and leaves the rest of the photo as it is."""

import numpy as np

import clothes
from clothes.outfits.drawing import color_of, draw_alone, draw_garments
from tests.support.outfits import COLORS, draw_outfit, wearer


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


def test_a_garment_alone_is_all_that_keeps_its_colours(parser: clothes.OutfitParser) -> None:
    pixels = np.asarray(draw_outfit(*wearer(), ("bag", (40, 240, 200, 270))))
    garment = next(garment for garment in parser.garments(pixels) if garment.label == "pants")
    alone = np.asarray(draw_alone(pixels, garment))
    assert (np.abs(alone.astype(int) - COLORS["pants"]).max(axis=-1) < 12).mean() > 0.6
    assert not (np.abs(alone.astype(int) - COLORS["bag"]).max(axis=-1) < 12).any()


def test_names_do_not_lie_on_each_other(parser: clothes.OutfitParser) -> None:
    """A jacket over a shirt: both boxes begin at the same height, a few pixels apart."""
    pixels = np.asarray(draw_outfit(*wearer(), ("outwear", (60, 70, 100, 230)), ("outwear", (140, 70, 180, 230))))
    garments = parser.garments(pixels)
    drawn = np.asarray(draw_garments(pixels, garments)).astype(int)
    for number in range(len(garments)):
        color = np.array([int(color_of(number)[i : i + 2], 16) for i in (1, 3, 5)])
        assert (drawn == color).all(axis=-1).sum() > 250  # of each plate, whose letters are white, and its frame
