"""Pictures inside the page: small copies of photos, without EXIF, and drawings, as data URIs."""

import base64
from pathlib import Path

from PIL import Image

from clothes.errors import PhotoError
from clothes.inference.occlusion import to_jpeg
from clothes.photos import decode

SMALL, LARGE = 96, 200  # pixels of the longer side


def thumbnail(photo: Path, size: int = SMALL) -> str:
    """A small copy; empty for a photo that cannot be read any more."""
    try:
        return embedded(decode.thumbnail(photo, size))
    except PhotoError:
        return ""


def embedded(image: Image.Image) -> str:
    return _uri("image/jpeg", to_jpeg(image, quality=72))


def drawing(svg: bytes) -> str:
    return _uri("image/svg+xml", svg)


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
