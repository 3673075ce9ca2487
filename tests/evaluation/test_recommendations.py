"""The recommendations name the class that gains most from more photos, and how certain that is."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clothes.evaluation.learning_curve import Point
from clothes.evaluation.recommendations import Estimate, Need, recommend

CLASSES = ("hat", "shirt", "longsleeve")


def recommendations(wrong: dict[tuple[int, int], int], *, train: tuple[int, ...], retrained: bool = True) -> Any:
    """For 100 validation photos of each class with these errors, and an error that halves with twice the photos."""
    truth = np.repeat(np.arange(3), 100)
    answers = truth.copy()
    for (label, answer), count in wrong.items():
        answers[np.flatnonzero((truth == label) & (answers == label))[:count]] = answer
    curve = [Point(n, (np.arange(300) >= 300 * 0.4 * 100 / n).astype(float)) for n in (100, 200, 300, 400)]
    labels = np.repeat(np.arange(3), train)
    return recommend(CLASSES, curve, train=labels, truth=truth, answers=answers, retrained=retrained)


def test_class_with_errors_and_few_photos_ranks_first() -> None:
    found = recommendations({(1, 2): 20, (2, 1): 20, (0, 1): 1}, train=(200, 50, 400))
    assert [need.label for need in found.needs] == ["shirt", "longsleeve", "hat"]
    best = found.needs[0]
    assert best.more == 110 and best.first > 0.9
    assert best.gain.value == pytest.approx(20 / 300 * (1 - 50 / 160), abs=1e-6)
    assert best.gain.low < best.gain.value < best.gain.high
    assert found.doubling.value == pytest.approx(0.1 * 0.5, abs=1e-6)
    assert [point for point, _ in found.curve] == [100, 200, 300, 400]
    assert found.confusions[0].mistakes == 40 and found.confusions[0].photos == 200
    text = "\n".join(found.lines())
    assert "110 more photos of shirt would help most: about 4.6 points (95 % interval" in text
    assert "shirt and longsleeve are confused (40 of 200" in text
    assert "the collar and buttons of the shirt and the cuffs and neckline of the longsleeve" in text
    assert found.to_dict()["needs"][0]["label"] == "shirt"


def test_text_says_when_the_ranking_is_uncertain_or_unknown() -> None:
    close = recommendations({(0, 1): 3, (1, 2): 3}, train=(100, 100, 100))
    assert close.needs[0].first < 0.7
    assert "the ranking is uncertain" in close.lines()[0]
    none = recommendations({}, train=(100, 100, 100))
    assert none.lines()[0].startswith("The errors on the 300 validation photos do not show")
    wide = recommendations({(1, 2): 20}, train=(100, 100, 100), retrained=False).needs[0].gain
    sure = recommendations({(1, 2): 20}, train=(100, 100, 100)).needs[0].gain
    assert wide.low < sure.low
    assert "--retrain" in recommendations({}, train=(9, 9, 9), retrained=False).lines()[-1]
    assert "--retrain" not in close.lines()[-1]


def test_a_gain_that_rounds_to_nothing_is_not_told_as_a_number() -> None:
    truth = np.repeat(np.arange(3), 100)
    curve = [Point(n, np.ones(300)) for n in (100, 200, 300, 400)]
    labels = np.repeat(np.arange(3), 100)
    perfect = recommend(CLASSES, curve, train=labels, truth=truth, answers=truth, retrained=False)
    assert not perfect.doubling_helps
    assert perfect.describe_curve()[1] == "Twice as many photos of the same kind would add less than 0.1 points."
    assert recommendations({}, train=(9, 9, 9)).doubling_helps
    small = replace(perfect, needs=(Need("hat", 10, Estimate(0.0004, 0, 0.0009), 1.0),))
    assert not small.need_helps
    assert "10 more photos of hat would help most: less than 0.1 points of accuracy." in small.describe_need()


def test_another_validation_photo_takes_little_more_memory() -> None:
    peaks = []
    for count in (2000, 4000):
        truth = np.arange(count) % 3
        curve = [Point(n, (np.arange(count) >= 40 * count / n).astype(float)) for n in (100, 200, 300, 400)]
        tracemalloc.start()
        recommend(CLASSES, curve, train=truth, truth=truth, answers=(truth + (truth == 0)) % 3, retrained=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2000 < 500  # bytes; 16,000 with all resamples at once
