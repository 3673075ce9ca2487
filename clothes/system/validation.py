"""Checks the fields of a config dataclass; errors name the field, the value and the allowed values."""

import dataclasses
import types
import typing
from typing import Any, Literal

from clothes.errors import ConfigError


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raises ConfigError unless the condition holds; `wanted` describes the allowed values."""
    if not holds:
        raise ConfigError(f"{name} must be {wanted}; got {value!r}.")


def require_between(config: object, low: float, high: float, *names: str) -> None:
    """Raises ConfigError unless these fields lie between `low` and `high`."""
    for name in names:
        value = getattr(config, name)
        require(low <= value <= high, name, value, f"between {low:g} and {high:g}")


def check_types(config: Any) -> None:
    """Turns lists from JSON into tuples. Raises ConfigError if a value has another type than its field."""
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value, hint = getattr(config, item.name), hints[item.name]
        if isinstance(value, list):
            value = tuple(value)
            object.__setattr__(config, item.name, value)
        if typing.get_origin(hint) is Literal:
            options = typing.get_args(hint)
            require(value in options, item.name, value, "one of " + ", ".join(map(repr, options)))
        elif typing.get_origin(hint) is tuple:
            kinds = typing.get_args(hint)
            fits = isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
            require(fits, item.name, value, f"{len(kinds)} values of type {kinds[0].__name__}")
        else:
            options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            require(any(_fits(value, kind) for kind in options), item.name, value, f"of type {hint}")


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def build(kind: type[Any], data: object) -> Any:
    """Returns the dataclass with these fields. Raises ConfigError for unknown ones."""
    if not isinstance(data, dict):
        raise ConfigError(f"{kind.__name__} must be an object; got {data!r}.")
    known = [item.name for item in dataclasses.fields(kind)]
    if unknown := sorted(set(data) - set(known)):
        raise ConfigError(f"unknown setting {unknown[0]!r}. Known here: {', '.join(known)}.")
    return kind(**data)
