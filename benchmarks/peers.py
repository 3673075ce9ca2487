"""Measures `clothes` and other ways to a recogniser, on the same photos, each in an environment of its own.

    uv run python -m benchmarks.peers PHOTOS --environments build/peers --out build/peers.json
    uv run python -m benchmarks.peers PHOTOS --out build/try.json --only "Keras tutorial" --data few --epochs 1
    uv run python -m benchmarks.peers --out build/peers.json --tables --plots docs/images

PHOTOS is clothing-dataset-small with its given parts. The ways learn from its train and validation photos (`all`), or
from 200 of the three classes with most test photos (`few`: 160 to train, 40 to validate), and are tested on the test
photos of these classes. What is in the results already is not measured again. benchmarks/peers_ways.py holds the ways,
with the settings of their own documentation. Without a network a way that downloads weights fails; the reason is kept.

`seconds` are those of the whole command; the first answer is that of a new process on one photo, files in the page
cache; `photos a second` leaves that out. Memory is the largest sum of Pss in the process tree. The index of packages is
the one that uv is set up with.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.peers_report import draw_plots, tables
from benchmarks.peers_ways import BY_NAME, WAYS, Way
from tests.support.processes import below

FEW, FEW_CLASSES, EVERY = 200, 3, 5  # photos, classes; each fifth of the few validates
COLD = 3  # first answers
LIMIT = 1800  # seconds of a command
PARTS = ("train", "validation", "test")
PARTED = dict[str, list[Path]]


@dataclass(frozen=True)
class Used:
    """What a command took."""

    seconds: float
    processor: float  # seconds, with its children
    megabytes: float  # the largest sum of Pss, or 0 if not sampled


class PeerError(Exception):
    """A command of a way failed; the message is the end of its output."""


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


def proportional_memory(process: int) -> float:
    """Returns the megabytes of a process and those below it; a page that several share is counted once."""
    total = 0
    for each in (process, *below(process)):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total * 1024 / 1e6


def run(words: Sequence[str], environment: dict[str, str], log: Path, *, sample: float = 0) -> Used:
    """Runs a command, its output in `log`, and looks at its memory every `sample` seconds. Raises PeerError."""
    began, most, ended = time.perf_counter(), [0.0], threading.Event()
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, env=environment, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def watch() -> None:
        while not ended.wait(sample):
            most.append(proportional_memory(process.pid))

    late = threading.Timer(LIMIT, lambda: os.killpg(process.pid, 9))
    for thread in (late, *([threading.Thread(target=watch)] if sample else [])):
        thread.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    late.cancel()
    if process.returncode:
        lines = [
            line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        why = f"no end after {LIMIT} s" if seconds >= LIMIT else " ".join(lines[-1:])[-300:]
        raise PeerError(f"status {process.returncode}: {why}")
    return Used(seconds, used.ru_utime + used.ru_stime, max(most))


def make_environment(way: Way, folder: Path) -> Path:
    """Returns the environment of a way, installed the first time. Raises PeerError."""
    place = folder / sha256(" ".join(way.needs).encode()).hexdigest()[:12]
    done = place / "needs.json"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for words in (
            ("venv", "--quiet", "--python", version, str(place)),
            ("pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *way.needs),
        ):
            made = subprocess.run(("uv", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if made.returncode:
                raise PeerError(f"uv {words[0]}: {' '.join(made.stdout.split())[-300:]}")
        done.write_text(json.dumps(way.needs), encoding="utf-8")
    return place


def describe_environment(way: Way, place: Path) -> dict[str, Any]:
    """Returns the version of a way's package and the megabytes of what is installed, without bytecode."""
    listed = subprocess.run(
        ("uv", "pip", "list", "--format", "json", "--python", str(place / "bin" / "python")),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    versions = {package["name"]: package["version"] for package in json.loads(listed.stdout)}
    files = (
        path
        for path in (place / "lib").rglob("*")
        if path.suffix != ".pyc" and not path.is_symlink() and path.is_file()
    )
    return {
        "version": versions[way.package.replace(".", "-")],
        "installed": sum(path.stat().st_size for path in files) / 1e6,
    }


def variables(place: Path, work: Path) -> dict[str, str]:
    """Returns the environment variables of a way: a home and caches of its own, and no tries to download."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    home = place / "home"  # kept, so that only the first command ever looks for fonts
    home.mkdir(exist_ok=True)
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "YOLO_CONFIG_DIR": str(home),
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CLOTHES_CACHE": str(work / "cache"),
        "HF_HUB_OFFLINE": "1",
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


class Trial:
    """One way on some photos: its folder, commands and environment variables."""

    def __init__(self, way: Way, parts: PARTED, place: Path, epochs: int, work: Path) -> None:
        link(parts, work / "photos")
        values = {"python": f"{place}/bin/python", "bin": f"{place}/bin", "photos": f"{work}/photos"}
        values |= {"model": f"{work}/model", "epochs": str(epochs)}
        self.train = [word.format(**values) for word in (*way.train, *(way.asks_epochs if epochs else ()))]
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
            trial = Trial(way, few, place, 1, Path(name))
            trial.run(trial.train)
            trial.run(trial.predict_one)
        done.touch()


def measure(way: Way, parts: PARTED, place: Path, epochs: int) -> dict[str, Any]:
    """Returns what a way takes and answers: trains once, asks COLD times about one photo and twice about all."""
    truth = {f"{number:05}{path.suffix}": path.parent.name for number, path in enumerate(parts["test"])}
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(way, parts, place, epochs, Path(name))
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


def measure_all(asked: argparse.Namespace, environments: Path) -> None:
    parts = list_parts(asked.photos)
    data = {"few": choose_few(parts), "all": parts}
    for turn, name, way in product(range(asked.rounds), asked.data, [BY_NAME[each] for each in asked.only]):
        rows, key = read(asked.out), (way.name, name, turn)
        if any((row["way"], row["data"], row["round"]) == key for row in rows):
            continue
        row: dict[str, Any] = {"way": way.name, "data": name, "round": turn, "load": os.getloadavg()[0]}
        try:
            place = make_environment(way, environments)
            row |= describe_environment(way, place)
            warm_up(way, data["few"], place)
            row |= measure(way, data[name], place, asked.epochs or way.epochs.get(name, 0))
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
