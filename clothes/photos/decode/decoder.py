"""What other modules ask of a photo: its pixels, a square for a network, or a quick inspection."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from clothes.photos.decode.letterbox import fit_square
from clothes.photos.decode.opening import Photo, open_photo
from clothes.photos.decode.rgb import has_location, orientation, to_array, upright_rgb

# File name endings of formats whose ending is not the format's name.
_ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}


def read(photo: Photo, *, name: str | None = None) -> np.ndarray:
    """Returns the pixels of a photo, uint8 (H, W, 3): upright RGB, first frame, 16 bits scaled to 8, on white.

    The same photo gives the same pixels as a path, bytes, open binary file, PIL image or array. An array must be uint8
    (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Raises PhotoError; `name` is used in it for a photo without a path.
    """
    with open_photo(photo, name) as (image, owned):
        return to_array(upright_rgb(image, owned=owned))


def read_square(photo: Photo, size: int) -> np.ndarray:
    """Returns a photo as a network sees it, uint8 (size, size, 3): `letterbox` of what `read` returns."""
    with open_photo(photo) as (image, owned):
        return fit_square(upright_rgb(image, owned=owned, square=size), size)


@dataclass(frozen=True)
class Inspection:
    """What `inspect` finds. Width and height are those of the upright photo.

    `small` is a small upright copy without EXIF, `located` tells whether EXIF has the place where the photo was taken,
    `ending` is the usual file name ending of the format, such as ".jpg" (empty for an array).
    """

    width: int
    height: int
    small: Image.Image
    located: bool
    ending: str = ""


def inspect(photo: Photo, size: int, *, name: str | None = None) -> Inspection:
    """Returns size, format and an upright RGB copy of at most `size` pixels a side.

    For viewing and comparing, not for predicting: a JPEG is decoded at a fraction of its size, which is much faster
    and changes the pixels slightly. Raises PhotoError.
    """
    with open_photo(photo, name) as (image, owned):
        width, height = image.size
        if owned:
            image.draft("RGB", (size, size))
        image.load()
        located = has_location(image)
        # A loaded TIFF has its upright size already. Other formats swap the sides when they are turned.
        if image.format != "TIFF" and orientation(image) in (5, 6, 7, 8):
            width, height = height, width
        rgb = upright_rgb(image, owned=owned)
        small = rgb.copy() if rgb is photo else rgb
        small.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        small.info = {}
        kind = image.format or ""
        return Inspection(width, height, small, located, _ENDINGS.get(kind, f".{kind.lower()}" if kind else ""))


def thumbnail(photo: Photo, size: int, *, name: str | None = None) -> Image.Image:
    """Returns an upright RGB copy of at most `size` pixels a side, without EXIF. For viewing only, see `inspect`."""
    return inspect(photo, size, name=name).small
