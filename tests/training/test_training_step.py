"""The learning-rate schedule, and batches that do not fit into memory."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.errors import TrainingError
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.training.training_step import learning_rate, make_optimizer, training_step, update_weights, values
from tests.support.pictures import SMALL


def test_the_learning_rate_warms_up_and_goes_to_nearly_zero() -> None:
    config = clothes.TrainConfig(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_the_averaged_weights_are_those_that_numpy_computes_to_the_bit() -> None:
    """Checkpoints of a training that began when NumPy averaged them go on to the same weights."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    model.compile(keras.optimizers.SGD())
    rng, config = np.random.default_rng(0), clothes.TrainConfig(ema=0.99)
    average, expected = values(model.trainable_variables), values(model.trainable_variables)

    def update(*_: object) -> tuple[float, float]:
        for variable in model.trainable_variables:
            variable.assign(rng.normal(size=variable.shape).astype(np.float32))
        return 1.0, 0.5

    for step in range(400):
        training_step(model, average, np.zeros(0), np.zeros(0), config, step=step, steps=400, update=update)
        if step % 4 == 0:
            momentum = min(0.99**4, (1 + step // 4) / (10 + step // 4))
            for mean, variable in zip(expected, values(model.trainable_variables), strict=True):
                mean += (1 - momentum) * (variable - mean)
    assert all(np.array_equal(a, b) for a, b in zip(values(average), expected, strict=True))
    assert all(value.dtype == np.float32 for value in values(average))


def too_much(limit: int, real: Callable[..., object]) -> Callable[..., object]:
    def learn(pictures: np.ndarray, targets: np.ndarray) -> object:
        if len(pictures) > limit:
            raise MemoryError
        return real(pictures, targets)

    return learn


@pytest.mark.parametrize(
    ("limit", "said"), [pytest.param(5, "one of 4 does", marks=pytest.mark.slow), (0, "not even one of 1 does")]
)
def test_without_memory_the_batch_that_fits_is_named(monkeypatch: pytest.MonkeyPatch, limit: int, said: str) -> None:
    model = build_model(SMALL.model, 3)
    model.compile(make_optimizer(SMALL.train), "categorical_crossentropy", metrics=["accuracy"])
    monkeypatch.setattr(model, "train_on_batch", too_much(limit, model.train_on_batch))
    pictures, targets = np.zeros((16, 28, 28, 3), np.uint8), np.eye(3, dtype=np.float32)[np.arange(16) % 3]
    with pytest.raises(TrainingError, match=f"Out of memory: a batch of 16 photos of 28 x 28 pixels .*{said}"):
        update_weights(model, pictures, targets)


def test_a_trained_network_is_not_kept_for_ever() -> None:
    """A gradient that TensorFlow registers holds the network that it was traced in."""
    ops = pytest.importorskip("tensorflow.python.framework.ops")
    registered = set(ops.gradient_registry.list())
    model = build_model(SMALL.model, 3)
    model.compile(make_optimizer(SMALL.train), "categorical_crossentropy", metrics=["accuracy"])
    update_weights(model, np.zeros((4, 28, 28, 3), np.uint8), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]])
    assert set(ops.gradient_registry.list()) == registered
