"""Validation of what comes from outside: JSON files, the types of their values, names of files, and settings."""

import dataclasses
import json
import os
import re
import reprlib
import types
import typing
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any, Literal, NotRequired

from clothes.errors import ConfigError
from clothes.system.files import read_regular_file

_MOST_BYTES = 16_000_000  # of a JSON file
_DEEPEST = 32  # levels of lists and objects
_LARGEST, _LARGEST_FLOAT = 2**63 - 1, 1e100
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # no file name has NUL, and a lone surrogate cannot be written
_KINDS: dict[Any, str] = {
    **{str: "text", int: "an integer", float: "a number", bool: "true or false"},
    **{list: "a list", types.NoneType: "null"},
}


Share = Annotated[float, (0, 1)]


def read_json(path: Path, kind: Any = dict) -> Any:
    """Returns the value in a JSON file, which must have the type `kind` (see `check_type`).

    Raises OSError, or ValueError with the reason: a link or special file, too long, not JSON, nested too deeply, a
    number that is huge or not finite, unusable characters, a wrong type.
    """
    return parse_json(read_regular_file(path, _MOST_BYTES), kind)


def parse_json(text: bytes, kind: Any = dict) -> Any:
    """Returns the value of a JSON text. Raises ValueError as `read_json` does."""
    try:
        value = json.loads(text, parse_int=_parse_int, parse_float=parse_float, parse_constant=parse_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_texts(value)
    check_type(value, kind)
    return value


def parse_float(text: str) -> float:
    """Returns the number. Raises ValueError for NaN and for numbers that overflow in a sum or a plot, too."""
    number = float(text)
    if not abs(number) <= _LARGEST_FLOAT:  # false for NaN
        raise ValueError(f"{text[:20]} is no number, or a huge one")
    return number


def _parse_int(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _LARGEST:
        raise ValueError(f"the number {reprlib.repr(text)} is too large")
    return int(text)


def _check_texts(value: object, depth: int = 0) -> None:
    """Raises ValueError for a text with unusable characters, or for too many levels."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str) and _UNUSABLE.search(value):
        raise ValueError(f"the text {value[:50]!a} has a character that cannot be used")
    if isinstance(value, dict | list):
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_texts(inner, depth + 1)


def check_type(value: object, kind: Any, name: str = "") -> None:
    """Raises ValueError unless a value has this type: a TypedDict, dict[str, int], float | None, Literal and so on.

    An integer is a number, too. A tuple stands for a list of that length, Annotated[float, (0, 1)] for a number between
    these. `name` is the value's place in its file.
    """
    for problem in _problems(value, kind, name):
        raise ValueError(problem)


def _problems(value: Any, kind: Any, name: str) -> Iterator[str]:
    if not _fits(value, kind):
        yield f"{name or 'it'} must be {_describe(kind)}; got {reprlib.repr(value)}"
        return
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        for key, inner in typing.get_type_hints(kind, include_extras=True).items():
            inner = typing.get_args(inner)[0] if typing.get_origin(inner) is NotRequired else inner
            if key in value:
                yield from _problems(value[key], inner, f"{name}.{key}".lstrip("."))
            elif key in kind.__required_keys__:
                yield f"{name}.{key} is missing".lstrip(".")
    elif origin is dict:
        for key, item in value.items():
            yield from _problems(item, arguments[1], f"{name}.{key}".lstrip("."))
    elif origin in (list, tuple):
        for item, inner in zip(value, arguments if origin is tuple else arguments * len(value), strict=True):
            yield from _problems(item, inner, name)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value has this type, whatever its entries are."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if typing.is_typeddict(kind):
        return isinstance(value, dict)
    if origin in (types.UnionType, typing.Union):
        return any(not any(_problems(value, option, "")) for option in arguments)
    if origin is Annotated:
        low, high = arguments[1]
        return _fits(value, arguments[0]) and low <= value <= high
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, list | tuple) and len(value) == len(arguments)
    is_kind = isinstance(value, (int, float) if kind is float else origin or kind)
    return is_kind and (kind is bool or not isinstance(value, bool))


def _describe(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        return f"{len(arguments)} values, each {_describe(arguments[0])}"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_describe, arguments))
    if origin is Annotated:
        return f"{_describe(arguments[0])} from {arguments[1][0]:g} to {arguments[1][1]:g}"
    return _KINDS.get(origin or kind, "an object")


def stays_below(name: str) -> bool:
    """Whether a name from a file, such as "hat/a.jpg", leads to a place below its folder, on every system."""
    parts = re.split(r"[/\\]", name)  # the first one is empty in an absolute name
    drive = PureWindowsPath(name).drive and (os.name == "nt" or PureWindowsPath(name).root)
    return bool(parts[0]) and ".." not in parts and not drive and not _UNUSABLE.search(name)


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raises ConfigError unless the condition holds; `wanted` describes the allowed values."""
    if not holds:
        raise ConfigError(f"{name} must be {wanted}; got {value!r}.")


def require_between(config: object, low: float, high: float, *names: str) -> None:
    """Raises ConfigError unless these fields lie between `low` and `high`."""
    for name in names:
        value = getattr(config, name)
        require(low <= value <= high, name, value, f"between {low:g} and {high:g}")


def check_fields(config: Any) -> None:
    """Turns lists from JSON into tuples. Raises ConfigError if a value has another type than its field."""
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if isinstance(value, list):
            object.__setattr__(config, item.name, tuple(value))
        try:
            check_type(value, hints[item.name], item.name)
        except ValueError as error:
            raise ConfigError(f"{error}.") from None


def build(kind: type[Any], data: object) -> Any:
    """Returns the dataclass with these fields. Raises ConfigError for unknown ones."""
    if not isinstance(data, dict):
        raise ConfigError(f"{kind.__name__} must be an object; got {data!r}.")
    known = [item.name for item in dataclasses.fields(kind)]
    if unknown := sorted(set(data) - set(known)):
        raise ConfigError(f"unknown setting {unknown[0]!r}. Known here: {', '.join(known)}.")
    return kind(**data)
