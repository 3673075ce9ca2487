"""A photo fitted into a square without changing its shape."""

import numpy as np
from PIL import Image

LETTERBOX_GRAY = 127  # fills the square beside the photo
_GAP = 2.0  # a larger photo is first averaged by a whole number, to at least so many times the size it is to have


def letterbox(pixels: np.ndarray, size: int) -> np.ndarray:
    """Returns pixels scaled to fit a square, the rest gray: uint8 (size, size, 3)."""
    return fit_square(Image.fromarray(pixels), size)


def place_in_square(width: int, height: int, size: int) -> tuple[slice, slice]:
    """Returns the rows and the columns of the square that a picture of this width and height fills."""
    scale = size / max(width, height)
    inner_width, inner_height = (max(1, round(side * scale)) for side in (width, height))
    left, top = (size - inner_width) // 2, (size - inner_height) // 2
    return slice(top, top + inner_height), slice(left, left + inner_width)


def fit_square(image: Image.Image, size: int) -> np.ndarray:
    """Returns an RGB image as `letterbox` does."""
    place = place_in_square(*image.size, size)
    square = np.full((size, size, 3), LETTERBOX_GRAY, dtype=np.uint8)
    height, width = square[place].shape[:2]
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=_GAP)
    square[place] = np.asarray(image)
    return square


def averaged(image: Image.Image, size: int) -> Image.Image:
    """Returns an RGB image as `fit_square` averages it at first, or as it is if its sides leave a rest.

    Both give the same square, turned or not.
    """
    width, height = image.size
    factor = int(max(image.size) / size / _GAP)
    if factor < 2 or width % factor or height % factor:
        return image
    place = rows, columns = place_in_square(width, height, size)
    shortest = min(rows.stop - rows.start, columns.stop - columns.start)
    same = int(min(image.size) / shortest / _GAP) == factor
    return image.reduce(factor) if same and place_in_square(width // factor, height // factor, size) == place else image
