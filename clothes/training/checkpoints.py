"""Checkpoints: folders written completely or not at all, each of one config and one set of photos.

    manifest.json   the progress of the training, its config, the fingerprint of the photos, the checksums
    arrays.bin      the network with the random state of its dropout, the optimizer, the averaged and the best weights

The state of the shuffle needs no storage: batches are a function of seed, epoch and step.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import RunError
from clothes.system.checksums import read_verified, verify_checksum, write_verified_folder
from clothes.system.files import sync
from clothes.system.validation import read_json

KEPT = 3
_FORMAT = 1
_MANIFEST, _ARRAYS = "manifest.json", "arrays.bin"

Arrays = dict[str, list[np.ndarray]]


def write_checkpoint(
    folder: Path, name: str, *, of: Mapping[str, Any], state: Mapping[str, Any], arrays: Arrays
) -> None:
    """Writes a checkpoint, then removes all but the newest three by name. `of` identifies its training."""
    if not folder.exists():
        folder.mkdir()
        sync(folder.parent)
    described = {part: [(value.dtype.str, value.shape) for value in values] for part, values in arrays.items()}
    data = b"".join(np.ascontiguousarray(value).data for values in arrays.values() for value in values)
    info = {"format": _FORMAT, "of": of, "state": state, "arrays": described}
    write_verified_folder(folder / name, _MANIFEST, info, {_ARRAYS: data})
    for old in _found(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def read_checkpoints(folder: Path, *, of: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Arrays]]:
    """Yields state and arrays of the intact checkpoints of the same training, newest first.

    Raises RunError after the last one, if the folder has any: no checkpoint can be resumed.
    """
    reasons = []
    for path in _found(folder):
        try:
            state, arrays = _read(path, of)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reasons.append(f"{path.name}: {f'no {error}' if isinstance(error, KeyError) else error}")
            continue
        yield state, arrays
        reasons.append(f"{path.name}: it does not fit this network")
    if reasons:
        raise RunError(
            f"No checkpoint in {folder} can be resumed ({'; '.join(reasons)}). Train again with --overwrite or into "
            "another --out."
        )


def _found(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*"), reverse=True)


def _read(path: Path, of: Mapping[str, Any]) -> tuple[dict[str, Any], Arrays]:
    info = read_json(path / _MANIFEST)
    verify_checksum(info)
    if info["format"] != _FORMAT:
        raise ValueError(f"it has format {info['format']!r}; this clothes reads {_FORMAT}")
    different = [what for what in of if json.dumps(info["of"][what]) != json.dumps(of[what])]
    if different:
        raise ValueError(f"it is of another {' and another '.join(different)}")
    data, start = read_verified(path / _ARRAYS, info["files"][_ARRAYS]), 0
    arrays: Arrays = {}
    for part, described in info["arrays"].items():
        arrays[part] = []
        for kind, shape in described:
            value = np.ndarray(shape, kind, data, start)
            arrays[part].append(value.copy())
            start += value.nbytes
    return info["state"], arrays
