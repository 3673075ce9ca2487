"""Counts the changed copies of 300 photos that `clothes.check` finds and its wrong pairs, and measures its speed.

    uv run python benchmarks/lookalikes.py ../shared/data/clothing-dataset-small

For each change the copies (JPEGs of quality 90) go into a copy of the whole folder, each beside its original, and the
folder is checked. A pair is wrong if it joins two different photos, unless it is found without the copies, too; those
pairs are printed first, to be looked at.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance

import clothes
from clothes.photos.decode import read
from clothes.photos.folders import list_class_folders

COPIES = 300
BICUBIC = Image.Resampling.BICUBIC

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def resized(scale: float) -> Change:
    return lambda image, _: image.resize((round(image.width * scale), round(image.height * scale)))


def brighter(factor: float) -> Change:
    return lambda image, _: ImageEnhance.Brightness(image).enhance(factor)


def cropped(share: float) -> Change:
    """Crops this share of the width left and right, and of the height above and below."""

    def crop(image: Image.Image, _: np.random.Generator) -> Image.Image:
        x, y = round(image.width * share), round(image.height * share)
        return image.crop((x, y, image.width - x, image.height - y))

    return crop


def moved(*, shift: float = 0, degrees: float = 0, fill: Literal["reflect", "constant"] = "reflect") -> Change:
    """Shifts right and down by a share of the sides, or tilts; the new area is the mirrored edge, or black."""

    def move(image: Image.Image, _: np.random.Generator) -> Image.Image:
        width, height = image.size
        edge = max(width, height) // 10
        wide = Image.fromarray(np.pad(np.asarray(image), ((edge, edge), (edge, edge), (0, 0)), mode=fill))
        wide = wide.rotate(degrees, BICUBIC, translate=(round(shift * width), round(shift * height)))
        return wide.crop((edge, edge, edge + width, edge + height))

    return move


def burst(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Imitates the next frame of a hand-held burst: corners move by up to 1.5 %, light by up to 10 %, with noise."""
    corners = np.array([(0.03, 0.03), (0.03, 0.97), (0.97, 0.97), (0.97, 0.03)])
    quad = (corners + rng.uniform(-0.015, 0.015, (4, 2))) * image.size
    pixels = np.asarray(image.transform(image.size, Image.Transform.QUAD, quad.ravel().tolist(), BICUBIC), dtype=float)
    pixels = pixels * rng.uniform(0.9, 1.1) + rng.normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


CHANGES: dict[str, Change] = {
    "JPEG quality 30": lambda image, _: image,
    "half size": resized(1 / 2),
    "a sixth of the size": resized(1 / 6),
    "brightness 1.1": brighter(1.1),
    "brightness 1.3": brighter(1.3),
    "cropped by 1 % a side": cropped(0.01),
    "cropped by 2 % a side": cropped(0.02),
    "cropped by 4 % a side": cropped(0.04),
    "shifted by 1 %": moved(shift=0.01),
    "shifted by 1 %, black edges": moved(shift=0.01, fill="constant"),
    "tilted by 1 degree": moved(degrees=1),
    "tilted by 1 degree, black corners": moved(degrees=1, fill="constant"),
    "tilted by 2 degrees": moved(degrees=2),
    "tilted by 2 degrees, black corners": moved(degrees=2, fill="constant"),
    "burst (hand, exposure, noise; made)": burst,
    "mirrored": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 90 degrees": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "grey": lambda image, _: image.convert("L"),
}


def look_alikes(folder: Path) -> dict[tuple[str, str], str]:
    report = clothes.check(folder)
    found = (*report.within_class, *report.across_classes, *report.across_parts)
    return {(pair.photo, pair.other): pair.kind for pair in found}


def main(photos: Path) -> None:
    paths = [photo.path for photo in list_class_folders(photos).photos]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        known = look_alikes(photos)
        seconds.append(time.perf_counter() - started)
    kinds, middle = Counter(known.values()), statistics.median(seconds)
    print(f"{len(paths):,} photos: {kinds['exact']} exact pairs, {kinds['near']} near {sorted(known)}")
    spread = f"{middle:.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
    print(f"clothes.check: {spread}, {len(paths) / middle:.0f} photos a second")

    paired = {path for pair in known for path in pair}  # a copy of one is rightly like the other, too
    chosen = np.random.default_rng(0).choice([path for path in paths if path not in paired], COPIES, replace=False)
    print("\n| copy | found | wrong pairs |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        shutil.copytree(photos, folder)
        originals = {str(Path(path).with_suffix(".copy.jpg")): path for path in chosen.tolist()}
        for name, change in CHANGES.items():
            for i, (copy, path) in enumerate(originals.items()):
                changed = change(Image.fromarray(read(photos / path)), np.random.default_rng(i))
                changed.save(folder / copy, quality=30 if name == "JPEG quality 30" else 90)
            pairs = look_alikes(folder).keys() - known
            right = {pair for pair in pairs if originals.get(pair[0], pair[0]) == originals.get(pair[1], pair[1])}
            print(f"| {name} | {100 * len(right) / COPIES:.0f} % | {len(pairs - right)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
