"""The training of an outfit network: what it must get right in each cell and in the photo, and its steps."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from clothes.config import TrainConfig
from clothes.errors import DivergenceError
from clothes.models.backend import keras
from clothes.outfits.kinds import BACKGROUND, CLASSES, GARMENTS
from clothes.training.outfits.batches import Batch
from clothes.training.training_step import for_one_device, training_step, values

ops = keras.ops

_TRUNK_RATE = 0.35  # of the learning rate of the decoder
_BACKGROUND_WEIGHT = 0.4
_PRESENCE_WEIGHT = 0.3
_STEPS_TO_MEASURE = 20  # before the time left says how many more there are
_CELLS_PRESENT = 6  # the cells with the highest probability of a class say whether it is in the photo


class Optimizer(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with a lower learning rate for variables whose layers were trained before."""

    def __init__(self, slow: Sequence[keras.Variable], **settings: float) -> None:
        super().__init__(**settings)
        self._slow = {id(variable) for variable in slow}
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: float) -> None:
        slower = _TRUNK_RATE if id(variable) in self._slow else 1.0
        super().update_step(gradient, variable, ops.cast(learning_rate, variable.dtype) * slower)


def compile_parser(parser: keras.Model, weights: np.ndarray, config: TrainConfig) -> None:
    """Prepares a network for `train`. `weights` float32 (classes,) are those of the classes in the loss."""
    slow = [variable for layer in parser.layers if _is_trunk(layer) for variable in layer.trainable_variables]
    optimizer = Optimizer(slow, learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    cells = parser.output_shape[1] * parser.output_shape[2]
    parser.compile(for_one_device(optimizer), loss=make_loss(weights, cells), metrics=[make_accuracy(cells)])


def _is_trunk(layer: keras.Layer) -> bool:
    return layer.name.startswith(("stem", "stage", "head"))


def class_weights(shares: np.ndarray) -> np.ndarray:
    """Returns the weight of each class by its share of all labelled cells: rare ones count more, up to fourfold."""
    typical = np.median(shares[shares > 0])
    weights = np.sqrt(typical / np.maximum(shares, 1e-6)).clip(0.5, 4)
    weights[CLASSES.index(BACKGROUND)] = _BACKGROUND_WEIGHT
    return weights.astype(np.float32)


def make_loss(weights: np.ndarray, cells: int) -> Callable[[Any, Any], Any]:
    """Returns the loss of logits (N, h, w, classes) for packed targets (`pack`).

    In each cell it is -log of the probability of all classes that the cell may have; and for each garment in the photo,
    the binary cross-entropy of the mean of its likeliest cells.
    """
    first, classes = CLASSES.index(GARMENTS[0]), len(CLASSES)

    def loss(targets: Any, logits: Any) -> Any:
        logits = ops.reshape(logits, (-1, cells, classes))
        allowed = _allowed(targets, cells)
        log_p = ops.log_softmax(logits)
        missed = -ops.logsumexp(ops.where(allowed > 0, log_p, -1e9), axis=-1)
        weight = ops.sum(allowed * weights, axis=-1) / ops.sum(allowed, axis=-1)
        in_cells = ops.sum(missed * weight) / ops.sum(weight)
        probability = ops.transpose(ops.exp(log_p), (0, 2, 1))[:, first:]
        found = ops.mean(ops.top_k(probability, _CELLS_PRESENT)[0], axis=-1)
        found = ops.clip(found, 1e-4, 1 - 1e-4)
        present = ops.cast(targets[:, cells:], "float32")
        in_photo = -ops.mean(present * ops.log(found) * 2 + (1 - present) * ops.log(1 - found))
        return in_cells + _PRESENCE_WEIGHT * in_photo

    return loss


def make_accuracy(cells: int) -> Callable[[Any, Any], Any]:
    """Returns the share of the cells that show more than background whose likeliest class is allowed."""

    def accuracy(targets: Any, logits: Any) -> Any:
        allowed = _allowed(targets, cells)
        chosen = ops.one_hot(ops.argmax(ops.reshape(logits, (-1, cells, len(CLASSES))), axis=-1), len(CLASSES))
        counted = 1 - allowed[..., 0]
        right = ops.sum(chosen * allowed, axis=-1)
        return ops.sum(right * counted) / (ops.sum(counted) + 1e-6)

    return accuracy


def _allowed(targets: Any, cells: int) -> Any:
    """Returns the packed bits of the cells as float32 (N, cells, classes)."""
    powers = np.array([1 << i for i in range(len(CLASSES))], np.int32)
    bits = ops.cast(targets[:, :cells], "int32")
    return ops.cast(ops.not_equal(ops.bitwise_and(bits[..., None], powers), 0), "float32")


def pack(batch: Batch) -> np.ndarray:
    """Returns the targets of a batch as Keras takes them: int32 (N, cells + garments)."""
    count = len(batch.cells)
    return np.concatenate([batch.cells.reshape(count, -1), batch.present.astype(np.int32)], axis=1)


def train(
    parser: keras.Model,
    batches: Iterator[Batch],
    config: TrainConfig,
    *,
    steps: int,
    seconds: float = math.inf,
    after_step: Callable[[int, float, float], None] = lambda step, loss, accuracy: None,
) -> list[np.ndarray]:
    """Takes these steps, or as many as fit into this time; the learning rate falls to its end in either case.

    Returns the averaged trainable weights. A batch is made while the one before it is learnt. Raises DivergenceError.
    """
    average: list[Any] = values(parser.trainable_variables)
    step, planned, started = 0, steps, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches)
        while step < planned:
            batch = following.result()
            following = pool.submit(next, batches)
            loss, accuracy = training_step(
                parser, average, batch.pictures, pack(batch), config, step=step, steps=planned
            )
            if not math.isfinite(loss):
                raise DivergenceError(f"The loss is {loss} after {step + 1} steps. Train with a lower learning rate.")
            step += 1
            after_step(step, loss, accuracy)
            if step >= _STEPS_TO_MEASURE and math.isfinite(seconds):
                planned = min(steps, int(step * seconds / (time.monotonic() - started)))
    return values(average)
