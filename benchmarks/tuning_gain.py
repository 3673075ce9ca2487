"""Measures what `clothes tune` gives: the found settings against the defaults, on photos that no search has seen.

    uv run python -m benchmarks.tuning_gain PHOTOS [PHOTOS ...] --out build/tuning/NAME [--minutes 20] [--random 3]

The photos (of a folder with parts only those in train/) are split anew, 60 % to train, 20 % to validate, both seen by
the searches, and 20 % to measure. Each search takes --minutes; --random counts those at random in the same time. The
settings of each are trained with --seeds seeds that no search used. What is in OUT is not done again.
"""

import argparse
import csv
import math
import shutil
import statistics
from pathlib import Path

import numpy as np

import clothes
from benchmarks.random_search import search_at_random
from clothes.config import Config, SplitConfig
from clothes.photos.split_file import Split

COLUMNS = ("settings", "seed", "accuracy", "epochs")


def make_split(folders: list[Path], groups: Path | None, out: Path) -> Split:
    photos, path = out / "photos", out / "split.csv"
    if not path.exists():
        for folder in folders:
            shutil.copytree(folder / "train" if (folder / "train").is_dir() else folder, photos, dirs_exist_ok=True)
        shares = SplitConfig(train=60, test=20, validation=20)
        clothes.split(photos, config=shares, groups=groups).write(path)
    return Split.read(path, photos)


def search(split: Split, out: Path, minutes: float, at_random: int) -> dict[str, Config | None]:
    """Returns the settings of each search, by a name; None for the defaults."""
    found: dict[str, Config | None] = {"default": None}
    for name in ("found", *(f"random {i}" for i in range(at_random))):
        folder = out / name.replace(" ", "-")
        if not (folder / "config.json").exists():
            tune = clothes.tune if name == "found" else search_at_random
            changes = {"train": {"seed": 100 + int(name[-1])}} if name != "found" else {}
            tuned = tune(split.root, split=split, minutes=minutes, out=folder, changes=changes)
            print(f"{name}: {len(tuned.trials)} trials, best {tuned.best.score:.4f} on validation photos", flush=True)
        found[name] = Config.read(folder / "config.json")
    return found


def measure(split: Split, config: Config | None, seed: int, run: Path) -> tuple[float, int]:
    """Trains and returns the accuracy on the photos that no search has seen, and the number of epochs."""
    if not (run / "bundle").exists():
        kept = config and config.changed({"train": {"seed": seed}})
        changes = {} if kept else {"train": {"seed": seed}}
        clothes.train(split.root, split=split, config=kept, changes=changes, out=run, overwrite=run.exists())
    model, unseen = clothes.load(run), split.part("test")
    answers = model.predict_many(split.root / row.photo for row in unseen)
    right = [answer.label == row.label for answer, row in zip(answers, unseen, strict=True)]
    return float(np.mean(right)), model.info["epochs"]["trained"]


def table(rows: list[tuple[str, int, float, int]]) -> None:
    by_name: dict[str, dict[int, float]] = {}
    for name, seed, accuracy, _ in rows:
        by_name.setdefault(name, {})[seed] = accuracy
    heads = "settings", "accuracy, mean (sd)", "more than the defaults, same seeds (standard error)"
    print(f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|", sep="\n")
    for name, found in by_name.items():
        more = [accuracy - by_name["default"][seed] for seed, accuracy in found.items()]
        spread = "" if len(found) == 1 else f" ({statistics.stdev(found.values()):.3f})"
        error = "" if len(found) == 1 else f" ({statistics.stdev(more) / math.sqrt(len(more)):.3f})"
        print(f"| {name} | {statistics.fmean(found.values()):.3f}{spread} | {statistics.fmean(more):+.3f}{error} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--groups", type=Path, help="a CSV file with the person or shop of each photo")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--random", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    split = make_split(asked.photos, asked.groups, asked.out)
    searched, rows = search(split, asked.out, asked.minutes, asked.random), []
    for name, config in searched.items():
        for seed in range(1, asked.seeds + 1):
            run = asked.out / "runs" / f"{name.replace(' ', '-')}-{seed}"
            rows.append((name, seed, *measure(split, config, seed, run)))
            print(*rows[-1], flush=True)
    with (asked.out / "results.csv").open("w", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    table(rows)


if __name__ == "__main__":
    main()
