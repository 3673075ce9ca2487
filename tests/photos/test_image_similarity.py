"""Near-duplicates are found by their pixels: bursts and crops, and no blank or unlike pictures."""

import gzip
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.photos import image_similarity
from clothes.photos.decode import inspect
from clothes.photos.duplicates import Survey, group
from clothes.photos.folders import list_class_folders
from clothes.photos.image_similarity import STORED, THUMB, Pictures, difference_hash, distance
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


def variants(count: int) -> list[np.ndarray]:
    """One picture of 28 pixels a side in so many versions, lighter and darker in places."""
    rng = np.random.default_rng(0)

    def enlarged(grid: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(grid.astype(np.float32)).resize((28, 28), Image.Resampling.BICUBIC))

    base = enlarged(rng.uniform(30, 225, (5, 5)))
    changed = (base + rng.uniform(0, 8) * enlarged(rng.normal(size=(5, 5))) for _ in range(count))
    return [pixels.clip(0, 255).astype(np.uint8) for pixels in changed]


@contextmanager
def kept(pictures: list[np.ndarray]) -> Iterator[Pictures]:
    with tempfile.TemporaryFile() as file:
        file.truncate(len(pictures) * STORED)
        found = Pictures(file, len(pictures))
        for i, picture in enumerate(pictures):
            found.add(i, inspect(picture, THUMB))
        found.measure(0, len(pictures))
        yield found


def test_few_pairs_are_compared_by_their_pixels_and_none_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures of one kind have like hashes and cells, so those pairs grow with the square of the pictures."""
    pictures, compared = variants(60), 0

    def count(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += len(one)
        return distance(one, other)

    monkeypatch.setattr(image_similarity, "distance", count)
    with kept(pictures) as found:
        a, b, distances = found.similar_pairs(range(60))
    large = np.stack([np.asarray(inspect(picture, THUMB).small.resize((THUMB, THUMB))) for picture in pictures])
    hashes = difference_hash(large)
    pairs = [(i, j) for i in range(60) for j in range(i + 1, 60) if int(hashes[i] ^ hashes[j]).bit_count() <= 4]
    one, other = (large[list(column)] for column in zip(*pairs, strict=True))
    all_distances = dict(zip(pairs, distance(one, other).tolist(), strict=True))
    near = {pair: d for pair, d in all_distances.items() if d <= 0.07}
    assert dict(zip(zip(a.tolist(), b.tolist(), strict=True), distances.tolist(), strict=True)) == pytest.approx(near)
    assert 100 < len(near) < compared < len(pairs) / 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says about the memory")
def test_pictures_leave_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_similarity, "_MAPPED", 20)
    with kept(variants(200)):
        entry = Path("/proc/self/smaps").read_text().split("(deleted)")[1]
    assert int(re.findall(r"Size: +(\d+) kB", entry)[0]) > 200 * STORED / 1024 - 1
    assert int(re.findall(r"Rss: +(\d+) kB", entry)[0]) < 40 * STORED / 1024
