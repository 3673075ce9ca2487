"""Measures `clothes` and other ways to a recogniser, on the same photos, each in an environment of its own.

    uv run python -m benchmarks.peers PHOTOS --minutes 5 --environments build/peers --out build/peers.json
    uv run python -m benchmarks.peers PHOTOS --out build/try.json --only "Keras tutorial" --data few --epochs 1
    uv run python -m benchmarks.peers --out build/peers.json --tables --plots docs/images

PHOTOS is clothing-dataset-small with its given parts. The ways learn from its train and validation photos (`all`), or
from 200 of the three classes with most test photos (`few`: 160 to train, 40 to validate), and are tested on the test
photos of these classes. What is in the results already is not measured again. benchmarks/peers_ways.py holds the ways,
with the settings of their own documentation. With --minutes, trainings on all photos have fewer epochs where their own
number would take longer, by their pace on the few. A way that needs a download fails; the reason is kept.

`seconds` are those of the whole command; the first answer is that of a new process on one photo, files in the page
cache; `photos a second` leaves that out. Memory is the largest sum of Pss in the process tree. The index of packages is
the one that uv is set up with.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.peers_report import draw_plots, tables
from benchmarks.peers_running import PeerError, Used, describe_environment, make_environment, run, variables
from benchmarks.peers_ways import BY_NAME, WAYS, Way

FEW, FEW_CLASSES, EVERY = 200, 3, 5  # photos, classes; each fifth of the few validates
COLD = 3  # first answers
PARTS = ("train", "validation", "test")
PARTED = dict[str, list[Path]]


def list_parts(photos: Path) -> PARTED:
    """Returns the photos PART/CLASS/NAME of each part, sorted."""
    return {part: sorted(path for path in (photos / part).glob("*/*") if path.is_file()) for part in PARTS}


def choose_few(parts: PARTED) -> PARTED:
    """Returns FEW train photos of the classes with most test photos, evenly, every fifth to validate; and their tests.

    The photos of a class are those with the smallest hashes of their names, so nobody picked them.
    """
    tests = Counter(path.parent.name for path in parts["test"])
    classes = sorted(sorted(tests, key=lambda name: (-tests[name], name))[:FEW_CLASSES])
    chosen: PARTED = {"train": [], "validation": []}
    for position, label in enumerate(classes):
        each = [path for path in parts["train"] if path.parent.name == label]
        each.sort(key=lambda path: sha256(path.name.encode()).hexdigest())
        count = FEW // FEW_CLASSES + (position < FEW % FEW_CLASSES)
        if len(each) < count:
            raise SystemExit(f"{label} has {len(each)} train photos, and {count} are needed.")
        for path in each[:count]:
            total = len(chosen["train"]) + len(chosen["validation"])
            chosen["validation" if total % EVERY == EVERY - 1 else "train"].append(path)
    return chosen | {"test": [path for path in parts["test"] if path.parent.name in classes]}


def link(parts: PARTED, folder: Path) -> None:
    """Links the photos into FOLDER/PART/CLASS, the test photos without classes into FOLDER.test, one into FOLDER.one.

    The tests are named by number, so a name tells nothing.
    """
    for part in ("train", "validation"):
        for path in parts[part]:
            to = folder / part / path.parent.name / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(path.resolve())
    for name, some in (("test", parts["test"]), ("one", parts["test"][:1])):
        to = folder.with_suffix(f".{name}")
        to.mkdir()
        for number, path in enumerate(some):
            (to / f"{number:05}{path.suffix}").symlink_to(path.resolve())


class Trial:
    """One way on some photos: its folder, commands and environment variables."""

    def __init__(self, way: Way, parts: PARTED, place: Path, work: Path, *, epochs: int, minutes: float = 0) -> None:
        link(parts, work / "photos")
        values = {"python": f"{place}/bin/python", "bin": f"{place}/bin", "photos": f"{work}/photos"}
        values |= {"model": f"{work}/model", "epochs": str(epochs), "minutes": f"{minutes:g}"}
        asked = (way.asks_epochs if epochs else ()) + (way.asks_minutes if minutes else ())
        self.train = [word.format(**values) for word in (*way.train, *asked)]
        self.predict_one, self.predict_all = (
            [word.format(folder=f"{work}/photos.{to}", **values) for word in way.predict] for to in ("one", "test")
        )
        self.variables, self.log = variables(place, work), work / "log"

    def run(self, words: Sequence[str], *, sample: float = 0) -> Used:
        return run(words, self.variables, self.log, sample=sample)


def warm_up(way: Way, parts: PARTED, place: Path) -> None:
    """Trains on a few photos the first time, so that bytecode and lists of fonts are there. It may fail."""
    done = place / f"{sha256(way.name.encode()).hexdigest()[:12]}.warm"
    if not done.exists():
        few = {part: some[::7] for part, some in parts.items()}
        with tempfile.TemporaryDirectory() as name, suppress(PeerError):
            trial = Trial(way, few, place, Path(name), epochs=1)
            trial.run(trial.train)
            trial.run(trial.predict_one)
        done.touch()


def measure(way: Way, parts: PARTED, place: Path, *, epochs: int, minutes: float) -> dict[str, Any]:
    """Returns what a way takes and answers: trains once, asks COLD times about one photo and twice about all."""
    truth = {f"{number:05}{path.suffix}": path.parent.name for number, path in enumerate(parts["test"])}
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(way, parts, place, Path(name), epochs=epochs, minutes=minutes)
        trained = trial.run(trial.train, sample=0.5)
        cold = [trial.run(trial.predict_one) for _ in range(COLD)]
        all_of_them = [trial.run(trial.predict_all, sample=0.25) for _ in range(2)]
        answers = way.read(trial.log.read_text(encoding="utf-8", errors="replace"))
    if answers.keys() != truth.keys():
        raise PeerError(f"{len(answers.keys() & truth.keys())} of {len(truth)} photos were answered")
    first = statistics.median(used.seconds for used in cold)
    return {
        "epochs": epochs,
        "train photos": len(parts["train"]),
        "right": [answers[name] == label for name, label in truth.items()],
        "training": asdict(trained),
        "first": [used.seconds for used in cold],
        "rate": [(len(truth) - 1) / (used.seconds - first) for used in all_of_them],
        "predicting megabytes": max(used.megabytes for used in all_of_them),
    }


def read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def fit_epochs(most: int, minutes: float, few: dict[str, Any], photos: int) -> int:
    """Returns the epochs on so many photos that fit in the minutes, at the pace on few; from 1 to `most`."""
    start = statistics.median(few["first"])  # imports
    epoch = (few["training"]["seconds"] - start) / few["epochs"] * photos / few["train photos"]
    return max(1, min(most, int((60 * minutes - start) / epoch)))


def measure_all(asked: argparse.Namespace, environments: Path) -> None:
    parts = list_parts(asked.photos)
    data = {"few": choose_few(parts), "all": parts}
    for turn, name, way in product(range(asked.rounds), asked.data, [BY_NAME[each] for each in asked.only]):
        rows, key = read(asked.out), (way.name, name, turn)
        if any((row["way"], row["data"], row["round"]) == key for row in rows):
            continue
        few = next((row for row in rows if (row["way"], row["data"]) == (way.name, "few")), {})
        if name == "all" and "error" in few:
            continue
        epochs = asked.epochs or way.epochs.get(name, 0)
        if name == "all" and asked.minutes and epochs and few:
            epochs = fit_epochs(epochs, asked.minutes, few, len(parts["train"]))
        row: dict[str, Any] = {"way": way.name, "data": name, "round": turn, "load": os.getloadavg()[0]}
        row["cores"] = os.cpu_count()
        try:
            place = make_environment(way, environments)
            row |= describe_environment(way, place)
            warm_up(way, data["few"], place)
            row |= measure(way, data[name], place, epochs=epochs, minutes=asked.minutes if name == "all" else 0)
            said = f"{sum(row['right'])} of {len(row['right'])} right, {row['training']['seconds']:.0f} s to the model"
        except PeerError as error:
            row["error"] = said = str(error)
        asked.out.write_text(json.dumps([*rows, row]), encoding="utf-8")
        print(f"{way.name}, {name}, round {turn}: {said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--environments", type=Path, help="kept for the next time [default: a temporary folder]")
    parser.add_argument("--only", nargs="+", choices=BY_NAME, default=[way.name for way in WAYS])
    parser.add_argument("--data", nargs="+", choices=("few", "all"), default=["few", "all"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="instead of each way's own, for a try")
    parser.add_argument("--minutes", type=float, default=0, help="for a training on all photos [default: no limit]")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--plots", type=Path)
    asked = parser.parse_args()
    if asked.photos is not None:
        with tempfile.TemporaryDirectory() as scratch:
            measure_all(asked, (asked.environments or Path(scratch)).absolute())
    if asked.tables:
        print(tables(read(asked.out)))
    if asked.plots:
        draw_plots(read(asked.out), asked.plots)


if __name__ == "__main__":
    main()
