"""The one decoder: path | bytes | PIL image | array -> uint8 RGB pixels, upright. The only file that opens a photo.

Reason codes of the PhotoErrors raised here:

    missing        there is no such file             not-a-photo   the bytes are no picture of a known format
    no-permission  the file may not be read          truncated     the picture ends too early
    folder         the path is a folder              too-large     more pixels than MAX_PIXELS or bytes than MAX_BYTES
    empty          the file has no bytes             damaged       the picture cannot be decoded
    heic-extra     a HEIC photo, and the extra 'heic' is not installed
"""

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from clothes.errors import PhotoError

Photo = str | os.PathLike[str] | bytes | Image.Image | np.ndarray

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff", ".mpo", ".heic", ".heif"}
)
MAX_PIXELS = 52_000_000  # the largest common phone photo has 50 million; fewer for some kinds (`_most_pixels`)
MAX_BYTES = 500_000_000  # as many pixels of 16 bits and four channels, not compressed, fit in
LETTERBOX_GRAY = 127  # beside a photo that is not square
# Pillow keeps so many of its blocks of memory, of 16 MB at most, for the next photo: decoding takes a third less time.
Image.core.set_blocks_max(8)  # type: ignore[attr-defined]
# The decoders a photo may reach. Pillow has dozens more (EPS, PSD, FITS ...), which stay shut.
_FORMATS = [
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,  # and MPO, which begins with a JPEG
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        AvifImagePlugin.AvifImageFile,
        TiffImagePlugin.TiffImageFile,
    )
]
# What turns a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}  # the others are called like their format
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def read(photo: Photo, *, name: str | None = None) -> np.ndarray:
    """The pixels of a photo, uint8 (H, W, 3): RGB, upright, transparency on white, 16 bits scaled to 8, first frame.

    The same photo gives the same pixels as a path, bytes, PIL image or array. An array is uint8 (H, W), (H, W, 1),
    (H, W, 3) or (H, W, 4). Raises PhotoError; `name` is what it calls a photo that has no path.
    """
    if isinstance(photo, np.ndarray):
        return _from_array(photo, name or "array")
    with _opened(photo, name) as (image, label), _explained(label):
        return _pixels(_upright(image, own=image is not photo))


def read_file(path: str | os.PathLike[str], *, name: str | None = None) -> bytes:
    """The bytes of a photo's file. Raises PhotoError."""
    label = name or os.fspath(path)
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # reading a pipe could wait for ever
            raise PhotoError(label, "not-a-photo", "this is not a regular file")
        if status.st_size > MAX_BYTES:
            raise PhotoError(
                label,
                "too-large",
                f"{status.st_size / 1e6:,.0f} MB are more than the {MAX_BYTES // 1_000_000} MB allowed",
            )
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError(label, "missing", "there is no such file") from None
    except IsADirectoryError:
        raise PhotoError(label, "folder", "this is a folder, not a photo") from None
    except PermissionError:
        raise PhotoError(label, "no-permission", "the file may not be read (no permission)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        what = getattr(error, "strerror", None) or error  # not the path: reports are shared
        raise PhotoError(label, "missing", f"the file cannot be read ({what})") from None


def read_square(photo: Photo, size: int, *, name: str | None = None) -> np.ndarray:
    """A photo as a network sees it: what `letterbox` makes of what `read` gives, uint8 (size, size, 3)."""
    if isinstance(photo, np.ndarray):
        return letterbox(_from_array(photo, name or "array"), size)
    with _opened(photo, name) as (image, label), _explained(label):
        return _fitted(_upright(image, own=image is not photo), size)


def letterbox(pixels: np.ndarray, size: int) -> np.ndarray:
    """The picture shrunk or grown to fit into a square, the rest grey: uint8 (size, size, 3)."""
    return _fitted(Image.fromarray(pixels), size)


def place_in_square(width: int, height: int, size: int) -> tuple[slice, slice]:
    """Where `letterbox` puts a picture of this width and height: its rows and its columns."""
    scale = size / max(width, height)
    inner_width, inner_height = (max(1, round(side * scale)) for side in (width, height))
    left, top = (size - inner_width) // 2, (size - inner_height) // 2
    return slice(top, top + inner_height), slice(left, left + inner_width)


def _fitted(image: Image.Image, size: int) -> np.ndarray:
    place = place_in_square(*image.size, size)
    square = np.full((size, size, 3), LETTERBOX_GRAY, dtype=np.uint8)
    height, width = square[place].shape[:2]
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    square[place] = np.asarray(image)
    return square


@dataclass(frozen=True)
class Inspection:
    """A photo at a glance: the upright photo's size, a small copy, and whether its EXIF says where it was taken.

    `ending` is that of a file of its format, whatever its name says: ".jpg". Empty for an array.
    """

    width: int
    height: int
    small: Image.Image
    located: bool
    ending: str = ""


def inspect(photo: Photo, size: int, *, name: str | None = None) -> Inspection:
    """What a photo is, with an upright RGB copy of at most `size` pixels a side and without EXIF.

    For looking and comparing, not for predicting: a JPEG is decoded at a fraction of its size, which is much faster
    and changes the pixels a little. Raises PhotoError.
    """
    if isinstance(photo, np.ndarray):
        pixels = _from_array(photo, name or "array")
        return Inspection(pixels.shape[1], pixels.shape[0], _shrunk(Image.fromarray(pixels), size), False)
    with _opened(photo, name) as (image, label), _explained(label):
        width, height = image.size
        if image is not photo:  # another's picture stays as it is
            image.draft("RGB", (size, size))
        image.load()
        located = _located(image)
        # A TIFF's size is the upright one already. Elsewhere the sides change places when the picture is turned.
        if image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8):
            width, height = height, width
        rgb = _upright(image, own=image is not photo)
        small = _shrunk(rgb.copy() if rgb is photo else rgb, size)
        kind = image.format or ""
        return Inspection(width, height, small, located, _ENDINGS.get(kind, f".{kind.lower()}" * bool(kind)))


