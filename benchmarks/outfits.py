"""How well a bundle of outfits finds garments: on photos that no training has seen, and how fast.

    uv run python benchmarks/outfits.py DATA [BUNDLE] [--part held-out|validation]

DATA holds what recipes/outfit_photos.py describes. Held out are a fifth of the street photos, the test part of
clothing-dataset-small and the other half of not-clothes. `validation` measures on the photos that chose the thresholds,
and on a tenth of outfits-tagged, which have names of garments of any size and no masks.

F1 is the micro F1 of the sets of garments of all photos; a garment counts if it covers 0.4 % of its photo. Coarse F1
counts kinds (upper, lower, full body, feet, head). AP is the area under precision and recall of boxes with an
intersection over union of 0.5, the mean over the ten classes: of the garments that are shown, and, as is usual for
detectors, of every region with each name that it may have. Resampling the photos gives 95 % intervals.
"""

import argparse
import csv
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
from bundled_photos import part_of
from outfit_photos import TEN

import clothes
from clothes.outfits.several import FirstLook
from clothes.training.outfits.calibration import SMALLEST, f1

KINDS = {
    "upper": {"outwear", "longsleeve", "shirt", "t-shirt"},
    "lower": {"pants", "shorts", "skirt"},
    "full body": {"dress"},
    "feet": {"shoes"},
    "head": {"hat"},
}
Box = tuple[int, int, int, int]
Truth = dict[str, Box]


class Detection(NamedTuple):
    """A box with a name that it may have, and the probability that it is such a garment."""

    label: str
    confidence: float
    box: Box


def main(data: Path, bundle: Path | None, part: str) -> None:
    names = {int(code): name for code, name in json.loads((data / "outfits" / "labels.json").read_text()).items()}
    photos = [path for path in sorted((data / "outfits" / "photos").glob("*.jpg")) if part_of(path.stem) == part]
    seconds, memory = measure_cold(photos[0], bundle)
    parser = clothes.load_outfit(bundle)
    truths = [truth(data / "outfits" / "masks" / f"{path.stem}.png", names) for path in photos]
    answers = [garments(parser, path) for path in photos]
    found = [{one.label for one in answer} & set(TEN) for answer in answers]
    sets = [(frozenset(one), other) for one, other in zip(truths, found, strict=True)]
    coarse = [(frozenset(coarser(one)), coarser(other)) for one, other in sets]
    print(f"{len(photos)} street photos\n\n| | |\n| --- | --- |")
    print(f"| F1 of garments | {interval(f1, sets)} |\n| F1 of kinds | {interval(f1, coarse)} |")
    if part == "validation":
        print(f"| F1 of garments by name, tagged photos | {interval(f1, tagged(parser, data))} |")
    shown = [[Detection(one.label, one.confidence, one.box) for one in answer] for answer in answers]
    precisions = {name: average_precision(name, truths, shown) for name in TEN}
    print(f"| AP of the boxes that are shown | {statistics.mean(precisions.values()):.3f} |")
    detected = detections(bundle, photos)
    every = [average_precision(name, truths, detected) for name in TEN]
    print(f"| AP of all boxes with all names | {statistics.mean(every):.3f} |")
    known = [one for answer in answers for one in answer if one.label in TEN]
    print(f"| names accepted | {np.mean([one.known for one in known]):.3f} |")

    flat_part = "test" if part == "held-out" else "validation"
    flat = sorted((data / "clothing-dataset-small" / flat_part).glob("*/*.jpg"))
    laid = [garments(parser, path) for path in flat]
    exact = [[one.label for one in answer] == [path.parent.name] for answer, path in zip(laid, flat, strict=True)]
    single = [len(answer) == 1 for answer in laid]
    print(f"| {len(flat)} photos of one garment: exactly that one | {interval(np.mean, exact)} |")
    print(f"| ... exactly one, whatever its name | {interval(np.mean, single)} |")
    others = sorted((data / "not-clothes").glob("*.jpg"))[
        slice(1, None, 2) if part == "held-out" else slice(0, None, 10)
    ]
    claimed = [bool(garments(parser, path)) for path in others]
    print(f"| {len(others)} photos of other things: a garment claimed | {interval(np.mean, claimed)} |")
    first_look = FirstLook(bundle)
    shares = [np.mean([first_look.shows_several(path) for path in each]) for each in (photos, flat, others)]
    print(f"| `predict` notes several garments: street, one garment, other | {', '.join(f'{x:.3f}' for x in shares)} |")
    print("\n| class | AP | F1 | photos |\n| --- | --- | --- | --- |")
    for name in TEN:
        own = [(one & {name}, other & {name}) for one, other in sets]
        print(f"| {name} | {precisions[name]:.2f} | {f1(own):.2f} | {sum(name in one for one in truths)} |")
    measure_speed(parser, photos[:20])
    print(f"Cold `clothes outfit` of one photo: {seconds:.2f} s, {memory:.0f} MB")


