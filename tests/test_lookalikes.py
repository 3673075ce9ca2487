"""Look-alikes: copies are found, other garments of the same kind are not."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from clothes.folders import list_class_folders
from clothes.lookalikes import Pair, Survey, group
from tests.conftest import SHARED, make_photos

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


def smooth(seed: int, size: tuple[int, int] = (300, 400)) -> Image.Image:
    """A picture with structure at every scale, as a photo has."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        )
        for n in (3, 7, 20)
    ]
    return Image.fromarray((np.mean(layers, axis=0)).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def test_copies_are_found_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    original = smooth(0)
    copies = {
        "a/0.jpg": jpeg(original, 95),
        "a/1-same.jpg": jpeg(original, 95),
        "a/2-poor.jpg": jpeg(original, 30),
        "b/3-half.jpg": jpeg(original.resize((150, 200)), 90),
        "b/4-bright.jpg": jpeg(ImageEnhance.Brightness(original).enhance(1.1), 90),
    }
    for name, data in copies.items():
        (tmp_path / name).write_bytes(data)
    for i in range(1, 30):
        smooth(i).save(tmp_path / "b" / f"other-{i}.jpg")
    with Survey(list_class_folders(tmp_path)) as survey:
        pairs = survey.pairs()
        names = [record.path for record in survey.records]
    found = {(names[pair.a], names[pair.b]): pair.kind for pair in pairs}
    assert found[("a/0.jpg", "a/1-same.jpg")] == "exact"
    assert sorted({name for pair in found for name in pair}) == sorted(copies)
    assert len(found) == 10
    assert group(len(names), pairs) == [[names.index(name) for name in sorted(copies)]]


def test_groups_do_not_chain() -> None:
    chain = [Pair(0, 1, "near", 0.1), Pair(1, 2, "near", 0.12), Pair(3, 4, "exact", 0.0)]
    assert group(5, sorted(chain, key=lambda pair: pair.distance)) == [[0, 1], [3, 4]]
    complete = [*chain, Pair(0, 2, "near", 0.13)]
    assert group(5, complete) == [[0, 1, 2], [3, 4]]


def test_unreadable_photos_are_recorded_and_never_alike(tmp_path: Path) -> None:
    make_photos(tmp_path, each=2, shapes=("bar", "square"))
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "bar" / name).write_bytes(b"no photo")
    with Survey(list_class_folders(tmp_path)) as survey:
        errors = {record.path: record.error.code for record in survey.records if record.error}
        assert errors == {"bar/a.jpg": "not-a-photo", "bar/b.jpg": "not-a-photo"}
        assert survey.pairs() == []


@pytest.mark.skipif(not FASHION_MNIST.exists(), reason="Debian's package dataset-fashion-mnist is not installed")
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
