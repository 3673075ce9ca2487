"""The limits of a search and its search space: the varied settings, their values, and how they change a config.

A setting is named by its place in the config, such as "train.learning_rate" or "model.filters.0".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import ConfigError, TuningError

TRIALS = 40  # of a search without limits


@dataclass(frozen=True)
class SearchConfig:
    """The limits of a search, and the URL of the database that processes share."""

    trials: int | None = None
    minutes: float | None = None
    epochs: int | None = None
    scale: float = 1
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 1:
            raise TuningError(f"--trials must be 1 or more; got {self.trials}.")
        if self.minutes is not None and not self.minutes > 0:
            raise TuningError(f"--minutes must be above 0; got {self.minutes:g}.")
        if self.epochs is not None and self.epochs < 1:
            raise TuningError(f"--epochs must be 1 or more; got {self.epochs}.")
        if not 0 < self.scale <= 1:
            raise TuningError(f"--scale must be above 0 and at most 1; got {self.scale:g}.")

    @property
    def most(self) -> int | None:
        """The number of trials that ends the search; None if time alone is the limit."""
        return self.trials or (TRIALS if self.minutes is None else None)


@dataclass(frozen=True)
class Span:
    """Numbers from `low` to `high`, both included; `log`: drawn on a logarithmic scale, `whole`: integers only."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Options = Span | tuple[Any, ...]
Space = Mapping[str, Options]  # setting -> its values

# Setting -> its values, or a factor: from value / factor to value * factor on a logarithmic scale, around the value in
# the config. ".0", ".1" and ".2" are the three layers. A setting is not searched if its value in the config lies
# outside. "train.augmentation" is the strength given to `Augmentation.times`.
SEARCHED: Mapping[str, Options | int] = {
    "train.learning_rate": 5,
    "train.weight_decay": 10,
    "train.batch_size": (16, 32, 64, 128),
    "train.label_smoothing": Span(0, 0.2),
    "train.augmentation": Span(0, 1.5),
    "model.image_size": (64, 80, 96, 112, 128),
    "model.normalization": ("batch", "none"),
    **{f"model.filters.{i}": 2 for i in range(3)},
    **{f"model.kernels.{i}": (3, 5, 7) for i in range(3)},
    **{f"model.units.{i}": 2 for i in range(3)},
    **{f"model.dropout.{i}": Span(0, 0.6) for i in range(3)},
}
# Decide most on small data sets (Brigato et al., 2021, arXiv 2108.13122), so they are varied first, on their own.
MATTER_MOST = ("train.learning_rate", "train.weight_decay", "train.batch_size")


def space_around(config: Config) -> Space:
    """Returns the search space around a config: the values of each setting that the config has and `SEARCHED` names.

    Values that no config can have are left out.
    """
    found: dict[str, Options] = {}
    described, usual = config.to_dict(), Config()
    for name, options in SEARCHED.items():
        part, setting = name.split(".")[:2]
        if setting not in described[part]:
            continue  # a setting of another network
        value = read_setting(config, name)
        if isinstance(options, int):
            if value > 0:
                low, high, whole = value / options, value * options, isinstance(read_setting(usual, name), int)
                found[name] = _accepted(config, name, Span(round(low) if whole else low, high, True, whole))
        elif isinstance(options, tuple):
            if value in options:
                found[name] = options
        elif options.low <= value <= options.high:
            found[name] = _accepted(config, name, options)
    return found


def _accepted(config: Config, name: str, span: Span) -> Span:
    """Returns the part of a span around the value in the config that the config accepts."""
    value = read_setting(config, name)
    low, high = (_furthest(config, name, value, end, whole=span.whole) for end in (span.low, span.high))
    return replace(span, low=low, high=high)


def _furthest(config: Config, name: str, accepted: float, end: float, *, whole: bool) -> float:
    """Returns the number nearest to `end` that the config accepts, by bisection from one that it accepts."""
    if _accepts(config, name, end):
        return end
    refused = end
    while (middle := (accepted + refused) // 2 if whole else (accepted + refused) / 2) not in (accepted, refused):
        if _accepts(config, name, middle):
            accepted = middle
        else:
            refused = middle
    return accepted


def _accepts(config: Config, name: str, value: Any) -> bool:
    try:
        apply_settings(config, {name: value})
    except ConfigError:
        return False
    return True


def apply_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """Returns the config with these values of settings."""
    changes: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    for name, value in settings.items():
        part, setting, *layer = name.split(".")
        old = changes[part].get(setting, getattr(getattr(config, part), setting))
        if name == "train.augmentation":
            value = old.times(value)
        elif layer:
            value = [value if i == int(layer[0]) else other for i, other in enumerate(old)]
        changes[part][setting] = value
    return config.changed(changes)


def read_setting(config: Config, name: str) -> Any:
    """Returns the value of a setting in a config; 1.0 for the strength of the augmentation."""
    part, setting, *layer = name.split(".")
    if name == "train.augmentation":
        return 1.0
    value = getattr(getattr(config, part), setting)
    return value[int(layer[0])] if layer else value


def latin_hypercube(options: Options, count: int, rng: np.random.Generator) -> list[Any]:
    """Returns `count` values in random order, one from each of as many equal parts of the range."""
    order = rng.permutation(count)
    if isinstance(options, tuple):
        return [options[i % len(options)] for i in order]
    low, high = (math.log(options.low), math.log(options.high)) if options.log else (options.low, options.high)
    values = [low + (high - low) * (i + 0.5) / count for i in order.tolist()]
    return [math.exp(value) for value in values] if options.log else values
