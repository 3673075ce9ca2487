"""Measures how time and memory of the commands grow with the photos.

    python -m benchmarks.growth [PHOTOS ...] [--commands check split ...] [--from DIR]

For each number of photos (by default 1,000 and 10,000) a table row for each command: processor milliseconds a photo,
peak memory of the process (Linux's RssAnon, without mapped files), and the kilobytes that each further photo adds since
the row before. The photos are drawn, 96 x 72 pixels, or with --from a random choice of a folder, by hard links. The
model is a quick one, trained on them; `evaluate` and `report` take most of their time for its network, 5 ms a photo.
"""

import argparse
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quick_speed import run
from clothes.photos.folders import from_class, list_class_folders

CLASSES, SIZE = 10, (72, 96)
COMMANDS: dict[str, Callable[[Path], list[str]]] = {  # what follows `clothes`, by the folder of a measurement
    "check": lambda at: ["check", str(at / "photos")],
    "split": lambda at: ["split", str(at / "photos"), "--overwrite"],
    "collect folder": lambda at: ["collect", "folder", str(at / "photos"), "--into", str(at / "collected")],
    "train": lambda at: ["train", str(at / "photos"), "--model", "quick", "--out", str(at / "run")],
    "evaluate --photos": lambda at: ["evaluate", str(at / "run"), "--photos", str(at / "new"), "--out", f"{at}/out"],
    "evaluate": lambda at: ["evaluate", str(at / "run")],
    "report": lambda at: ["report", str(at / "run")],
}


def draw(folder: Path, count: int) -> None:
    """Draws photos of ten classes: a pattern of the class in other colours, with a pattern of its own."""
    for i in range(count):
        label, rng = i % CLASSES, np.random.default_rng(i)
        pixels = np.random.default_rng(label + 10**9).uniform(0, 120, (6, 5, 3)) + rng.uniform(0, 136, (6, 5, 3))
        path = folder / f"class-{label}" / f"{i:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=85)


def link(source: Path, folder: Path, count: int) -> None:
    """Makes hard links to a random choice of the photos of a folder, in their class folders."""
    found = list_class_folders(source).photos
    for i, photo in enumerate(random.Random(0).sample(found, count)):
        inside = from_class(photo.path, photo.label)
        path = folder / inside.parent / f"{i:07}{inside.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source / photo.path, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--from", type=Path, dest="source")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| command | photos | s | processor ms a photo | peak, MB | kB more a photo |", "| --- " * 6 + "|", sep="\n")
    before: dict[str, tuple[int, float]] = {}
    for count in given.photos:
        with tempfile.TemporaryDirectory(dir=given.source and given.source.parent) as name:
            at = Path(name)
            if given.source:
                link(given.source, at / "photos", count)
            else:
                draw(at / "photos", count)
            shutil.copytree(at / "photos", at / "new", copy_function=add_a_byte)
            for command in (name for name in COMMANDS if name in given.commands):
                seconds, busy, peak = run("-m", "clothes", *COMMANDS[command](at), cache=str(at / "cache"))
                fewer, less = before.get(command, (0, 0.0))
                more = f"{1000 * (peak - less) / (count - fewer):.2f}" if fewer else ""
                print(
                    f"| {command} | {count:,} | {seconds:.1f} | {1000 * busy / count:.2f} | {peak:.0f} | {more} |",
                    flush=True,
                )
                before[command] = count, peak


def add_a_byte(source: str, target: str) -> None:
    """Copies a photo so that it is another file, which the model was not trained on, with the same pixels."""
    Path(target).write_bytes(Path(source).read_bytes() + b"\0")


if __name__ == "__main__":
    main()
