"""Makes class folders of links to the photos of the bundled model, and their split.

    uv run python recipes/bundled_photos.py DATA OUT

DATA holds clothing-dataset-small/, clothing-dataset-small-people.csv, street-crops/ and not-clothes/. OUT gets

    photos/<class>/, photos/_other/, photos/split.csv
                 clothing-dataset-small: train and validation split by person again, the test part unchanged; street
                 crops: split by the number of their street photo, each twice in train; photos of other things: every
                 second one in test, which chooses nothing
    street/<class>/   a fifth of the street crops, by number: held out, in no part
"""

import csv
import hashlib
import sys
from pathlib import Path

import clothes
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split


def main(data: Path, out: Path) -> None:
    photos = out / "photos"
    rows = []

    def add(source: Path, label: str, part: str, name: str, group: str) -> None:
        link(source, photos / label / name)
        content = hashlib.sha256(source.read_bytes()).hexdigest()
        rows.append(Row(f"{label}/{name}", label, part, group, content))

    small = data / "clothing-dataset-small"
    for row in clothes.split(small, groups=data / "clothing-dataset-small-people.csv").rows:
        add(small / row.photo, row.label, row.part, f"small-{Path(row.photo).name}", f"person-{row.group}")
    for path in sorted((data / "street-crops").glob("*/*.jpg")):
        number, label = int(path.stem), path.parent.name
        if number % 5 == 0:
            link(path, out / "street" / label / path.name)
        elif number % 10 == 1:
            add(path, label, "validation", f"street-{path.name}", f"street-{number}")
        else:
            for copy in "ab":
                add(path, label, "train", f"street-{copy}-{path.name}", f"street-{number}")
    for i, path in enumerate(sorted((data / "not-clothes").glob("*.jpg"))):
        add(path, OTHER, "test" if i % 2 else "train", path.name, "")
    split = Split(photos, tuple(sorted(rows, key=lambda row: row.photo)))
    split.write(photos / "split.csv", overwrite=True)
    writer = csv.writer(sys.stdout)
    for part, counts in split.counts().items():
        writer.writerow([part, sum(counts.values()), *(f"{name} {count}" for name, count in counts.items())])


def link(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    to.symlink_to(source.resolve())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
