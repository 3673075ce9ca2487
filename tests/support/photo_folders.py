"""Reads what lies in photo folders, for comparison."""

import csv
import hashlib
from pathlib import Path

from clothes.collection.collect import Collected


def rows(photos: Path) -> list[dict[str, str]]:
    with (photos / "sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reasons(result: Collected) -> dict[str, str]:
    return {item.path: item.reason for item in result.refused}


def stored_hashes(photos: Path) -> dict[str, str]:
    """The SHA-256 of each photo by its path, after a check that sources.csv says the same."""
    found = {name: hashlib.sha256(data).hexdigest() for name, data in below(photos).items() if "/" in name}
    assert sorted((row["file"], row["sha256"]) for row in rows(photos)) == sorted(found.items())
    return found
