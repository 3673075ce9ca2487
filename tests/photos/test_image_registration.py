"""A picture is moved onto the next frame of a burst, and onto no other."""

import numpy as np
import pytest
from PIL import Image

from clothes.photos.image_registration import registered_distance
from clothes.photos.image_similarity import distance
from tests.support.pictures import smooth

SIDE = 64


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIDE, SIDE)))[None]


@pytest.mark.parametrize("box", [(0.05, 0, 1, 0.95), (0.04, 0.04, 0.96, 0.96), (0, 0.06, 0.97, 1)])
def test_a_shifted_or_enlarged_view_is_brought_together(box: tuple[float, ...]) -> None:
    photo = smooth(3, (400, 400))
    view = photo.crop([round(400 * side) for side in box])
    apart, together = distance(pixels(view), pixels(photo)), registered_distance(pixels(view), pixels(photo))
    assert together[0] < 0.1 < apart[0]


def test_other_pictures_and_large_moves_stay_apart() -> None:
    photo = smooth(3, (400, 400))
    others = [smooth(4, (400, 400)), photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), photo.crop((0, 0, 200, 200))]
    batch = np.concatenate([pixels(other) for other in others])
    found = registered_distance(batch, np.repeat(pixels(photo), len(others), axis=0))
    assert (found > 0.2).all()


def test_no_pair_gives_no_distance() -> None:
    nothing = np.zeros((0, SIDE, SIDE, 3), np.uint8)
    assert registered_distance(nothing, nothing).shape == (0,)
