"""Measures time and memory of the quick model: a training, a refit, and how both grow with the photos.

    uv run python benchmarks/quick_speed.py DATA [--large]

DATA holds more-kinds/. Each figure is of a new process, with its imports. Links to the same photos share an
embedding, so --large measures the parts apart: the command on links, the embeddings of photos that all differ (the same
pixels, other bytes at the end of the file), and the fit to random embeddings, which are made as they are read.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

KINDS = ("blazer", "hoodie", "polo", "undershirt")

REFIT = """
import sys, time
import numpy as np
from clothes.training.quick.linear_head import fit, make_folds
rng, labels = np.random.default_rng(0), np.arange(500) % 10
values = (rng.normal(size=(10, 1280))[labels] + 2 * rng.normal(size=(500, 1280))).astype(np.float32)
values /= np.linalg.norm(values, axis=1, keepdims=True)
folds = make_folds(labels, [""] * 500, 5)
for strength in (None, 0.99):
    times = []
    for _ in range(6):
        started, busy = time.perf_counter(), time.process_time()
        fit(lambda at: iter([(at, values[at])]), labels, folds, 10, strength=strength)
        times.append((time.perf_counter() - started, time.process_time() - busy))
    print(*np.median(times[1:], axis=0))
"""

FIT = """
import sys
import numpy as np
from clothes.training.quick.linear_head import fit, make_folds
count = int(sys.argv[1])
labels, centres = np.arange(count) % 10, np.random.default_rng(0).normal(size=(10, 1280)).astype(np.float32)

def blocks(positions):
    for start in range(0, len(positions), 500):
        at = positions[start : start + 500]
        noise = np.stack([np.random.default_rng(i).normal(size=1280) for i in at])
        values = centres[labels[at]] + 2 * noise.astype(np.float32)
        yield at, values / np.linalg.norm(values, axis=1, keepdims=True)

fit(blocks, labels, make_folds(labels, [""] * count, 5), 10)
"""

EMBED = """
import hashlib, sys
from pathlib import Path
import numpy as np
import clothes
from clothes.photos.split_file import Row
from clothes.training.quick.embedding_store import EmbeddingStore
root = Path(sys.argv[1])
found = (path.relative_to(root).as_posix() for path in sorted(root.rglob("*.jpg")))
rows = [Row(name, name[:4], "train", "", hashlib.sha256((root / name).read_bytes()).hexdigest()) for name in found]
store = EmbeddingStore(clothes.load())
store.fill(root, rows, lambda *at: None)
for _ in store.blocks(rows, np.arange(len(rows))):
    pass
"""


def run(*words: str, cache: str) -> tuple[float, float, float]:
    """Returns seconds, processor seconds and peak MB of `python WORDS`: RssAnon, so without memory-mapped files."""
    started = time.perf_counter()
    environment = os.environ | {"CLOTHES_CACHE": cache}
    process = subprocess.Popen([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL)
    most = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    _, status, used = ended
    if status:
        raise SystemExit(f"{' '.join(words)[:60]} failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, most / 1000


def link(photos: list[Path], count: int, folder: Path, *, distinct: bool = False) -> Path:
    """Returns a folder of class folders with so many photos: links, or copies that all differ in their last bytes."""
    for i, path in enumerate(islice(cycle(photos), count)):
        to = folder / path.parent.name / f"{i:06}.jpg"
        to.parent.mkdir(parents=True, exist_ok=True)
        if distinct:
            to.write_bytes(path.read_bytes() + f"{i:06}".encode())
        else:
            to.symlink_to(path)
    return folder


def train(photos: Path, folder: Path, name: str) -> tuple[float, float, float]:
    """Returns what `clothes train` takes; the cache of the folder is empty the first time."""
    words = ["-m", "clothes", "train", str(photos), "--model", "quick", "--out", str(folder / name)]
    return run(*words, cache=str(folder / "cache"))


def show(what: str, measured: list[tuple[float, float, float]]) -> None:
    medians = [statistics.median(column) for column in zip(*measured, strict=True)]
    print(f"| {what} | {medians[0]:.1f} | {medians[1]:.1f} | {medians[2]:.0f} |", flush=True)


def measure_small(each: list[list[Path]]) -> None:
    measured = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as name:
            photos = link([path for paths in each for path in paths[:50]], 200, Path(name) / "photos")
            measured.append([train(photos, Path(name), run_name) for run_name in ("cold", "warm")])
    show("200 photos, empty cache", [cold for cold, _ in measured])
    show("the same again", [warm for _, warm in measured])


def measure_large(photos: list[Path]) -> None:
    for count in (1_000, 10_000, 100_000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            show(f"{count:,} links, empty cache", [train(link(photos, count, folder / "photos"), folder, "cold")])
        with tempfile.TemporaryDirectory() as name:
            show(f"fit to {count:,} random embeddings", [run("-c", FIT, str(count), cache=name)])
    for count in (1_000, 10_000):
        with tempfile.TemporaryDirectory() as name:
            folder = link(photos, count, Path(name) / "photos", distinct=True)
            show(f"embeddings of {count:,} photos that differ", [run("-c", EMBED, str(folder), cache=f"{name}/cache")])


def main(data: Path, *, large: bool) -> None:
    each = [sorted((data / "more-kinds" / kind).glob("*.jpg")) for kind in KINDS]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| what | seconds | processor seconds | own memory, MB |", "| --- " * 4 + "|", sep="\n")
    measure_small(each)
    if large:
        measure_large([path for paths in each for path in paths])
    done = subprocess.run([sys.executable, "-c", REFIT], capture_output=True, text=True, check=True)
    times = [float(word) for word in done.stdout.split()]
    print("\n| refit of 10 classes of 50 | seconds | processor seconds |", "| --- " * 3 + "|", sep="\n")
    print(f"| with a choice of the strength | {times[0]:.3f} | {times[1]:.3f} |")
    print(f"| with the strength chosen before | {times[2]:.3f} | {times[3]:.3f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), large="--large" in sys.argv)
