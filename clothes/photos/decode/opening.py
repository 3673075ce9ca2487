"""Opens photos safely: limits on bytes, pixels and formats, and every failure as a PhotoError with a reason code."""

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
from clothes.photos.decode.kinds import BMP_RLE8, correct, refuse_unclear

Photo = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff", ".mpo", ".heic", ".heif"}
)
MAX_PIXELS = 52_000_000  # the largest common phone photo has 50 million; some formats get fewer (`_pixel_limit`)
MAX_BYTES = 500_000_000  # holds an uncompressed photo of MAX_PIXELS, 16 bits and four channels
# Pillow keeps this many memory blocks, of at most 16 MB, for the next photo: decoding takes a third less time.
Image.core.set_blocks_max(8)  # type: ignore[attr-defined]
# Pillow's own reader of uncompressed TIFFs mistakes planes and YCbCr. Libtiff gives bytes in this machine's order.
TiffImagePlugin.READ_LIBTIFF = True
for _kind, (_mode, _rawmode) in TiffImagePlugin.OPEN_INFO.items():
    if _mode in ("I", "F"):
        TiffImagePlugin.OPEN_INFO[_kind] = _mode, _rawmode.replace("B", "N")
# The decoders that a photo can reach. Pillow has dozens more (EPS, PSD, FITS ...), which stay closed.
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
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


@contextlib.contextmanager
def open_photo(photo: Photo, name: str | None = None) -> Iterator[tuple[Image.Image, bool]]:
    """Opens a photo for the block, not decoded yet. Yields also whether the image is ours to change and close.

    Raises PhotoError for whatever fails in opening it or in the block.
    """
    if isinstance(photo, Image.Image):
        label = name or getattr(photo, "filename", "") or "image"
        _check_pixels(photo, label)
        with _photo_errors(label):
            refuse_unclear(photo, label)
            yield photo, False  # at the frame that its owner chose
        return
    label = name or _default_name(photo)
    with _photo_errors(label), _open_image(photo, label) as image:
        yield image, True


def read_file(path: str | os.PathLike[str], *, name: str | None = None) -> bytes:
    """Returns the bytes of a photo's file. Raises PhotoError."""
    label = name or os.fspath(path)
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # a pipe could block for ever
            raise PhotoError(label, "not-a-photo", "this is not a regular file")
        if status.st_size > MAX_BYTES:
            limit = f"{MAX_BYTES // 1_000_000} MB allowed"
            raise PhotoError(label, "too-large", f"{status.st_size / 1e6:,.0f} MB are more than the {limit}")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError(label, "missing", "there is no such file") from None
    except IsADirectoryError:
        raise PhotoError(label, "folder", "this is a folder, not a photo") from None
    except PermissionError:
        raise PhotoError(label, "no-permission", "the file may not be read (no permission)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        what = getattr(error, "strerror", None) or error  # without the path: reports are shared
        raise PhotoError(label, "missing", f"the file cannot be read ({what})") from None


def _default_name(photo: Photo) -> str:
    match photo:
        case str() | os.PathLike():
            return os.fspath(photo)
        case bytes() | bytearray() | memoryview():
            return "photo"
        case np.ndarray():
            return "array"
    if hasattr(photo, "read"):
        return name if isinstance(name := getattr(photo, "name", ""), str) and name else "photo"
    raise TypeError(f"A photo is a path, bytes, an open file, a PIL image or an array; got {type(photo).__name__}.")


def _open_image(photo: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray, label: str) -> Image.Image:
    if isinstance(photo, np.ndarray):
        return _image_from_array(photo, label)
    if isinstance(photo, str | os.PathLike):
        data = read_file(photo, name=label)
    else:
        data = bytes(photo) if isinstance(photo, bytes | bytearray | memoryview) else _read_open_file(photo, label)
    if not data:
        raise PhotoError(label, "empty", "the file is empty")
    formats = list(_FORMATS)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        _register_heic(label)
        formats.append("HEIF")
    image = Image.open(io.BytesIO(data), formats=formats)
    _check_pixels(image, label)
    refuse_unclear(image, label)
    correct(image, data)
    return image


def _read_open_file(file: BinaryIO, label: str) -> bytes:
    """Returns all bytes of a file that its owner opened, from its start if it has one."""
    if file.seekable():
        file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if not isinstance(data, bytes):
        raise PhotoError(label, "not-a-photo", f"the open file gives {type(data).__name__}, not bytes; open it as 'rb'")
    if len(data) > MAX_BYTES:
        raise PhotoError(label, "too-large", f"the file has more than the {MAX_BYTES // 1_000_000} MB allowed")
    return data


def _image_from_array(pixels: np.ndarray, label: str) -> Image.Image:
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        expected = "an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        raise PhotoError(label, "not-a-photo", f"{expected}; got {pixels.dtype} {shape}")
    if 0 in shape:
        raise PhotoError(label, "empty", "the array has no pixels")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise PhotoError(label, "too-large", f"{shape[1]} x {shape[0]} pixels are more than allowed")
    return Image.fromarray(pixels[..., 0] if len(shape) == 3 and shape[2] == 1 else pixels)


def _check_pixels(image: Image.Image, label: str) -> None:
    limit, kind = _pixel_limit(image)
    if image.width * image.height > limit:
        size = f"{image.width} x {image.height} pixels"
        raise PhotoError(label, "too-large", f"{size} are more than the {limit // 1_000_000} million allowed{kind}")


def _pixel_limit(image: Image.Image) -> tuple[int, str]:
    """Returns the number of pixels that decode in under 512 MB beside the file and 5 s, and the format concerned."""
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        return MAX_PIXELS // 2, " for HEIC of more than 8 bits"
    if image.format in ("AVIF", "WEBP"):
        return MAX_PIXELS // 2, f" for {image.format}"
    if image.format == "BMP" and image.info.get("compression") == BMP_RLE8:  # Pillow decodes pixel by pixel
        return MAX_PIXELS // 50, " for a compressed BMP"
    return MAX_PIXELS, ""


def _register_heic(label: str) -> None:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        why = "HEIC photos cannot be read by this installation (pip install '.[heic]')"
        raise PhotoError(label, "heic-extra", why) from None
    pillow_heif.register_heif_opener()


@contextlib.contextmanager
def _photo_errors(label: str) -> Iterator[None]:
    """Turns whatever a decoder raises on a bad file into a PhotoError."""
    try:
        with _NO_WARNINGS:
            yield
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(label, "not-a-photo", "this is not a picture of a known format") from None
    except Image.DecompressionBombError:
        raise PhotoError(label, "too-large", "the picture has far too many pixels") from None
    except Exception as error:
        text = str(error) or type(error).__name__
        text = text.replace(
            "decoder error -2", "its data is broken, or a copy was interrupted"
        )  # by libtiff, of a TIFF
        if "truncated" in text.lower() or "unexpected end" in text.lower():
            raise PhotoError(label, "truncated", "the picture ends too early (an interrupted copy?)") from None
        if "unsupported" in text.lower():
            reason = f"this kind of picture cannot be read ({text}): save it as a usual JPEG or PNG"
            raise PhotoError(label, "not-a-photo", reason) from None
        raise PhotoError(label, "damaged", f"the picture is damaged ({text})") from None


class _NoWarnings:
    """Silences warnings while any thread is inside. `warnings.catch_warnings` alone is not safe in many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._catcher = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._catcher = warnings.catch_warnings()
                self._catcher.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._catcher.__exit__(None, None, None)


_NO_WARNINGS = _NoWarnings()
