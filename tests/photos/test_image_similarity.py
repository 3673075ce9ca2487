"""Near-duplicates are found by their pixels: bursts and crops, and no blank or unlike pictures."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.photos.duplicates import Survey, group
from clothes.photos.folders import list_class_folders
from tests.support.pictures import SHARED, smooth

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


def moved(image: Image.Image, seed: int) -> Image.Image:
    """The same scene a moment later: the hand moved, the exposure changed, other noise."""
    rng = np.random.default_rng(seed)
    width, height = image.size
    corners = [(0.03, 0.03), (0.03, 0.97), (0.97, 0.97), (0.97, 0.03)]
    places = [(width * (x + rng.uniform(-0.015, 0.015)), height * (y + rng.uniform(-0.015, 0.015))) for x, y in corners]
    quad = [value for place in places for value in place]
    pixels = np.asarray(image.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC), dtype=float)
    pixels = pixels * rng.uniform(0.9, 1.1) + rng.normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def test_a_burst_is_found_and_so_is_a_cropped_copy(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for i in range(20):
        photo = smooth(i)
        photo.save(tmp_path / "a" / f"{i:02}.jpg")
        moved(photo, i).save(tmp_path / "a" / f"{i:02}-moved.jpg", quality=85)
        photo.crop((5, 7, 295, 393)).save(tmp_path / "a" / f"{i:02}-cropped.jpg")
    with Survey(list_class_folders(tmp_path)) as survey:
        pairs = survey.pairs()
        names = [record.path for record in survey.records]
    assert all(names[pair.a][:4] == names[pair.b][:4] for pair in pairs)  # no two scenes are taken for one
    assert len({names[pair.a][:4] for pair in pairs}) == 20
    assert len(pairs) >= 50  # of 60


def test_blank_pictures_are_not_alike_unless_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for gray in (0, 128, 255):
        Image.new("L", (80, 80), gray).save(tmp_path / "a" / f"{gray}.png")
    shutil.copy(tmp_path / "a" / "0.png", tmp_path / "a" / "copy.png")
    with Survey(list_class_folders(tmp_path)) as survey:
        pairs = [(survey.records[p.a].path, survey.records[p.b].path, p.kind) for p in survey.pairs()]
    assert pairs == [("a/0.png", "a/copy.png", "exact")]


@pytest.mark.skipif(not FASHION_MNIST.exists(), reason="Debian's package dataset-fashion-mnist is not installed")
@pytest.mark.slow
def test_fashion_mnist_does_not_fall_into_one_group(tmp_path: Path) -> None:
    with gzip.open(FASHION_MNIST) as file:
        pictures = np.frombuffer(file.read(16 + 2000 * 784), np.uint8, offset=16).reshape(-1, 28, 28)
    (tmp_path / "all").mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "all" / f"{i:04}.png")
    with Survey(list_class_folders(tmp_path)) as survey:
        groups = group(len(survey.records), survey.pairs())
    assert max(map(len, groups), default=0) <= 2
    assert len(groups) <= 3


@pytest.mark.skipif(not SHARED.exists(), reason="the shared photos are not on this machine")
def test_the_one_duplicate_of_clothing_small_is_found() -> None:
    with Survey(list_class_folders(SHARED / "clothing-dataset-small")) as survey:
        pairs = [(survey.records[p.a].path, survey.records[p.b].path) for p in survey.pairs()]
    assert pairs == [
        (
            "train/shorts/6075b4a5-5b1a-4ce0-aea0-9dbfbca7c35c.jpg",
            "train/skirt/637a56e4-7fa6-4f75-8859-0f8902461554.jpg",
        )
    ]
