"""A finished run, an interrupted run and their photos, all made by version 0.1.0, still work."""

import csv
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from tests.support.commands import run_command

DATA = Path(__file__).parent / "data" / "made-by-0.1.0"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A copy of all that the old version made."""
    return Path(shutil.copytree(DATA, tmp_path / "made"))


def old_predictions() -> list[dict[str, str]]:
    with (DATA / "finished" / "predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scores(classifier: clothes.Classifier, photos: list[Path]) -> np.ndarray:
    return np.array([list(classifier.predict(photo).scores.values()) for photo in photos])


def test_the_bundle_predicts_as_before(made: Path) -> None:
    classifier = clothes.load(made / "finished")
    old = old_predictions()
    assert len(old) == 9
    for row in old:
        prediction = classifier.predict(made / "photos" / row["photo"])
        assert prediction.label == row["label"]
        assert prediction.known == (row["known"] == "true")
        assert prediction.scores == pytest.approx({name: float(row[name]) for name in classifier.classes}, abs=1e-4)


def test_the_run_is_evaluated_as_before(made: Path) -> None:
    run = clothes.Run.open(made / "finished")
    assert run.photos == made / "photos"
    assert [row["epoch"] for row in run.history] == list(range(1, 13))
    result = clothes.evaluate(run.path)
    assert (result.photos, result.accuracy) == (9, 1.0)
    assert result.loss == pytest.approx(0.3096214, abs=1e-4)
    assert run.info["test_part_opened"] == 2


def test_the_photos_are_split_as_before(made: Path) -> None:
    old = clothes.Run.open(made / "finished").split
    new = clothes.split(made / "photos")
    assert new.rows == old.rows
    assert new.fingerprint == old.fingerprint


def test_the_interrupted_run_resumes_from_its_old_checkpoint(made: Path) -> None:
    folder = (made / "interrupted").rename(made / (os.fsdecode(b"r\xfcn") if sys.platform == "linux" else "r"))
    run = clothes.train(made / "photos", out=folder, resume=True)
    assert run.info["finished"]
    assert run.bundle.info["name"] == ("r?n" if sys.platform == "linux" else "r")
    assert [row["epoch"] for row in run.history] == list(range(1, 13))
    photos = sorted((made / "photos").rglob("*.png"))
    assert len(photos) == 42
    expected = scores(clothes.load(made / "finished"), photos)
    assert scores(clothes.load(run.path), photos) == pytest.approx(expected, abs=1e-3)


def test_the_commands_verify_export_and_predict(made: Path, tmp_path: Path) -> None:
    assert run_command("verify", made / "finished").status == 0
    assert run_command("export", made / "finished", "--format", "litert", "--out", tmp_path / "exported").status == 0
    assert list((tmp_path / "exported").glob("*.tflite"))
    row = old_predictions()[0]
    done = run_command("predict", made / "photos" / row["photo"], "--model", made / "finished", "--json")
    assert done.status == 0, done.err
    assert f'"label": "{row["label"]}"' in done.out
