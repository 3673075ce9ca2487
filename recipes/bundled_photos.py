"""Makes class folders of the photos of the bundled model, their split, and the held-out photos of each kind.

    uv run python recipes/bundled_photos.py DATA OUT [--without KIND...]

DATA holds clothing-dataset-small/, clothing-dataset-small-people.csv, kids/, kids-and-more-kinds-people.csv,
street-crops/, catalogue/, try-on/, worn-grey/ and not-clothes/. OUT gets

    photos/<class>/, photos/_other/, photos/split.csv
                 clothing-dataset-small: train and validation split by person again, the test part unchanged; the other
                 kinds: seven tenths in train, one in validation, by sender, street photo or group of near-duplicates,
                 and of shop pictures at most 80 of a class in train;
                 photos of other things: every second one in test, which chooses nothing
    held-out/<kind>/<class>/   a fifth of each kind, in no part: it chooses nothing

`--without` leaves all photos of some kinds (street, kids, catalogue, try-on) out of photos/ and holds all of them out,
as always those of worn-grey. Photos are links.
"""

import argparse
import csv
import hashlib
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import clothes
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split

UNSEEN = "worn-grey"  # harmed photos of hangers in a trial; as it is in no part, it tells what an unknown kind gives
_COPIES = {"street": "ab", "other": "ab"}  # in train: scarce kinds twice
_MOST = {"catalogue": 80}  # train photos of a class: with 354 shirts on white, shirts elsewhere were taken for others


class Photo(NamedTuple):
    """A labelled photo. Photos of one group are of one sender, street photo or garment."""

    source: Path
    label: str
    group: str


def main(data: Path, out: Path, without: list[str]) -> None:
    photos = out / "photos"
    rows = []
    taken: Counter[tuple[str, str]] = Counter()

    def add(photo: Photo, part: str, kind: str) -> None:
        content = hashlib.sha256(photo.source.read_bytes()).hexdigest()
        for copy in _COPIES.get(kind, "a") if part == "train" else "a":
            name = f"{kind}-{copy}-{photo.source.name}"
            link(photo.source, photos / photo.label / name)
            rows.append(Row(f"{photo.label}/{name}", photo.label, part, f"{kind}-{photo.group}", content))

    def hold_out(photo: Photo, kind: str) -> None:
        link(photo.source, out / "held-out" / kind / photo.label / photo.source.name)

    small = data / "clothing-dataset-small"
    for row in clothes.split(small, groups=data / "clothing-dataset-small-people.csv").rows:
        add(Photo(small / row.photo, row.label, row.group), row.part, "small")
    for kind, found in kinds(data).items():
        for photo in found:
            part = part_of(photo.group)
            if kind in (*without, UNSEEN) or part == "held-out":
                hold_out(photo, kind)
                continue
            taken[kind, photo.label] += part == "train"
            if part != "train" or taken[kind, photo.label] <= _MOST.get(kind, math.inf):
                add(photo, part, kind)
    for i, path in enumerate(sorted((data / "not-clothes").glob("*.jpg"))):
        add(Photo(path, OTHER, path.stem), "test" if i % 2 else "train", "other")
    split = Split(photos, tuple(sorted(rows, key=lambda row: row.photo)))
    split.write(photos / "split.csv", overwrite=True)
    writer = csv.writer(sys.stdout)
    for part, counts in split.counts().items():
        writer.writerow([part, sum(counts.values()), *(f"{name} {count}" for name, count in counts.items())])


def kinds(data: Path) -> dict[str, list[Photo]]:
    """The photos beside those of clothing-dataset-small, by kind."""
    return {
        "street": [
            Photo(path, path.parent.name, path.stem) for path in sorted((data / "street-crops").glob("*/*.jpg"))
        ],
        "kids": list(of_children(data)),
        "catalogue": list(grouped(data / "catalogue")),
        "try-on": list(grouped(data / "try-on")),
        "worn-grey": list(grouped(data / "worn-grey")),
    }


def of_children(data: Path) -> Iterator[Photo]:
    with (data / "kids-and-more-kinds-people.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["photo"].startswith("kids/"):
                yield Photo(data / row["photo"], row["photo"].split("/")[1], row["person"])


def grouped(folder: Path) -> Iterator[Photo]:
    """The photos of class folders, grouped by near-duplicates."""
    for row in clothes.split(folder).rows:
        yield Photo(folder / row.photo, row.label, row.group or row.photo)


def part_of(group: str) -> str:
    """The part of a group: by its number if it is one, as earlier editions did, or else by chance."""
    number = int(group) if group.isdecimal() else int(hashlib.sha256(group.encode()).hexdigest(), 16)
    if number % 5 == 0:
        return "held-out"
    return "validation" if number % 10 == 1 else "train"


def link(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    to.symlink_to(source.resolve())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", nargs="*", default=[])
    given = parser.parse_args()
    main(given.data, given.out, given.without)
