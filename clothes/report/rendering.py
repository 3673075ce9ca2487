"""Fills in the templates in templates/, and embeds pictures as data URIs: plots, and small photos without EXIF."""

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image

from clothes.errors import EXTRAS, MissingExtraError, PhotoError
from clothes.inference.confidence import percent
from clothes.photos import decode
from clothes.system.plurals import counted

SMALL, LARGE = 120, 240  # pixels of the longer side of a photo


def fill(template: str, **values: Any) -> bytes:
    """Returns an HTML page, in which every value is escaped. Raises MissingExtraError if Jinja is not installed."""
    try:
        import jinja2
    except ModuleNotFoundError:
        raise MissingExtraError(EXTRAS["jinja2"], "The report") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: percent(share).replace(" ", "\u00a0")  # no line break inside
    environment.filters["counted"] = counted
    page = environment.get_template(template).render(values)
    return page.encode("utf-8", "backslashreplace")  # file names may hold lone surrogates


def thumbnail(photo: Path, size: int = SMALL) -> str:
    """Returns a small copy of a photo; empty if it cannot be read any more."""
    try:
        return embed_image(decode.thumbnail(photo, size))
    except PhotoError:
        return ""


def embed_image(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return embed(buffer.getvalue(), "image/jpeg")


def embed(data: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"
