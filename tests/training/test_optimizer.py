"""The learning-rate schedule."""

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.training.optimizer import learning_rate


def test_the_learning_rate_warms_up_and_goes_to_nearly_zero() -> None:
    config = clothes.TrainConfig(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001
