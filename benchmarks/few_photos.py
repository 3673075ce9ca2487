"""Measures ways to train on few photos: four kinds of clothes that the bundled model never met, drawn by sender.

With --shop, other photos: shop pictures of four kinds that the bundled model knows from other photos.

    uv run python benchmarks/few_photos.py DATA --out build/few-photos.csv --way quick --draws 10
    uv run python benchmarks/few_photos.py DATA --out build/few-photos.csv --tables    # or --plots docs/images
    uv run python benchmarks/few_photos.py DATA --out build/few-shop-photos.csv --shop --way quick --draws 5

DATA holds more-kinds/, kids-and-more-kinds-people.csv and not-clothes/, and for --shop catalogue/. A draw takes the
photos of a class from whole senders until it has N, and tests on the photos of the class' other senders; of shop
pictures a fifth is tested, near-duplicates in one part. A way that needs a validation part gets a fifth of the N. Each
draw is a new process with an empty cache, and its seconds are those from its start to the finished bundle; those of the
processor depend less on other programs. A draw in the file is not measured again, so --way can be called for each way.
"""

import argparse
import csv
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

import clothes
from clothes.config import SplitConfig
from clothes.photos.split_file import Row, Split

KINDS = ("blazer", "hoodie", "polo", "undershirt")
COUNTS = (5, 10, 20, 30, 50)
SHOP_KINDS = ("pants", "shirt", "shoes", "t-shirt")
ALL = 1000  # photos of a class, which are all there are
SHOP_COUNTS = (5, 10, 20, 50, 100, ALL)
WAYS: dict[str, dict] = {
    "quick": {"changes": {"model": {"architecture": "quick"}}},
    "quick on ImageNet features": {"changes": {"model": {"architecture": "quick"}}, "trunk": "imagenet"},
    "EfficientNet-Lite0, fine-tuned": {"changes": {"model": {"architecture": "efficientnet-lite0"}}},
    "CNN from scratch": {},
}
WAY_COLORS = dict(zip(WAYS, ("#d1495b", "#edae49", "#00798c", "#6b7a90"), strict=True))
SHARES = ("own photos kept", "things, half in train", "things, other half", "near kinds")  # accepted
COLUMNS = ("way", "photos", "draw", "tested", "accuracy", "seconds", "processor seconds", *SHARES)
TRAIN = "import json, sys, clothes; clothes.train(**json.loads(sys.argv[1]))"


def draw(data: Path, count: int, seed: int, *, validation: bool) -> Split:
    """Returns `count` photos a class to train on, and the photos of the class' other senders to test on."""
    with (data / "kids-and-more-kinds-people.csv").open(encoding="utf-8-sig") as file:
        sender = {row["photo"]: row["person"] for row in csv.DictReader(file)}
    rng, rows = np.random.default_rng(seed), []
    for kind in KINDS:
        sent = defaultdict(list)
        for path in sorted((data / "more-kinds" / kind).iterdir()):
            sent[sender[f"more-kinds/{kind}/{path.name}"]].append(path)
        taken = 0
        for name in rng.permutation(sorted(sent)):
            photos = [sent[name][i] for i in rng.permutation(len(sent[name]))]
            test = taken == count
            for path in photos if test else photos[: count - taken]:
                part = "test" if test else "validation" if validation and taken % 5 == 4 else "train"
                taken += not test
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                rows.append(Row(f"{kind}/{path.name}", kind, part, name, content))
    return Split(data / "more-kinds", tuple(rows))


@cache
def shop_split(data: Path, seed: int) -> Split:
    return clothes.split(data / "catalogue", config=SplitConfig(seed=seed))


