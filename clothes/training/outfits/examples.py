"""The photos that an outfit network learns from: a list as CSV, decoded once.

photo      path of the photo, relative to the list
mask       path of a PNG of the same shape of class numbers and UNLABELLED; empty: no pixel is labelled
allowed    the classes that an unlabelled pixel may have, separated by spaces; empty: any
present    the garments in a photo without a mask
part       train or validation
kind       where it comes from: photos of one kind are drawn equally often
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from clothes.errors import PhotoError, PhotosError
from clothes.outfits.kinds import CLASSES
from clothes.photos import decode

UNLABELLED = 255
_LONGEST = 600  # pixels; street photos are cropped to a third of their side
COLUMNS = ("photo", "mask", "allowed", "present", "part", "kind")


@dataclass(frozen=True)
class Example:
    """A decoded photo, uint8 (H, W, 3), with its mask, uint8 (H, W): class numbers or UNLABELLED.

    `allowed` has a bit for each class that an unlabelled pixel may have. `present` are the numbers of the garments of a
    photo without a mask.
    """

    pixels: np.ndarray
    mask: np.ndarray
    allowed: int
    present: tuple[int, ...]
    labelled: bool
    kind: str


def bits(names: str) -> int:
    """Returns one bit for each class in a text of names; all bits for an empty one."""
    return sum(1 << CLASSES.index(name) for name in names.split()) or (1 << len(CLASSES)) - 1


def read_examples(path: Path, part: str) -> list[Example]:
    """Returns the decoded photos of one part of a list. Raises PhotosError if there is none.

    Raises PhotoError for a photo that cannot be read, or a mask with other numbers than those of classes.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part]
    if not rows:
        raise PhotosError(f"The list {path} has no photo in its part {part}.")
    return list(_decoded(path.parent, rows))


def _decoded(folder: Path, rows: list[dict[str, str]]) -> Iterator[Example]:
    for row in rows:
        pixels = decode.read(folder / row["photo"])
        mask = np.full(pixels.shape[:2], UNLABELLED, np.uint8)
        if row["mask"]:
            found = _read_mask(folder / row["mask"])
            mask = cv2.resize(found, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        scale = min(1.0, _LONGEST / max(pixels.shape))
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        yield Example(
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA),
            cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST),
            bits(row["allowed"]),
            tuple(CLASSES.index(name) for name in row["present"].split()),
            bool(row["mask"]),
            row["kind"],
        )


def _read_mask(path: Path) -> np.ndarray:
    """Returns the class numbers of a mask, uint8 (H, W). Others would be no class at all, and the loss no number."""
    pixels = decode.read(path)
    if (pixels != pixels[..., :1]).any():
        raise PhotoError(str(path), "mask", "it is in colour, and a mask is a grey PNG of class numbers")
    mask: np.ndarray = pixels[..., 0]
    if unknown := {*np.unique(mask).tolist()} - {*range(len(CLASSES)), UNLABELLED}:
        known = f"0 to {len(CLASSES) - 1}, or {UNLABELLED} where nobody labelled it"
        raise PhotoError(str(path), "mask", f"its number {min(unknown)} is no class: a mask has {known}")
    return mask