def thumbnail(photo: Photo, size: int, *, name: str | None = None) -> Image.Image:
    """A small upright RGB copy, at most `size` pixels a side and without EXIF. Not for predicting: see `inspect`."""
    return inspect(photo, size, name=name).small


def _shrunk(image: Image.Image, size: int) -> Image.Image:
    image.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    image.info = {}
    return image


@contextlib.contextmanager
def _opened(
    photo: "str | os.PathLike[str] | bytes | Image.Image", name: str | None
) -> Iterator[tuple[Image.Image, str]]:
    """The photo, opened but not decoded, and what to call it."""
    if isinstance(photo, Image.Image):
        label = name or getattr(photo, "filename", "") or "image"
        _check_size(photo, label)
        yield photo, label  # at the frame its owner has it
        return
    if isinstance(photo, bytes | bytearray | memoryview):
        label, data = name or "photo", bytes(photo)
    elif isinstance(photo, str | os.PathLike):
        label = name or os.fspath(photo)
        data = read_file(photo, name=label)
    else:
        raise TypeError(f"A photo is a path, bytes, a PIL image or an array; got {type(photo).__name__}.")
    if not data:
        raise PhotoError(label, "empty", "the file is empty")
    formats = list(_FORMATS)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        _register_heic(label)
        formats.append("HEIF")
    with _explained(label):
        image = Image.open(io.BytesIO(data), formats=formats)
    with image:
        _check_size(image, label)
        yield image, label


def _check_size(image: Image.Image, label: str) -> None:
    most, kind = _most_pixels(image)
    if image.width * image.height > most:
        raise PhotoError(
            label,
            "too-large",
            f"{image.width} x {image.height} pixels are more than the {most // 1_000_000} million allowed{kind}",
        )


def _most_pixels(image: Image.Image) -> tuple[int, str]:
    """How many pixels are read, and of what: so many that decoding takes less than 512 MB beside the file, and 5 s."""
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        return MAX_PIXELS // 2, " for HEIC of more than 8 bits"
    if image.format in ("AVIF", "WEBP"):
        return MAX_PIXELS // 2, f" for {image.format}"
    if image.format == "BMP" and image.info.get("compression") in (1, 2):  # Pillow fills its rows pixel by pixel
        return MAX_PIXELS // 50, " for a compressed BMP"
    return MAX_PIXELS, ""


