"""Folders of photos of which no two are alike, and files of groups, to be split."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from clothes.photos.split_file import Split


def paint(seed: int) -> Image.Image:
    """A picture of 6 x 6 coloured fields, unlike that of any other seed."""
    fields = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(fields).resize((48, 48), Image.Resampling.NEAREST)


def make(root: Path, classes: dict[str, int], *, first: int = 0) -> Path:
    """Class folders (name or PART/name -> number of photos), no two pictures alike."""
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            paint(first + i).save(root / name / f"{i:03}.png")
        first += count
    return root


def write_groups(path: Path, lines: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def parts_of(result: Split) -> dict[str, str]:
    return {row.photo: row.part for row in result.rows}
