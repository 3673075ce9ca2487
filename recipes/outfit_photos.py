"""Makes the list of photos and masks that the bundled outfit network learns from.

    uv run python recipes/outfit_photos.py DATA OUT

DATA holds outfits/, outfits-tagged/, outfits-tagged.csv, clothing-dataset-small/, not-clothes/. OUT gets examples.csv,
as clothes/training/outfits/examples.py describes it, and masks/:

    street     photos of outfits/; a fifth of the numbers is held out and a tenth in validation, as of the street crops
               of the bundled model
    tagged     outfits-tagged/, which have names of garments and no places, but a tenth of the numbers, which
               benchmarks/outfits.py measures on
    flat       clothing-dataset-small: at most 110 train and 15 validation photos of a class, cut out by GrabCut. Where
               the cut fails, only the class is known
    empty      every second photo of not-clothes, a fifth of these in validation

Nothing is read of the test part of clothing-dataset-small, nor of the other photos of not-clothes.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from bundled_photos import part_of
from PIL import Image

from clothes.outfits.kinds import CLASSES
from clothes.photos import decode
from clothes.training.outfits.examples import COLUMNS, UNLABELLED

TEN = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
_BODY = {"skin": "person", "hair": "person"}
_UNKNOWN = {"other clothing", "accessory"}  # "top" lies in it, which is an upper layer of some class
_MOST_FLAT = {"train": 110, "validation": 15}  # photos of a class
_CUT = 256  # pixels of the longer side in which a garment is cut out


def main(data: Path, out: Path) -> None:
    (out / "masks").mkdir(parents=True, exist_ok=True)
    with (out / "examples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for photo, mask, *others in (*street(data, out), *tagged(data), *flat(data, out), *empty(data, out)):
            writer.writerow([photo.resolve(), mask, *others])


def street(data: Path, out: Path) -> Iterator[tuple]:
    names = json.loads((data / "outfits" / "labels.json").read_text())
    codes = np.full(256, UNLABELLED, np.uint8)
    for code, name in names.items():
        if name not in _UNKNOWN:
            codes[int(code)] = CLASSES.index(_BODY.get(name, name))
    for photo in sorted((data / "outfits" / "photos").glob("*.jpg")):
        if (part := part_of(photo.stem)) != "held-out":
            mask = np.asarray(Image.open(data / "outfits" / "masks" / f"{photo.stem}.png"))
            yield photo, save(codes[mask], out, f"street-{photo.stem}"), "", "", part, "street"


def tagged(data: Path) -> Iterator[tuple]:
    with (data / "outfits-tagged.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            present = [name for name in row["garments"].split() if name in TEN]
            if present and part_of(Path(row["photo"]).stem) != "validation":
                allowed = ["background", "person", "bag", "hosiery", "scarf", *present]
                yield data / row["photo"], "", " ".join(allowed), " ".join(present), "train", "tagged"


def flat(data: Path, out: Path) -> Iterator[tuple]:
    for part, most in _MOST_FLAT.items():
        for label in TEN:
            photos = sorted((data / "clothing-dataset-small" / part / label).glob("*.jpg"))
            for photo in photos[:: max(1, len(photos) // most)][:most]:
                mask = cut_out(decode.read(photo), CLASSES.index(label))
                name = save(mask, out, f"flat-{photo.stem}") if mask is not None else ""
                yield photo, name, f"background person {label}", label, part, "flat"


def empty(data: Path, out: Path) -> Iterator[tuple]:
    for i, photo in enumerate(sorted((data / "not-clothes").glob("*.jpg"))):
        if i % 2 == 0:
            mask = save(np.zeros((8, 8), np.uint8), out, "empty")
            yield photo, mask, "", "", "validation" if i % 10 == 0 else "train", "empty"


def cut_out(pixels: np.ndarray, code: int) -> np.ndarray | None:
    """The mask of the one garment in a photo: its class, background, and unlabelled between. None if the cut fails.

    The garment is what GrabCut (Rother, Kolmogorov and Blake, 2004) tells from the edge of the photo.
    """
    scale = _CUT / max(pixels.shape)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    top, left = round(0.08 * height), round(0.08 * width)
    mask[top : height - top, left : width - left] = cv2.GC_PR_FGD
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = (cv2.GC_BGD,) * 4
    cv2.setRNGSeed(0)
    cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    cut = cv2.morphologyEx((mask & 1).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    if not 0.06 < cut.mean() < 0.85:
        return None
    inside, outside = cv2.erode(cut, np.ones((5, 5))), cv2.erode(1 - cut, np.ones((9, 9)))
    result = np.full((height, width), UNLABELLED, np.uint8)
    result[outside > 0], result[inside > 0] = CLASSES.index("background"), code
    return result


def save(mask: np.ndarray, out: Path, name: str) -> str:
    Image.fromarray(mask).save(out / "masks" / f"{name}.png")
    return f"masks/{name}.png"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    main(given.data, given.out)
