"""The split and the defaults of a training, and what fits into a time."""

import dataclasses
import time
from pathlib import Path

import pytest

import clothes
from clothes.config import Config
from clothes.errors import SplitError
from clothes.training import plan
from tests.support.pictures import draw, make_photos


def test_photos_decide_the_defaults(tmp_path: Path) -> None:
    small = clothes.split(make_photos(tmp_path / "small", each=10))
    assert plan.typical_side(small) == 48
    for label in ("a", "b"):
        (tmp_path / "large" / label).mkdir(parents=True)
        for i in range(10):
            draw("bar", i, size=(200, 300)).save(tmp_path / "large" / label / f"{i}.jpg")
    assert plan.typical_side(clothes.split(tmp_path / "large")) == 64


def test_others_alone_do_not_make_a_validation_part(tmp_path: Path) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    rows = tuple(
        dataclasses.replace(row, label="_other", part="validation") if row.label == "frame" else row
        for row in split.rows
        if row.part == "train"
    )
    with pytest.raises(SplitError, match="The validation part is empty"):
        plan.check_split(dataclasses.replace(split, rows=rows))


def test_minutes_pick_size_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    config = Config.for_photos(400, architecture="efficientnet-lite0")
    monkeypatch.setattr(plan, "_estimate_seconds", lambda config, split: 1000.0)  # of its 10 epochs at 224 pixels

    def fitted(seconds: float) -> tuple[int, int]:
        chosen = plan.fit_to_time(config, split, seconds=seconds, began=time.perf_counter())
        return chosen.model.image_size, chosen.train.epochs

    assert fitted(2000) == (224, 10)
    assert fitted(820) == (224, 6)
    assert fitted(500) == (192, 5)
    assert fitted(150) == (96, 6)
    assert fitted(5) == (32, 1)
    with pytest.raises(clothes.TrainingError, match=r"0.01 minutes are too few for 42 photos"):
        fitted(0.6)