def draw_shop(data: Path, count: int, seed: int, *, validation: bool) -> Split:
    """Returns `count` shop pictures a class to train on, and the test part of all."""
    split, rng = shop_split(data, seed), np.random.default_rng(seed)
    rows = [row for row in split.part("test") if row.label in SHOP_KINDS]
    for kind in SHOP_KINDS:
        found = [row for row in split.rows if row.label == kind and row.part != "test"]
        for taken, i in enumerate(rng.permutation(len(found))[:count]):
            rows.append(replace(found[i], part="validation" if validation and taken % 5 == 4 else "train"))
    return replace(split, rows=tuple(rows))


def everyday_things(data: Path) -> list[Path]:
    """Returns photos of no clothes; recipes/bundled_photos.py trains the bundled model on every second one."""
    return sorted((data / "not-clothes").glob("*.jpg"))


def near_kinds(data: Path) -> list[Path]:
    """Returns photos of clothes that are none of the four kinds, but like them."""
    return sorted(path for kind in ("blouse", "bodysuit", "top") for path in (data / "more-kinds" / kind).iterdir())


def measure(data: Path, way: str, count: int, seed: int, trunk: Path, *, shop: bool) -> list:
    """Trains once and returns a row of the results."""
    split = (draw_shop if shop else draw)(data, count, seed, validation=not way.startswith("quick"))
    with tempfile.TemporaryDirectory() as folder:
        split.write(f"{folder}/split.csv")
        arguments = WAYS[way] | {"photos": str(split.root), "split": f"{folder}/split.csv", "out": f"{folder}/run"}
        arguments |= {"trunk": str(trunk)} if "trunk" in arguments else {}
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = os.environ | {"CLOTHES_CACHE": f"{folder}/cache"}
        subprocess.run([sys.executable, "-c", TRAIN, json.dumps(arguments)], check=True, env=environment)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        model = clothes.load(f"{folder}/run")
    test = split.part("test")
    answers = list(model.predict_many(split.root / row.photo for row in test))
    right = np.mean([answer.label == row.label for answer, row in zip(answers, test, strict=True)])
    things = [answer.known for answer in model.predict_many(everyday_things(data))]
    kept = [answer.known for answer in answers]
    shares = [np.mean(kept), np.mean(things[::2]), np.mean(things[1::2])]
    shares.append(np.mean([answer.known for answer in model.predict_many(near_kinds(data))]))
    measured = [f"{right:.4f}", f"{seconds:.2f}", f"{busy:.2f}", *(f"{share:.4f}" for share in shares)]
    return [way, count, seed, len(test), *measured]


def write_imagenet_trunk(path: Path, photos: list[Path]) -> None:
    """Writes a bundle of EfficientNet-Lite0 with its ImageNet weights; `photos` set the ranges of its 8 bits."""
    from clothes.config import Config
    from clothes.inference.bundle import MODEL, PROBES, make_probes, write_bundle
    from clothes.inference.litert import LiteModel
    from clothes.models.architectures import build_model
    from clothes.models.conversion import to_litert
    from clothes.models.pretrained import load_imagenet
    from clothes.photos import decode
    from clothes.system.arrays import pack_arrays
    from clothes.training.bundle_info import describe

    config = Config().changed({"model": {"architecture": "efficientnet-lite0", "image_size": 224}})
    network = build_model(config.model, 2)
    load_imagenet(network, config.model)
    examples = np.stack([decode.read_square(photo, 224) for photo in photos])
    model, probes = to_litert(network, config.model, examples=examples), make_probes(224)
    scores = np.stack([LiteModel(model).run(picture).scores for picture in probes])
    files = {MODEL: model, PROBES: pack_arrays(pictures=probes, scores=scores)}
    write_bundle(path, describe(path, ("no class", "none"), config), files)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def grouped(rows: Iterable[dict[str, str]]) -> dict[str, dict[int, list[dict[str, str]]]]:
    """Returns the rows by way and by number of photos, both in order."""
    found: dict[str, dict[int, list]] = {way: {} for way in WAYS}
    for row in sorted(rows, key=lambda row: int(row["photos"])):
        found[row["way"]].setdefault(int(row["photos"]), []).append(row)
    return {way: counts for way, counts in found.items() if counts}


