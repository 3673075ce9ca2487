"""The image size and the epochs that fit into a time."""

import time
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.config import Config
from clothes.training import time_budget
from tests.support.pictures import make_photos


def test_minutes_pick_size_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    config = Config.for_photos(400, architecture="efficientnet-lite0")
    monkeypatch.setattr(time_budget, "_seconds", lambda config, split: 1000.0)  # of its 10 epochs at 224 pixels

    def fitted(seconds: float) -> tuple[int, int]:
        chosen = time_budget.fit_to_time(config, split, seconds=seconds, began=time.perf_counter())
        return chosen.model.image_size, chosen.train.epochs

    assert fitted(2000) == (224, 10)
    assert fitted(820) == (224, 6)
    assert fitted(500) == (192, 5)
    assert fitted(150) == (96, 6)
    assert fitted(5) == (32, 1)
    with pytest.raises(clothes.TrainingError, match=r"0.01 minutes are too few for 42 photos"):
        fitted(0.6)
