"""The optimizer of a training, its learning-rate schedule, and the precision it computes in."""

import math
from pathlib import Path

from clothes.config import ModelConfig, TrainConfig
from clothes.models.backend import keras


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer named in the config, without weight decay on biases and normalization."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


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


def choose_precision(config: TrainConfig, model: ModelConfig) -> str:
    """Returns the Keras dtype policy. "auto" is bfloat16 for the sequential network on a processor that supports it.

    Depthwise convolutions are slower in bfloat16: EfficientNet-Lite0 trains at half the speed.
    """
    if config.precision != "auto":
        return config.precision
    if model.architecture != "sequential":
        return "float32"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
