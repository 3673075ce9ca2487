"""Compares the pixels of public test pictures with those of another decoder, OpenCV. Prints the counts as JSON.

    uv run python -m benchmarks.known_pixels [CORPUS...]

Each CORPUS is one of `benchmarks.corpora.CORPORA` or a folder; without one, all that can be reached. Pictures
that differ by more than 2 of 255 on average are listed, to be looked at: one of the two decoders is wrong. Kinds that
OpenCV is known to read otherwise (KINDS) are counted by their reason instead.
"""

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from benchmarks.corpora import CORPORA, fetch, pictures
from clothes.errors import PhotoError
from clothes.photos import decode

MOST = 2.0  # mean difference of pixels, of 255
FRACTION = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1, np.dtype(np.float64): 1}
_BITS, _ALPHA, _PLANAR = 258, 338, 284  # TIFF tags


class Picture(NamedTuple):
    data: bytes
    image: Image.Image  # opened, not loaded
    ours: np.ndarray
    theirs: np.ndarray

    def tag(self, tag: int) -> Any:
        return getattr(self.image, "tag_v2", {}).get(tag, ())

    def is_a(self, kind: str) -> bool:
        return self.image.format == kind


# Why OpenCV reads a kind otherwise -> whether a picture is of this kind. Chromium or libtiff reads it as we do, unless
# the reason names it.
KINDS: dict[str, Callable[[Picture], bool]] = {
    "GIF: what no frame covers is transparent; OpenCV gives it a colour of the palette": lambda p: (
        p.is_a("GIF") and bool((p.ours[np.abs(p.ours - p.theirs).max(axis=2) > MOST] == 255).all())
    ),
    "PNG: OpenCV does not make the transparent grey transparent": lambda p: (
        p.is_a("PNG") and p.image.mode in ("1", "L", "I;16") and "transparency" in p.image.info
    ),
    "PNG: the animation is broken, and OpenCV shows it instead of the still picture": lambda p: (
        p.is_a("PNG") and b"acTL" in p.data and not getattr(p.image, "is_animated", False)
    ),
    "BMP: OpenCV makes 248 of the largest value of 5 bits": lambda p: (
        p.is_a("BMP") and p.data[28] == 16 and np.abs(p.ours - p.theirs).max() <= 8
    ),
    "BMP: OpenCV makes the colours of OS/2 (header of 12 bytes) grey": lambda p: p.is_a("BMP") and p.data[14] == 12,
    "BMP: OpenCV takes the fourth byte for alpha, for which there is no mask": lambda p: (
        p.is_a("BMP") and p.image.mode == "RGB" and p.data[28] == 32
    ),
    "BMP: alpha is zero everywhere, so it means nothing; OpenCV and Chromium show nothing": lambda p: (
        p.is_a("BMP") and p.image.mode == "RGBA" and bool((p.theirs == 255).all())
    ),
    "BMP: the pixels are said to begin in the palette; OpenCV and Chromium show the palette as pixels": lambda p: (
        p.is_a("BMP") and p.image.mode == "P" and int.from_bytes(p.data[10:14], "little") < p.image.tile[0].offset
    ),
    "TIFF: OpenCV makes the two colours of a palette grey": lambda p: p.image.mode == "P" and p.tag(_BITS) == (1,),
    "TIFF: OpenCV takes planes of 16 bits for pixels": lambda p: p.tag(_PLANAR) == 2 and p.tag(_BITS)[:1] == (16,),
    "TIFF: OpenCV gives colours multiplied by alpha": lambda p: (
        p.is_a("TIFF") and p.image.mode == "RGBA" and (p.tag(_ALPHA) == (1,) or p.tag(_BITS) == (8,))
    ),
    "TIFF: OpenCV and libtiff do not adapt the white of CIELAB (D50) to the screen's": lambda p: p.image.mode == "LAB",
}


def reference(data: bytes) -> np.ndarray | None:
    """Returns the pixels by OpenCV, float (H, W, 3) on white, upright; None if it cannot read them."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype not in FRACTION:
        return None
    values = pixels.astype(float) / FRACTION[pixels.dtype] * 255
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    alpha = values[..., 3:] / 255 if values.shape[2] == 4 else 1
    return upright(values[..., 2::-1] * alpha + 255 * (1 - alpha), data)


def upright(pixels: np.ndarray, data: bytes) -> np.ndarray:
    """Returns pixels turned by EXIF, which OpenCV does itself for TIFF only."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "TIFF":
            return pixels
        image.load()
        orientation = image.getexif().get(0x0112, 1)
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def compare(data: bytes) -> str:
    """Returns the outcome for a picture: the reason if it is one of KINDS."""
    try:
        pixels = decode.read(data)
    except PhotoError as error:
        return f"refused ({error.code})"
    expected = reference(data)
    if expected is None:
        return "read, without a reference"
    if pixels.shape != expected.shape:
        return "different"
    if np.abs(pixels - expected).mean() <= MOST:
        return "equal"
    with Image.open(io.BytesIO(data)) as image:
        picture = Picture(data, image, pixels, expected)
        return next((reason for reason, fits in KINDS.items() if fits(picture)), "different")


def picture_files(corpus: str) -> Iterator[tuple[str, bytes]]:
    if Path(corpus).is_dir():
        for path in sorted(Path(corpus).rglob("*")):
            if path.suffix.lower() in decode.SUFFIXES:
                yield str(path), path.read_bytes()
    elif archive := fetch(corpus):
        yield from pictures(archive)


def main(corpora: list[str]) -> None:
    for corpus in corpora:
        found: dict[str, list[str]] = {}
        for name, data in picture_files(corpus):
            found.setdefault(compare(data), []).append(name)
        counts = Counter({outcome: len(names) for outcome, names in sorted(found.items())})
        print(json.dumps({corpus: {"pictures": counts.total(), **counts, "differ": found.get("different", [])}}))


if __name__ == "__main__":
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    main(sys.argv[1:] or list(CORPORA))
