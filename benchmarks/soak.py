"""Checks whether a process that predicts and trains for a long time needs more and more.

    python benchmarks/soak.py [--predictions 2000] [--trainings 30]

Prints JSON: memory, file handles, threads and temporary files after the first tenth (at least one) and at the end.
"""

import argparse
import gc
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import clothes
from clothes.config import Config

FOLDER = Path(tempfile.mkdtemp(prefix="clothes-soak-"))
for name in ("TMPDIR", "CLOTHES_CACHE"):
    (FOLDER / name).mkdir()
    os.environ[name] = str(FOLDER / name)
tempfile.tempdir = None  # read again


def held() -> dict[str, float]:
    """Returns what this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory, MB": round(pages * os.sysconf("SC_PAGESIZE") / 1e6, 1),
        "file handles": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": threading.active_count(),
        "temporary files": len(list((FOLDER / "TMPDIR").rglob("*"))),
    }


def repeat(times: int, act: Callable[[int], Any]) -> dict[str, Any]:
    """Returns what is held after the first tenth and at the end."""
    warm = max(1, times // 10)
    for i in range(times):
        act(i)
        if i + 1 == warm:
            before = held()
    return {"times": times, "after the first": {"times": warm, **before}, "at the end": held()}


def make_photos(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(60):
        (root / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (40, 40, 3)) + 100 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(root / "ab"[i % 2] / f"{i}.png")
    return root


def main(predictions: int, trainings: int) -> None:
    photos = make_photos(FOLDER / "photos")
    paths = sorted(photos.rglob("*.png"))
    classifier = clothes.load()
    small = {"model": {"filters": [4, 4, 8], "units": [16, 8, 8]}, "train": {"epochs": 2}}
    config = Config.for_photos(28).changed(small)

    def train(i: int) -> None:
        run = clothes.train(photos, out=FOLDER / "runs" / str(i), config=config.changed({"train": {"seed": i}}))
        shutil.rmtree(run.path)

    try:
        result = {"predictions": repeat(predictions, lambda i: classifier.predict(paths[i % len(paths)]))}
        if trainings:
            result["trainings"] = repeat(trainings, train)
        print(json.dumps(result))
    finally:
        shutil.rmtree(FOLDER)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--predictions", type=int, default=2000)
    parser.add_argument("--trainings", type=int, default=30)
    given = parser.parse_args()
    main(given.predictions, given.trainings)
