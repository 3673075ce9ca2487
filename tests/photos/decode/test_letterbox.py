"""A photo in a square keeps its shape."""

import numpy as np

from clothes.photos import decode


def test_letterbox_keeps_the_shape_and_pads_with_grey() -> None:
    wide = np.full((10, 40, 3), 255, dtype=np.uint8)
    square = decode.letterbox(wide, 20)
    assert square.shape == (20, 20, 3)
    assert (square[:7] == 127).all()
    assert (square[8:12] == 255).all()
    assert decode.letterbox(np.zeros((1, 5000, 3), dtype=np.uint8), 16).shape == (16, 16, 3)
