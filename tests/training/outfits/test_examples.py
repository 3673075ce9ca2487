"""The list of photos and masks is read as it says."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.outfits.kinds import CLASSES
from clothes.training.outfits.examples import COLUMNS, UNLABELLED, bits, read_examples


def write_list(folder: Path, *rows: tuple[str, ...]) -> Path:
    path = folder / "examples.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def test_photos_are_read_with_their_masks(tmp_path: Path) -> None:
    Image.new("RGB", (300, 900), "red").save(tmp_path / "a.png")
    Image.fromarray(np.full((90, 30), CLASSES.index("dress"), np.uint8)).save(tmp_path / "mask.png")
    path = write_list(
        tmp_path,
        ("a.png", "mask.png", "", "", "train", "street"),
        ("a.png", "", "background dress", "dress", "train", "tagged"),
        ("a.png", "", "", "", "validation", "tagged"),
    )
    street, tagged = read_examples(path, "train")
    assert street.pixels.shape == (600, 200, 3)
    assert street.mask.shape == (600, 200)
    assert (street.mask == CLASSES.index("dress")).all()
    assert street.labelled and not tagged.labelled
    assert (tagged.mask == UNLABELLED).all()
    assert tagged.allowed == bits("background dress") == 1 | 1 << CLASSES.index("dress")
    assert tagged.present == (CLASSES.index("dress"),)
    assert len(read_examples(path, "validation")) == 1


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (np.full((9, 3), len(CLASSES), np.uint8), f"its number {len(CLASSES)} is no class: a mask has 0 to "),
        (np.array([[0, 255, 254]], np.uint8), "its number 254 is no class"),
        (np.array([[[0, 128, 0]]], np.uint8), "it is in colour"),
    ],
)
def test_a_mask_of_unknown_numbers_is_refused(tmp_path: Path, mask: np.ndarray, told: str) -> None:
    Image.new("RGB", (30, 90)).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    path = write_list(tmp_path, ("a.png", "mask.png", "", "", "train", "street"))
    with pytest.raises(clothes.PhotoError, match=f"mask.png: {told}"):
        read_examples(path, "train")


def test_a_list_without_photos_of_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(clothes.PhotosError, match="no photo in its part train"):
        read_examples(write_list(tmp_path), "train")


def test_a_photo_that_is_but_a_line_keeps_a_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 1)).save(tmp_path / "a.png")
    (line,) = read_examples(write_list(tmp_path, ("a.png", "", "", "", "train", "street")), "train")
    assert line.pixels.shape == (1, 600, 3) and line.mask.shape == (1, 600)
