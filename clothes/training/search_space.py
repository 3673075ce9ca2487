"""The search space of `clothes tune`: the settings it varies and the values each may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Times:
    """From value / factor to value * factor, on a logarithmic scale, around the value in the config."""

    factor: float


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`."""

    low: float
    high: float


# Setting -> its values. ".0", ".1" and ".2" are the three layers. A setting is not searched if its value in the config
# lies outside. "train.augmentation" is the strength given to `Augmentation.times`.
SEARCHED: Mapping[str, Times | Between | tuple[Any, ...]] = {
    "train.learning_rate": Times(5),
    "train.weight_decay": Times(10),
    "train.batch_size": (16, 32, 64, 128),
    "train.label_smoothing": Between(0, 0.2),
    "train.augmentation": Between(0, 1.5),
    "model.image_size": (64, 80, 96, 112, 128),
    "model.normalization": ("batch", "none"),
    **{f"model.filters.{i}": Times(2) for i in range(3)},
    **{f"model.kernels.{i}": (3, 5, 7) for i in range(3)},
    **{f"model.units.{i}": Times(2) for i in range(3)},
    **{f"model.dropout.{i}": Between(0, 0.6) for i in range(3)},
}
# Decide most on small data sets (Brigato et al., 2021, arXiv 2108.13122), so they are varied first, on their own.
MATTER_MOST = ("train.learning_rate", "train.weight_decay", "train.batch_size")
