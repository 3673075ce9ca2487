"""Pictures embedded in a page as data URIs: small copies of photos, without EXIF, and plots."""

import base64
import io
from pathlib import Path

from PIL import Image

from clothes.errors import PhotoError
from clothes.photos import decode

SMALL, LARGE = 96, 200  # pixels of the longer side


def thumbnail(photo: Path, size: int = SMALL) -> str:
    """A small copy of a photo; empty if it cannot be read any more."""
    try:
        return embed_image(decode.thumbnail(photo, size))
    except PhotoError:
        return ""


def embed_image(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return _data_uri("image/jpeg", buffer.getvalue())


def embed_svg(svg: bytes) -> str:
    return _data_uri("image/svg+xml", svg)


def _data_uri(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"
