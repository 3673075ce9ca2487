"""Numbers against hand-made and published values."""

import numpy as np
import pytest

from clothes.inference import metrics


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval(right: int, total: int, low: float, high: float) -> None:
    assert metrics.wilson_interval(right, total) == pytest.approx((low, high), abs=1e-4)


def test_wilson_interval_at_the_ends() -> None:
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)
    assert metrics.wilson_interval(10, 10)[1] == 1.0
    assert metrics.wilson_interval(10, 10)[0] < 1.0


def test_confusion_and_per_class_figures() -> None:
    truth, answers = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    confusion = metrics.confusion_matrix(truth, answers, 3)
    assert confusion.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    first, second, third = metrics.precision_recall_f1(confusion)
    assert first == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "photos": 3,
    }
    assert second == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "photos": 2}
    assert third == {"precision": None, "recall": None, "f1": None, "photos": 0}


def test_calibration_error_of_known_cases() -> None:
    sure = np.full(100, 0.9)
    right = np.arange(100) % 10 != 0
    assert metrics.expected_calibration_error(sure, right) == pytest.approx(0.0, abs=1e-9)
    assert metrics.expected_calibration_error(sure, np.zeros(100, dtype=bool)) == pytest.approx(0.9)
    low_and_high = np.concatenate([np.full(50, 0.6), np.full(50, 0.9)])
    truth = np.concatenate([np.ones(50, dtype=bool), np.arange(50) % 2 == 0])
    assert metrics.expected_calibration_error(low_and_high, truth, bins=2) == pytest.approx(0.4)


def test_the_temperature_that_was_applied_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in honest])
    overconfident = metrics.apply_temperature(honest, 1 / 1.8)
    assert metrics.calibrate_temperature(overconfident, labels) == pytest.approx(1.8, rel=0.1)
    assert metrics.calibrate_temperature(honest, labels) == pytest.approx(1.0, rel=0.1)


def test_the_loss_of_certain_answers_is_zero_without_a_sign() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert f"{metrics.log_loss(scores, np.array([0, 1])):.3f}" == "0.000"
    assert metrics.log_loss(np.full((2, 2), 0.5), np.array([0, 1])) == pytest.approx(np.log(2))
