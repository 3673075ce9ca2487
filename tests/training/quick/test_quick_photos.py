"""Odd photos: a quick model learns from them, or a sentence says why not."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.errors import ClothesError, SplitError
from clothes.photos.split_file import Split
from tests.support.commands import run_command
from tests.support.pictures import draw, make_photos
from tests.support.quick import OLD
from tests.support.quick import train_quick as train


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", each=15)


def test_photos_of_other_things_are_no_class(photos: Path, tmp_path: Path) -> None:
    for i in range(30):
        (photos / "_other").mkdir(exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / "_other" / f"{i}.png")
    run = train(photos, tmp_path / "run")
    assert run.bundle.classes == ("bar", "frame", "square")
    assert 0 <= run.bundle.info["metrics"]["validation"]["others_known"] <= 1


def test_photos_that_cannot_be_written_to_are_trained_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Split.write

    def write(split: Split, path: Path, **more: Any) -> None:
        if path.parent == photos:
            raise SplitError("read-only")
        real(split, path, **more)

    monkeypatch.setattr(Split, "write", write)
    run = train(photos, tmp_path / "run")
    assert run.info["finished"] and not (photos / "split.csv").exists() and len(run.split.rows) == 45


def test_a_class_of_one_photo_is_learnt(photos: Path, tmp_path: Path) -> None:
    (photos / "one").mkdir()
    Image.new("RGB", (40, 48), "red").save(photos / "one" / "0.png")
    run = train(photos, tmp_path / "run")
    assert clothes.load(run.path).predict(photos / "one" / "0.png").label == "one"


def test_a_photo_of_each_class_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=1)
    shown = run_command("train", "photos", "--model", "quick", "--out", "run", "--trunk", OLD)
    assert shown.status == 0, shown.err
    assert "No accuracy: that takes two train photos of a class that are no near-duplicates." in shown.out
    assert clothes.load("run").predict(tmp_path / "photos" / "bar" / "000.png").label == "bar"


@pytest.mark.slow
def test_500_classes_are_learnt(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(500):
        (tmp_path / "photos" / f"{i:03}").mkdir(parents=True)
        for n in range(2):
            pixels = np.full((32, 32, 3), rng.integers(0, 256, 3)) + rng.integers(0, 9, (32, 32, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / f"{i:03}" / f"{n}.png")
    run = train(tmp_path / "photos", tmp_path / "run")
    assert len(run.bundle.classes) == 500 and clothes.verify(run.path).holds


def test_another_spelling_of_a_class_is_that_class(photos: Path, tmp_path: Path) -> None:
    (photos / "Bar").mkdir()
    draw("bar", 77).save(photos / "Bar" / "0.png")
    run = train(photos, tmp_path / "run")
    assert run.bundle.classes == ("bar", "frame", "square") and len(run.split.rows) == 46
    rows = tuple(replace(row, label="Bar") if row.photo == "Bar/0.png" else row for row in run.split.rows)
    with pytest.raises(SplitError, match="are spellings of one class, and the split has both"):
        train(photos, tmp_path / "other", split=replace(run.split, rows=rows))


def make_all_the_same(photos: Path) -> None:
    for i, path in enumerate(photos.glob("*/*.png")):
        Image.new("RGB", (40, 48), "red").save(path, compress_level=i % 9)


def leave_one_class(photos: Path) -> None:
    for name in ("bar", "frame"):
        shutil.rmtree(photos / name)


def change_a_photo(photos: Path) -> None:
    clothes.split(photos).write(photos / "split.csv")
    shutil.copy(photos / "bar" / "001.png", photos / "bar" / "000.png")
    shutil.copy(photos / "bar" / "001.png", photos / "bar" / "002.png")


@pytest.mark.parametrize(
    ("change", "folds", "message"),
    [
        (make_all_the_same, None, "All photos look the same to the network, so no class can be told from another"),
        (make_all_the_same, 3, "there are photos to hold out: 1, counting near-duplicates as one. Take others."),
        (leave_one_class, None, "needs at least two classes"),
        (change_a_photo, None, "has changed since the split was made. Split again"),
    ],
)
def test_photos_that_cannot_be_used_give_a_sentence_and_leave_no_run(
    photos: Path, tmp_path: Path, change: Callable[[Path], None], folds: int | None, message: str
) -> None:
    change(photos)
    with pytest.raises(ClothesError, match=re.escape(message)):
        train(photos, tmp_path / "run", folds=folds)
    assert not (tmp_path / "run").exists()
