"""Draws masks for the photos that have names of garments and no places, by a network that finds outfits already.

    uv run python recipes/outfit_tagged.py LIST WEIGHTS OUT

LIST is the examples.csv of recipes/outfit_photos.py, WEIGHTS the weights.npz of recipes/outfit_train.py. OUT is a list
beside LIST in which the tagged photos have masks (clothes/training/outfits/tag_masks.py).
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
from outfit_photos import TEN, save
from outfit_train import load_weights

from clothes.models.backend import keras
from clothes.outfits.kinds import CLASSES
from clothes.photos import decode
from clothes.training.outfits.examples import COLUMNS
from clothes.training.outfits.network import build_parser
from clothes.training.outfits.tag_masks import mask_of_names

SHAPE = (416, 288)  # larger than in training, for finer edges


def main(listed: Path, weights: Path, out: Path) -> None:
    network = build_parser(SHAPE, len(CLASSES))
    load_weights(network, weights)
    with listed.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["kind"] == "tagged":
            pixels = decode.read(row["photo"])
            mask = mask_of_names(look(network, pixels), row["present"].split(), TEN, pixels.shape[:2])
            row["mask"] = save(mask, listed.parent, f"{out.stem}-{Path(row['photo']).stem}")
            row["allowed"] = row["present"] = ""
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def look(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Returns the map of a photo, stretched to SHAPE, float32 (h, w, classes): the mean with its mirror image's."""
    picture = cv2.resize(pixels, SHAPE[::-1], interpolation=cv2.INTER_AREA)
    logits = network.predict_on_batch(np.stack([picture, picture[:, ::-1]]))
    seen, mirrored = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    return (seen + mirrored[:, ::-1]) / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("list", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    main(given.list, given.weights, given.out)