def tagged(parser: clothes.OutfitParser, data: Path) -> list[tuple[frozenset[str], set[str]]]:
    """The names of each tagged photo of this part, and those that are found."""
    with (data / "outfits-tagged.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if part_of(Path(row["photo"]).stem) == "validation"]
    return [
        (
            frozenset(row["garments"].split()) & set(TEN),
            {one.label for one in garments(parser, data / row["photo"])} & set(TEN),
        )
        for row in rows
    ]


def garments(parser: clothes.OutfitParser, path: Path) -> list[clothes.Garment]:
    return parser.garments(path)


def truth(path: Path, names: dict[int, str]) -> Truth:
    """The box of each garment in a mask that covers enough of the photo."""
    mask, found = np.asarray(Image.open(path)), {}
    for code, name in names.items():
        inside = mask == code
        if name in TEN and inside.mean() >= SMALLEST:
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            found[name] = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return found


def coarser(names: set[str] | frozenset[str]) -> set[str]:
    return {kind for kind, members in KINDS.items() if members & names}


def interval(measure: Callable, items: list) -> str:
    rng = np.random.default_rng(0)
    draws = [measure([items[i] for i in rng.integers(0, len(items), len(items))]) for _ in range(300)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{measure(items):.3f} ({low:.3f} to {high:.3f})"


def detections(bundle: Path | None, photos: list[Path]) -> list[list[Detection]]:
    """The regions of each photo, however low their confidence, each with all names that it may have."""
    parser = clothes.load_outfit(bundle)
    parser.naming = replace(parser.naming, shown=0, shown_worn=0)
    return [
        [
            Detection(name, one.confidence * share / one.scores[one.label], one.box)
            for one in garments(parser, path)
            for name, share in one.scores.items()
        ]
        for path in photos
    ]


def average_precision(name: str, truths: list[Truth], detected: list[list[Detection]]) -> float:
    """The area under the curve of precision, made falling, over recall."""
    boxes = [
        (one.confidence, name in true and iou(one.box, true[name]) >= 0.5, i)
        for i, (true, those) in enumerate(zip(truths, detected, strict=True))
        for one in those
        if one.label == name
    ]
    boxes.sort(key=lambda box: -box[0])
    matched: set[int] = set()
    hits = []
    for _, hit, photo in boxes:  # a second box of a garment is wrong
        hits.append(hit and photo not in matched)
        matched |= {photo} if hit else set()
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(sum(falling[np.array(hits, bool)]) / max(1, sum(name in true for true in truths)))


def iou(one: Box, other: Box) -> float:
    across = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)


def measure_speed(parser: clothes.OutfitParser, photos: list[Path]) -> None:
    pixels = [np.asarray(Image.open(path).convert("RGB")) for path in photos]
    parser.garments(pixels[0])
    seconds = []
    for each in pixels:  # processor time, as one core is used
        started = time.process_time()
        parser.garments(each)
        seconds.append(time.process_time() - started)
    print(f"\nOne photo on one core, both stages: {1000 * statistics.median(seconds):.0f} ms of processor time")


def measure_cold(photo: Path, bundle: Path | None) -> tuple[float, float]:
    """Returns seconds and peak MB of one command. A new process counts its parent's memory: call it first."""
    command = [sys.executable, "-m", "clothes", "outfit", photo, *(["--model", bundle] if bundle else [])]
    cold = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        cold.append(time.perf_counter() - started)
    return min(cold), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("data", type=Path)
    options.add_argument("bundle", type=Path, nargs="?")
    options.add_argument("--part", choices=("held-out", "validation"), default="held-out")
    given = options.parse_args()
    main(given.data, given.bundle, given.part)
