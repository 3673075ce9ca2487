"""The square part of a photo that a network sees."""

import numpy as np

from clothes.outfits.view import View


def test_the_bars_beside_a_narrow_photo_are_no_pixels_of_a_garment() -> None:
    photo = np.full((400, 25, 3), (200, 20, 30), np.uint8)
    view = View.of(photo, 320)
    pixels = view.pixels(np.ones((160, 160), bool))
    assert len(pixels) == 160 * 10  # every second one of the 20 columns that it fills
    assert (pixels == photo[0, 0]).all()
