"""A photo in a square keeps its shape, and is the same whether it is averaged or turned at first."""

import numpy as np
import pytest
from PIL import Image

from clothes.photos import decode
from clothes.photos.decode.letterbox import averaged
from tests.support.pictures import encode


def test_letterbox_keeps_the_shape_and_pads_with_grey() -> None:
    wide = np.full((10, 40, 3), 255, dtype=np.uint8)
    square = decode.letterbox(wide, 20)
    assert square.shape == (20, 20, 3)
    assert (square[:7] == 127).all()
    assert (square[8:12] == 255).all()
    assert decode.letterbox(np.zeros((1, 5000, 3), dtype=np.uint8), 16).shape == (16, 16, 3)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(
    ("width", "height", "smaller"),
    [
        (360, 270, (60, 45)),
        (270, 360, (45, 60)),
        (361, 270, (361, 270)),  # leaves a rest
        (360, 271, (360, 271)),
        (360, 18, (360, 18)),  # the sides are averaged by different numbers
        (360, 180, (360, 180)),  # rounds to other sides when averaged
        (100, 100, (100, 100)),
    ],
)
def test_a_large_photo_is_averaged_before_it_is_turned(
    width: int, height: int, smaller: tuple[int, int], orientation: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert averaged(Image.fromarray(pixels), 29).size == smaller
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = encode(Image.fromarray(pixels), "PNG", exif=exif, compress_level=0)
    assert np.array_equal(decode.read_square(photo, 29), decode.letterbox(decode.read(photo), 29))
