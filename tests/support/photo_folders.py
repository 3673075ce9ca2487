"""Reads what lies in photo folders, for comparison."""

import csv
from pathlib import Path

from clothes.collection.collect import Collected


def rows(photos: Path) -> list[dict[str, str]]:
    with (photos / "sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reasons(result: Collected) -> dict[str, str]:
    return {item.path: item.reason for item in result.refused}
