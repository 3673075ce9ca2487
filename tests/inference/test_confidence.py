"""Predictions below the threshold are rejected; percentages are never rounded up."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.inference.bundle import read_bundle
from clothes.inference.confidence import Prediction, percent
from tests.support.pictures import draw


def test_scores_become_a_ranked_prediction() -> None:
    answer = Prediction.from_scores(np.array([0.2, 0.5, 0.3]), ("a", "b", "c"), threshold=0.5, photo="x.jpg")
    assert answer == Prediction("b", 0.5, {"b": 0.5, "c": 0.3, "a": 0.2}, known=True, photo="x.jpg")
    assert list(answer.scores) == ["b", "c", "a"]
    assert not Prediction.from_scores(np.array([0.49, 0.51]), ("a", "b"), threshold=0.52).known


def test_prediction_below_the_threshold_is_rejected(bundle: Path, tmp_path: Path) -> None:
    photos = [draw("frame", seed) for seed in range(20)]
    confidences = sorted(clothes.load(bundle).predict(photo).confidence for photo in photos)
    shutil.copytree(bundle, tmp_path / "copy")
    read_bundle(tmp_path / "copy").update(threshold=confidences[10])
    classifier = clothes.load(tmp_path / "copy")
    answers = [classifier.predict(photo) for photo in photos]
    assert [answer.known for answer in answers] == [answer.confidence >= confidences[10] for answer in answers]
    assert sum(answer.known for answer in answers) == 10
    assert all(answer.label in classifier.classes for answer in answers)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (1e-7, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.1234, "12.3 %"),
        (0.5, "50.0 %"),
        (0.9996, "99.9 %"),
        (0.99999999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_percent_is_rounded_down(share: float, text: str) -> None:
    assert percent(share) == text
