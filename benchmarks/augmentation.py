"""Measures each step of the augmentation on kinds of photos that no training saw.

    uv run python benchmarks/augmentation.py DATA FASHION_MNIST OUT

Trains EfficientNet-Lite0 at 160 pixels for 5 epochs on clothing-dataset-small split by person (without street crops
and other things), once for each step, and measures on three kinds of photos: validation photos, all street crops of
DATA (garments as worn), and catalogue pictures on white: 100 test pictures of each FASHION_MNIST class that is one of
the ten classes. No test photo of clothing-dataset-small is read. recipes/bundled_photos.py makes OUT from DATA.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import clothes
from clothes.collection.public_datasets import read_idx
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Split

STEPS = {
    "flip, turn, zoom 0.7 to 1.15, colour, grey, erase": {},
    "and any border, zoom 0.6 to 1.4": {"zoom": (0.6, 1.4), "border": "any"},
    "and loss (fewer pixels, blur, JPEG)": {"zoom": (0.6, 1.4), "border": "any", "degrade": 0.3},
}
CATALOGUE = {0: "t-shirt", 1: "pants", 2: "longsleeve", 3: "dress", 4: "outwear", 5: "shoes", 7: "shoes", 9: "shoes"}


def main(data: Path, fashion: Path, out: Path) -> None:
    photos = out / "photos"
    whole = Split.read(photos / "split.csv", photos)
    rows = tuple(row for row in whole.rows if row.label != OTHER and Path(row.photo).name.startswith("small-"))
    split = dataclasses.replace(whole, rows=rows)
    catalogue = make_catalogue(fashion, out / "catalogue")
    print("| augmentation | validation | street crops | catalogue pictures on white |\n| --- | --- | --- | --- |")
    for number, (name, changes) in enumerate(STEPS.items()):
        path = out / f"step-{number}"
        if not (path / "bundle").exists():
            base = clothes.Config.for_photos(400, architecture="efficientnet-lite0")
            augmentation = dataclasses.asdict(clothes.Augmentation(**changes))
            settings = {"model": {"image_size": 160}, "train": {"epochs": 5, "augmentation": augmentation}}
            clothes.train(photos, split=split, config=base.changed(settings), out=path)
        found = [clothes.load(path).info["metrics"]["validation"]["accuracy"]]
        found += [clothes.evaluate(path, photos=other).accuracy for other in (data / "street-crops", catalogue)]
        print(f"| {name} | " + " | ".join(f"{accuracy:.3f}" for accuracy in found) + " |", flush=True)


def make_catalogue(fashion: Path, folder: Path) -> Path:
    pictures, labels = read_idx(fashion, "t10k")
    for number, name in CATALOGUE.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in np.flatnonzero(labels == number)[:100]:
            Image.fromarray(np.pad(255 - pictures[i], 3, constant_values=255)).save(folder / name / f"{i}.png")
    return folder


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
