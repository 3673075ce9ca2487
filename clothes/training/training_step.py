"""One training step: learning rate, forward pass, gradients, weight update, averaged weights. Also the optimizer."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config, ModelConfig, TrainConfig
from clothes.errors import OutOfMemoryError
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.photos.split_file import Split
from clothes.system.plurals import counted
from clothes.system.stderr import quiet

_AVERAGE_EVERY = 4  # steps; averaging the weights after each step costs time and gains nothing

Update = Callable[[keras.Model, np.ndarray, np.ndarray], tuple[float, float]]


def make_network(config: Config, classes: int) -> keras.Model:
    """Returns a new network with its optimizer, ready for training steps. The same seed gives the same weights."""
    with quiet():  # Keras imports TensorFlow here, whatever the backend
        keras.utils.set_random_seed(config.train.seed)
    model = build_model(config.model, classes, precision=choose_precision(config.train, config.model))
    model.compile(make_optimizer(config.train), "categorical_crossentropy", metrics=["accuracy"], jit_compile="auto")
    model.optimizer.build(model.trainable_variables)
    return model


def training_step(
    model: keras.Model,
    average: list[Any],
    pictures: np.ndarray,
    targets: np.ndarray,
    config: TrainConfig,
    *,
    step: int,
    steps: int,
    update: Update | None = None,
) -> tuple[float, float]:
    """Learns from uint8 pictures (N, size, size, 3) with targets (N, classes). Returns loss and accuracy of the batch.

    This is step number `step` of `steps`. `average` is the exponential moving average of the weights, which this
    replaces in the list; its tensors stay where the weights are, on a GPU too. `update` is another way to update the
    weights than that of one process.
    """
    model.optimizer.learning_rate = learning_rate(config, step, steps)
    loss, accuracy = (update or update_weights)(model, pictures, targets)
    if config.ema and step % _AVERAGE_EVERY == 0:
        # Keras' use_ema has no lower momentum in the first steps: after 100 steps its average is still near the start.
        taken = step // _AVERAGE_EVERY
        momentum = min(config.ema**_AVERAGE_EVERY, (1 + taken) / (10 + taken))
        for i, variable in enumerate(model.trainable_variables):
            change = (1 - momentum) * (keras.ops.stop_gradient(variable.value) - average[i])
            average[i] = change + average[i]  # in this order: PyTorch adds no tensor to an array
    return loss, accuracy


def update_weights(model: keras.Model, pictures: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Forward pass, gradients and weight update. Returns loss and accuracy; raises OutOfMemoryError."""
    try:
        loss, accuracy = model.train_on_batch(pictures, targets)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise _too_large(model, pictures, targets) from error
    return float(loss), float(accuracy)


class Alone:
    """The one process of a training. `clothes.training.workers.leader.Leader` is that of a training on several."""

    share = (0, 1)  # of each batch: the first part of one
    update = staticmethod(update_weights)

    def show_photos(self, split: Split, taught: np.ndarray | None) -> None:
        pass

    def begin(self, epoch: int, step: int) -> None:
        pass

    def begin_trial(self, steps: int) -> None:
        pass

    def end(self) -> None:
        pass


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether a backend ran out of memory; each has an exception of its own."""
    text = f"{type(error).__name__} {error}".lower().replace("_", "")
    return isinstance(error, MemoryError | OutOfMemoryError) or any(
        sign in text for sign in ("resourceexhausted", "out of memory", "outofmemory")
    )


def _too_large(model: keras.Model, pictures: np.ndarray, targets: np.ndarray) -> OutOfMemoryError:
    """Returns an error that names the largest batch that fits, found by halving."""
    size, side = len(pictures), pictures.shape[1]
    problem = f"Out of memory: a batch of {counted(size, 'photo')} of {side} x {side} pixels does not fit"
    while size > 1:
        size //= 2
        try:
            model.train_on_batch(pictures[:size], targets[:size])
        except Exception as error:
            if is_out_of_memory(error):
                continue
            raise
        return OutOfMemoryError(
            f'{problem}; one of {size} does. Train with --config FILE that says "batch_size": {size} in "train", '
            "or with a smaller --image-size."
        )
    return OutOfMemoryError(f"{problem}, and not even one of 1 does. Train with a smaller --image-size or network.")


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Returns the learning rate of a step: a linear warm-up, then the schedule down to nearly zero."""
    # Keras' CosineDecay wastes the first step at a rate of 0, and old checkpoints do not fit its optimizer.
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    left = 1 - (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * (left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer named in the config, without weight decay on biases and normalization."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        return for_one_device(keras.optimizers.Adam(rate))
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return for_one_device(optimizer)


def for_one_device(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns the optimizer, changed so that it does not add up the gradients of several devices.

    TensorFlow registers a gradient of that sum, which keeps every network of a process in memory: 17 MB and more each.
    """
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs  # called on TensorFlow only
    return optimizer


def choose_precision(config: TrainConfig, model: ModelConfig) -> str:
    """Returns the Keras dtype policy. "auto" is bfloat16 for the sequential network on a processor that supports it.

    Depthwise convolutions are slower in bfloat16: EfficientNet-Lite0 trains at half the speed.
    """
    if config.precision != "auto":
        return config.precision
    cpu = Path("/proc/cpuinfo")
    if model.architecture != "sequential" or not cpu.exists():
        return "float32"
    flags = cpu.read_text(encoding="utf-8")
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


def values(variables: Sequence[Any]) -> list[np.ndarray]:
    """Returns copies of the values of variables or tensors."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[keras.Variable], new: Sequence[Any]) -> None:
    """Gives variables these values."""
    for variable, value in zip(variables, new, strict=True):
        variable.assign(value)
