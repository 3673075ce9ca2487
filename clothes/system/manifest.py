"""Folders that know their content by its hashes: a JSON file holds the SHA-256 of every other one, and its own."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clothes.system.files import read_regular, write_folder

SEAL = "sha256"
_MOST_BYTES = 4_000_000_000  # of one file


def write_sealed(path: Path, name: str, info: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Puts a folder in place: these files, and `info` with their hashes as the JSON file `name`. What stands there."""
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in sorted(files.items())}
    sealed = seal({**info, "files": hashes})
    write_folder(path, {**files, name: to_json(sealed).encode()})
    return sealed


def seal(info: Mapping[str, Any]) -> dict[str, Any]:
    """The same with a hash over all of it at its end."""
    rest = {key: value for key, value in info.items() if key != SEAL}
    return {**rest, SEAL: hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()}


def check_seal(info: Mapping[str, Any]) -> None:
    """Raises ValueError when something in it has changed since it was sealed."""
    if SEAL in info and seal(info)[SEAL] != info[SEAL]:
        raise ValueError("it is not what it was made as")


def read_sealed(path: Path, sha256: str) -> bytes:
    """The bytes of a file. Raises OSError, or ValueError when they have another hash or it is no regular file."""
    data = read_regular(path, _MOST_BYTES)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path.name} is not the file it was made with")
    return data


def to_json(info: Mapping[str, Any]) -> str:
    return json.dumps(info, indent=2, ensure_ascii=False) + "\n"