def spread(rows: list[dict[str, str]], column: str, digits: int = 3) -> str:
    values = [float(row[column]) for row in rows]
    deviation = f" ({statistics.stdev(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def named(count: int) -> str:
    return "all" if count == ALL else str(count)


def tables(rows: list[dict[str, str]]) -> None:
    print("| way | photos a class | draws | test photos | accuracy | processor seconds |", "| --- " * 6 + "|", sep="\n")
    for way, counts in grouped(rows).items():
        for count, some in counts.items():
            tested = f"{statistics.fmean(int(row['tested']) for row in some):.0f}"
            print(f"| {way} | {named(count)} | {len(some)} | {tested} | {spread(some, 'accuracy')} |", end="")
            print(f" {spread(some, 'processor seconds', 1)} |")
    print(f"\n| way | photos a class | {' | '.join(SHARES)} |", "| --- " * (2 + len(SHARES)) + "|", sep="\n")
    for way, counts in grouped(rows).items():
        for count, some in counts.items():
            print(f"| {way} | {named(count)} | {' | '.join(spread(some, share) for share in SHARES)} |")


def plots(rows: list[dict[str, str]], folder: Path, name: str) -> None:
    """Draws NAME.svg and NAME-seconds.svg."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "clothes", "font.size": 9})
    for file, column in ((name, "photos"), (f"{name}-seconds", "processor seconds")):
        figure = Figure(figsize=(5, 3.6), layout="constrained")
        ax = figure.add_subplot(xscale="log", ylabel="accuracy on test photos", ylim=(0, 1))
        ax.set_xlabel("photos of each class" if column == "photos" else "processor seconds to the finished model")
        for way, counts in grouped(rows).items():
            x = [statistics.fmean(float(row[column]) for row in some) for some in counts.values()]
            accuracies = [[float(row["accuracy"]) for row in some] for some in counts.values()]
            y = [statistics.fmean(values) for values in accuracies]
            spreads = [statistics.stdev(values) if len(values) > 1 else 0 for values in accuracies]
            ax.errorbar(x, y, spreads, marker="o", markersize=4, capsize=2, color=WAY_COLORS[way], label=way)
            for count, *place in zip(counts, x, y, strict=True) if column != "photos" else ():
                ax.annotate(named(count), place, (4, -9), textcoords="offset points", fontsize=7)
        if column == "photos":
            counts = sorted({int(row["photos"]) for row in rows})
            ax.set_xticks(counts, map(named, counts))
            ax.set_xticks([], minor=True)
        ax.axhline(1 / len(KINDS), color="#999999", linewidth=0.8, linestyle=":")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8, loc="lower right" if column == "photos" else "lower left")
        figure.savefig(folder / f"{file}.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--shop", action="store_true")
    parser.add_argument("--counts", type=int, nargs="+")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--plots", type=Path)
    asked = parser.parse_args()
    trunk = asked.out.with_name("imagenet-trunk")
    if asked.way and "trunk" in WAYS[asked.way] and not trunk.exists():
        write_imagenet_trunk(trunk, [*near_kinds(asked.data), *everyday_things(asked.data)[::4]])
    for seed in range(asked.draws if asked.way else 0):
        for count in asked.counts or (SHOP_COUNTS if asked.shop else COUNTS):
            done = {(row["way"], int(row["photos"]), int(row["draw"])) for row in read(asked.out)}
            if (asked.way, count, seed) not in done:
                row = measure(asked.data, asked.way, count, seed, trunk, shop=asked.shop)
                with asked.out.open("a", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerows([row] if done else [COLUMNS, row])
                print(*row, flush=True)
    if asked.tables:
        tables(read(asked.out))
    if asked.plots:
        plots(read(asked.out), asked.plots, "few-shop-photos" if asked.shop else "few-photos")


if __name__ == "__main__":
    main()
