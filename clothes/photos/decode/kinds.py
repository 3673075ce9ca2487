"""Kinds of pictures that Pillow reads wrongly, or whose black and white are unknown: corrected or refused."""

from PIL import Image

from clothes.errors import PhotoError

_PLANAR, _SAMPLE_FORMAT = 284, 339  # TIFF tags
_PLANES, _SIGNED = 2, 2  # and their values
BMP_RLE8, BMP_RLE4 = 1, 2  # values of BMP's compression field
_BMP_WITH_ALPHA, _ALPHA_1555 = 56, b"\0\x80\0\0"  # bytes of a header with a mask for alpha, and a mask
_WEBP_ANIMATION = 2  # a flag


def refuse_unclear(image: Image.Image, label: str) -> None:
    """Raises PhotoError for a kind whose pixels would be wrong."""
    kind = ""
    tags = getattr(image, "tag_v2", {})
    rawmode = _rawmode(image) if image.format == "PNG" else ""
    if tags and (image.mode == "I" or _SIGNED in tags.get(_SAMPLE_FORMAT, ())):
        kind = "a TIFF of signed or 32-bit whole numbers, whose white is unknown"
    elif tags.get(_PLANAR) == _PLANES and image.mode in ("LA", "PA"):
        kind = "a TIFF with alpha in a plane of its own"
    elif image.format == "BMP" and image.info.get("compression") == BMP_RLE4:
        kind = "a compressed BMP of 16 colours"
    elif rawmode == "RGB;16B" and "transparency" in image.info:
        kind = "a PNG of 16 bits with a transparent colour"
    elif image.info.get("default_image") is True and not image.tell():
        kind = "an animated PNG whose still picture is none of its frames"
    if kind:
        raise PhotoError(label, "not-a-photo", f"{kind} cannot be read: save it as a usual JPEG or PNG")


def correct(image: Image.Image, data: bytes) -> None:
    """Corrects what Pillow says of a picture that it has just opened from these bytes."""
    if image.format == "PNG" and "transparency" in image.info:  # in levels of the file's depth
        image.info["transparency"] = _scaled(image.info["transparency"], _rawmode(image))
    elif image.format == "BMP" and data[14] >= _BMP_WITH_ALPHA and data[66:70] == _ALPHA_1555:
        image._mode = "RGBA"
        tile = image.tile[0]  # type: ignore[attr-defined]
        image.tile = [tile._replace(args=("BGRA;15", *tile.args[1:]))]  # type: ignore[attr-defined]
    elif image.format == "WEBP" and image.mode == "RGB" and data[12:16] == b"VP8X" and data[20] & _WEBP_ANIMATION:
        image._mode = "RGBA"  # what lies outside the frame is transparent
        image.rawmode = "RGBA"  # type: ignore[attr-defined]


def _rawmode(image: Image.Image) -> str:
    """Returns Pillow's name for the file's pixels, such as "L;2"; empty once the picture is loaded."""
    tiles = getattr(image, "tile", ())
    return str(tiles[0][3]) if tiles else ""


def _scaled(level: object, rawmode: str) -> object:
    steps = {"L;2": 85, "L;4": 17}.get(rawmode)
    return level * steps if isinstance(level, int) and steps else level
