"""Compares the pixels of public test pictures with those of another decoder, OpenCV. Prints the counts as JSON.

    uv run python -m benchmarks.known_pixels [CORPUS...]

Each CORPUS is one of `benchmarks.corpora.CORPORA` or a folder; without one, all that can be reached. Pictures
that differ by more than 2 of 255 on average are listed, to be looked at: one of the two decoders is wrong.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.corpora import CORPORA, fetch, pictures
from clothes.errors import PhotoError
from clothes.photos import decode

MOST = 2.0  # mean difference of pixels, of 255
FRACTION = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1, np.dtype(np.float64): 1}


def reference(data: bytes) -> np.ndarray | None:
    """Returns the pixels by OpenCV, float (H, W, 3) on white, not turned; None if it cannot read them."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype not in FRACTION:
        return None
    values = pixels.astype(float) / FRACTION[pixels.dtype] * 255
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2)
    alpha = values[..., 3:] / 255 if values.shape[2] == 4 else 1
    return values[..., 2::-1] * alpha + 255 * (1 - alpha)


def compare(data: bytes) -> str:
    """Returns the outcome for a picture."""
    try:
        pixels = decode.read(data)
    except PhotoError as error:
        return f"refused ({error.code})"
    expected = reference(data)
    if expected is None:
        return "read, without a reference"
    if pixels.shape != expected.shape:
        return "turned or of another size"
    return "equal" if np.abs(pixels - expected).mean() <= MOST else "different"


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
