"""SHA-256 checksums of bytes, files, JSON and whole folders.

A folder's checksums stand in one JSON file of it: those of the other files under `files`, its own under `sha256`.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clothes.system.files import read_regular_file, write_folder

CHECKSUM = "sha256"  # the entry of a JSON file with the checksum of its other entries
_MAX_BYTES = 2_000_000_000  # of one file; LiteRT reads no larger one


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Returns the checksum of a value as JSON. The order of keys does not matter."""
    return sha256(json.dumps(value, sort_keys=True).encode())


def add_checksum(info: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entries with their checksum as the last one."""
    rest = {key: value for key, value in info.items() if key != CHECKSUM}
    return {**rest, CHECKSUM: sha256_json(rest)}


def verify_checksum(info: Mapping[str, Any]) -> None:
    """Raises ValueError if the entries changed after their checksum was added. Entries without one pass."""
    if CHECKSUM in info and add_checksum(info)[CHECKSUM] != info[CHECKSUM]:
        raise ValueError("checksum mismatch, changed after it was written")


def write_verified_folder(path: Path, name: str, info: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Writes a folder of these files and the JSON file `name`: `info` and all checksums. Returns its entries."""
    checksums = {file: sha256(data) for file, data in sorted(files.items())}
    checked = add_checksum({**info, "files": checksums})
    write_folder(path, {**files, name: json_text(checked).encode()})
    return checked


def read_verified(path: Path, checksum: str, *, max_bytes: int = _MAX_BYTES) -> bytes:
    """Returns the bytes of a file. Raises OSError, or ValueError for another checksum or no regular file."""
    data = read_regular_file(path, max_bytes)
    if sha256(data) != checksum:
        raise ValueError(f"{path.name}: checksum mismatch, changed after it was written")
    return data


def json_text(info: Mapping[str, Any]) -> str:
    return json.dumps(info, indent=2, ensure_ascii=False) + "\n"