class _Quiet:
    """No warnings while any thread is inside. `warnings.catch_warnings` alone, in many threads, leaves them off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_QUIET = _Quiet()


@contextlib.contextmanager
def _explained(label: str) -> Iterator[None]:
    """Whatever a decoder raises on a hostile file, as a PhotoError."""
    try:
        with _QUIET:
            yield
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(label, "not-a-photo", "this is not a picture of a known format") from None
    except Image.DecompressionBombError:
        raise PhotoError(label, "too-large", "the picture has far too many pixels") from None
    except Exception as error:
        text = str(error) or type(error).__name__
        if "truncated" in text.lower() or "unexpected end" in text.lower():
            raise PhotoError(label, "truncated", "the picture ends too early (an interrupted copy?)") from None
        raise PhotoError(label, "damaged", f"the picture is damaged ({text})") from None


def _upright(image: Image.Image, *, own: bool) -> Image.Image:
    """The picture in RGB, turned as its EXIF says. One of our own is let go as soon as it is no longer needed.

    `ImageOps.exif_transpose` writes EXIF anew too, and can fail at that.
    """
    image.load()  # some formats say it after the pixels, and TIFF is turned by this
    turn = _TURNS.get(_orientation(image))
    rgb = _to_rgb(image)
    if own and rgb is not image:
        image.close()  # before there is a third copy
    upright = rgb if turn is None else rgb.transpose(turn)
    if own and upright is not image:
        image.close()
    return upright


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # EXIF that makes no sense is no reason to refuse a good picture
        return 1


def _located(image: Image.Image) -> bool:
    try:
        return bool(image.getexif().get_ifd(0x8825))
    except Exception:  # what makes no sense says no place
        return False


def _to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB, in bands: as a whole a large one would take five times its size on the way."""
    clear = image.has_transparency_data
    if image.mode == "RGB" and not clear:
        return image
    levels = _levels(image) if image.mode in ("I", "F") or image.mode.startswith("I;16") else None
    rgb = Image.new("RGB", image.size)
    for box in _bands(image.size):
        band = image.crop(box)
        if levels:
            band = Image.fromarray(_to_8_bits(np.asarray(band), *levels))
        elif clear:
            band = band.convert("RGBA")
            band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
        rgb.paste(band.convert("RGB"), box)
    return rgb


def _bands(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of whole rows that make up a picture, a million pixels each."""
    width, height = size
    rows = max(1, 1_000_000 // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _pixels(image: Image.Image) -> np.ndarray:
    """What `np.asarray` gives, but not by way of two copies."""
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for box in _bands(image.size):
        pixels[box[1] : box[3]] = np.asarray(image.crop(box))
    return pixels


def _levels(image: Image.Image) -> tuple[float, float]:
    """The grey values of a picture of more than 8 bits that are black and white."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    bands = (np.asarray(image.crop(box)) for box in _bands(image.size))
    ends = np.array([(np.nanmin(band), np.nanmax(band)) for band in bands], dtype=np.float64)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    if not np.isfinite([low, high]).all():
        raise ValueError("pixels that are not numbers")
    if low >= 0 and high <= 65535:
        return 0.0, 65535.0 if high > 255 else 255.0
    return low, high


def _to_8_bits(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.round((values.astype(np.float64) - low) / max(high - low, 1e-9) * 255).astype(np.uint8)


def _from_array(pixels: np.ndarray, label: str) -> np.ndarray:
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise PhotoError(
            label,
            "not-a-photo",
            f"an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got {pixels.dtype} {shape}",
        )
    if 0 in shape:
        raise PhotoError(label, "empty", "the array has no pixels")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise PhotoError(label, "too-large", f"{shape[1]} x {shape[0]} pixels are more than allowed")
    if len(shape) == 3 and shape[2] == 1:
        pixels = pixels[..., 0]
    return _pixels(_to_rgb(Image.fromarray(pixels)))


def _register_heic(label: str) -> None:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise PhotoError(label, "heic-extra", "HEIC photos need the extra 'heic': pip install '.[heic]'") from None
    pillow_heif.register_heif_opener()
