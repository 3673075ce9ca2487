"""Checkpoints: folders written completely or not at all, each of one config and one set of photos.

    manifest.json   the progress of the training, its config, the fingerprint of the photos, the checksums
    arrays.bin      the network with the random state of its dropout, the optimizer, the averaged and the best weights,
                    the scores of the best weights for the validation photos

The state of the shuffle needs no storage: batches are a function of seed, epoch and step.
"""

import dataclasses
import json
import shutil
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import BundleError, ConfigError, RunError
from clothes.inference.run import HISTORY_COLUMNS, Run
from clothes.system.checksums import read_verified, verify_checksum, write_verified_folder
from clothes.system.files import sync
from clothes.system.validation import check_type, read_json

FOLDER = "checkpoints"  # of a run
KEPT = 3
_FORMAT = 1
_MANIFEST, _ARRAYS = "manifest.json", "arrays.bin"
_SCORES = "scores"  # the part that checkpoints of earlier versions lack, and that is empty before the first epoch

Arrays = dict[str, list[np.ndarray]]


@dataclass
class State:
    """Progress of a training: finished epochs, finished steps of the next epoch, and the history."""

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)  # of the steps of this epoch
    accuracies: list[float] = field(default_factory=list)
    seconds: float = 0.0  # of the steps of this epoch
    best_epoch: int = 0
    best: tuple[float, float] = (-1.0, 0.0)  # validation accuracy, then the negative loss
    history: list[dict[str, float]] = field(default_factory=list)


def write_checkpoint(folder: Path, *, of: Mapping[str, Any], state: State, arrays: Arrays) -> None:
    """Writes a checkpoint, then removes all but the newest three. `of` identifies its training."""
    if not folder.exists():
        folder.mkdir()
        sync(folder.parent)
    name = f"epoch-{state.epoch:06d}" + (f"-step-{state.step:06d}" if state.step else "")
    data = b"".join(np.ascontiguousarray(value).data for values in arrays.values() for value in values)
    info = {"format": _FORMAT, "of": of, "state": dataclasses.asdict(state), "arrays": _described(arrays)}
    write_verified_folder(folder / name, _MANIFEST, info, {_ARRAYS: data})
    for old in _found(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def read_checkpoints(folder: Path, *, of: Mapping[str, Any], like: Arrays) -> Iterator[tuple[State, Arrays]]:
    """Yields state and arrays of the intact checkpoints of the same training, newest first.

    Their shapes and dtypes are those of `like`, whose "scores" may be missing. Raises RunError after the last one, if
    the folder has any: no checkpoint can be resumed.
    """
    reasons = []
    for path in _found(folder):
        try:
            state, arrays = _read(path, of, like)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            reasons.append(f"{path.name}: {f'no {error}' if isinstance(error, KeyError) else error}")
            continue
        yield state, arrays
    if reasons:
        raise RunError(
            f"No checkpoint in {folder} can be resumed ({'; '.join(reasons)}). Train again with --overwrite or into "
            "another --out."
        )


def has_newer_epoch(run: Run) -> bool:
    """Tells whether the newest checkpoint of a run, if it is intact, knows an epoch that its bundle does not know."""
    try:
        bundled = int(run.bundle.info["epochs"]["trained"])
    except (BundleError, KeyError, TypeError, ValueError):
        bundled = 0
    return any(path.name >= f"epoch-{bundled + 1:06d}" for path in _found(run.path / FOLDER))


def _found(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*"), reverse=True)


def _described(arrays: Arrays) -> dict[str, list[list[Any]]]:
    """Returns the dtypes and shapes of arrays as they stand in a manifest."""
    return {part: [[value.dtype.str, list(value.shape)] for value in values] for part, values in arrays.items()}


def _read(path: Path, of: Mapping[str, Any], like: Arrays) -> tuple[State, Arrays]:
    info = read_json(path / _MANIFEST)
    verify_checksum(info)
    if info["format"] != _FORMAT:
        raise ValueError(f"it has format {info['format']!r}; this clothes reads {_FORMAT}")
    config = Config.from_dict(info["of"]["config"]).to_dict()  # with the settings that are newer than the checkpoint
    made_for = info["of"] | {"config": config}
    different = [what for what in of if json.dumps(made_for[what]) != json.dumps(of[what])]
    if different:
        raise ValueError(f"it is of another {' and another '.join(different)}")
    like = _held(info["arrays"], like)
    size = sum(value.nbytes for values in like.values() for value in values)
    data, start = read_verified(path / _ARRAYS, info["files"][_ARRAYS], max_bytes=size), 0
    arrays: Arrays = {part: [] for part in like}
    for part, values in like.items():
        for value in values:
            arrays[part].append(np.frombuffer(data, value.dtype, value.size, start).reshape(value.shape).copy())
            start += value.nbytes
    return _read_state(info["state"]), arrays


def _held(described: object, like: Arrays) -> Arrays:
    """Returns those arrays of `like` that a checkpoint holds. Raises ValueError if they are others."""
    without = {part: values for part, values in like.items() if part != _SCORES}
    for arrays in (like, without | {_SCORES: []}, without):
        if described == _described(arrays):
            return arrays
    raise ValueError("it does not fit this network")


def _read_state(data: dict[str, Any]) -> State:
    state, hints = State(**data), typing.get_type_hints(State)
    for name, value in vars(state).items():
        check_type(value, hints[name], name)
    lengths = [len(state.history), len(state.losses), len(state.accuracies)]
    fits = lengths == [state.epoch, state.step, state.step] and 0 <= state.best_epoch <= state.epoch
    if not fits or any(set(HISTORY_COLUMNS) - row.keys() for row in state.history):
        raise ValueError("its epochs, steps or history are impossible")
    state.best = (state.best[0], state.best[1])
    return state
