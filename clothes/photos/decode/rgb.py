"""An opened image of any mode -> upright RGB. Large images are converted in bands of rows, which saves memory."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from clothes.photos.decode.letterbox import averaged

_ORIENTATION_TAG, _GPS_TAG = 0x0112, 0x8825
_BITS_TAG, _PHOTOMETRIC_TAG, _WHITE_IS_ZERO = 258, 262, 0  # of TIFF
# The transposition that turns an image upright, by its EXIF orientation.
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND_PIXELS = 1_000_000


def upright_rgb(image: Image.Image, *, owned: bool, square: int | None = None) -> Image.Image:
    """Returns the image in RGB, turned by its EXIF orientation. An owned image is closed as soon as possible.

    For a `square` of so many pixels a large image is averaged before it is turned, if that gives the same square.
    `ImageOps.exif_transpose` is not used: it rewrites the EXIF, and can fail at that.
    """
    image.load()  # before the orientation: some formats tell it after the pixels, and a TIFF is turned by loading
    transpose = _TRANSPOSE.get(orientation(image))
    rgb = _to_rgb(image)
    if owned and rgb is not image:
        image.close()  # before there is a third copy
    if transpose is None:
        return rgb
    small = averaged(rgb, square) if square else rgb
    upright = small.transpose(transpose)
    if owned and small is rgb:  # else Pillow would cut its memory, kept for the next photo, into small pictures
        image.close()
    return upright


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, from 1 (upright) to 8."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # invalid EXIF is no reason to refuse a good photo
        return 1


def has_location(image: Image.Image) -> bool:
    """Returns whether the EXIF tells where the photo was taken."""
    try:
        return bool(image.getexif().get_ifd(_GPS_TAG))
    except Exception:  # invalid EXIF has no location
        return False


def to_array(image: Image.Image) -> np.ndarray:
    """Returns the pixels of an RGB image, uint8 (H, W, 3), as `np.asarray` does with one copy more."""
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for box in _bands(image.size):
        pixels[box[1] : box[3]] = np.asarray(image.crop(box))
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    transparent = image.has_transparency_data
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        transparent = False  # the fourth byte has no meaning
    if image.mode == "RGB" and not transparent:
        return image
    levels = _black_and_white_levels(image) if image.mode in ("I", "F") or image.mode.startswith("I;16") else None
    rgb = Image.new("RGB", image.size, "white")
    for box in _bands(image.size):
        band = image.crop(box)
        if levels:
            values = np.asarray(band)
            gray = _to_8_bits(values, *levels)
            if transparent:
                gray[values == image.info["transparency"]] = 255
            band = Image.fromarray(gray)
        elif transparent:
            band = band.convert("RGBA")
            band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
        rgb.paste(band.convert("RGB"), box)
    frame = getattr(image, "dispose_extent", None) if image.format == "GIF" else None
    if frame and frame != (0, 0, *rgb.size):  # Pillow fills the rest with a colour of the palette
        inside = rgb.crop(frame)
        rgb.paste("white", (0, 0, *rgb.size))
        rgb.paste(inside, frame)
    return rgb


def _bands(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _black_and_white_levels(image: Image.Image) -> tuple[float, float]:
    """Returns the values that are black and white in a gray image of more than 8 bits or of fractions.

    Fractions end at 1, 255 or 65535, or a little above. Other values are stretched.
    """
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16"):
        black, white = 0.0, 2.0 ** tags.get(_BITS_TAG, (16,))[0] - 1
    else:
        bands = (np.asarray(image.crop(box)) for box in _bands(image.size))
        extremes = np.array([(band.min(), band.max()) for band in bands], dtype=np.float64)
        black, white = float(extremes.min()), float(extremes.max())
        if not np.isfinite([black, white]).all():
            raise ValueError("pixels that are not numbers")
        for usual in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
            if -0.05 * white <= black and white <= 1.05 * usual:
                black, white = 0.0, usual
                break
    return (white, black) if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO else (black, white)


def _to_8_bits(values: np.ndarray, black: float, white: float) -> np.ndarray:
    scaled = (values.astype(np.float64) - black) / ((white - black) or 1) * 255
    return np.round(scaled).clip(0, 255).astype(np.uint8)
