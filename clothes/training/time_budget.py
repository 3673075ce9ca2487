"""Chooses the image size and the epochs with which a training ends in time."""

import time

import numpy as np

from clothes.config import Config
from clothes.errors import TrainingError
from clothes.photos.split_file import Split
from clothes.training.datasets import Pictures
from clothes.training.trainer import Trainer

_SIZES = (224, 192, 160, 128, 96, 64, 48, 32)
_RESERVE = 0.25  # of the time: decoding, fitting the last layer, checkpoints, converting the network


def fit_to_time(config: Config, split: Split, *, seconds: float, began: float) -> Config:
    """Returns the config with fewer epochs and smaller pictures if needed, so that a training ends in time.

    It has `seconds` from `began`, a time.perf_counter(). Pictures get smaller only if less than half of the epochs fit.
    Raises TrainingError if not even one epoch fits.
    """
    wanted = config.train.epochs
    whole = _seconds(config, split)
    left = seconds * (1 - _RESERVE) - (time.perf_counter() - began)
    full_size = config.model.image_size
    for size in (full_size, *(size for size in _SIZES if size < full_size)):
        epochs = int(left / (whole * (size / full_size) ** 2) * wanted)
        if epochs >= wanted / 2:
            break
    if epochs < 1:
        raise TrainingError(
            f"{seconds / 60:g} minutes are too few for {len(split.part('train')):,} photos: not one epoch fits. Give "
            "more --minutes, or fewer photos."
        )
    return config.changed({"model": {"image_size": size}, "train": {"epochs": min(epochs, wanted)}})


def _seconds(config: Config, split: Split) -> float:
    """Returns the seconds that the epochs of a training take, estimated by a few steps on noise."""
    size = config.model.image_size
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)

    def part(name: str) -> Pictures:
        count = len(split.part(name))
        return Pictures(np.broadcast_to(noise, (count, *noise.shape[1:])), np.arange(count) % len(split.classes))

    return Trainer(config, split.classes, part("train"), part("validation")).seconds_left()
