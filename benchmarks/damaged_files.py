"""Damages bundles and checkpoints, and checks that none is taken for whole.

    python benchmarks/damaged_files.py [--count 1000]

Files are cut, emptied, removed or swapped, or one bit is flipped. A damaged bundle must be refused with a BundleError.
Of damaged checkpoints the newest whole one must be read, equal to the bit, or RunError raised if none is whole.
Prints JSON: the number of each damage and of each outcome.
"""

import argparse
import itertools
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import clothes
from clothes.config import Config
from clothes.errors import BundleError, RunError
from clothes.inference.bundle import read_bundle
from clothes.inference.run import Run
from clothes.training.checkpoints import Arrays, State, read_checkpoints


def cut(file: Path, other: Path, chance: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))])


def flip(file: Path, other: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def empty(file: Path, other: Path, chance: random.Random) -> None:
    file.write_bytes(b"")


def remove(file: Path, other: Path, chance: random.Random) -> None:
    file.unlink()


def swap(file: Path, other: Path, chance: random.Random) -> None:
    one, two = file.read_bytes(), other.read_bytes()
    file.write_bytes(two)
    other.write_bytes(one)


DAMAGES: tuple[Callable[[Path, Path, random.Random], None], ...] = (cut, flip, empty, remove, swap)


def content(bundle: Path) -> dict[str, bytes]:
    """Reads all of a bundle in the way in which it is used."""
    classifier = clothes.load(bundle)
    found = read_bundle(bundle)
    info = {key: value for key, value in found.info.items() if key in ("classes", "threshold", "config", "metrics")}
    scores = classifier.predict(np.zeros((40, 40, 3), np.uint8)).scores
    weights = b"".join(value.tobytes() for value in found.weights())
    return {"info": json.dumps([info, scores]).encode(), "weights": weights}


def damage_bundle(run: Run, folder: Path, chance: random.Random, damage: Callable[..., None]) -> str:
    """Damages a copy of the run's bundle. Raises AssertionError if another model is loaded."""
    copy = Path(shutil.copytree(run.path / "bundle", folder / "bundle"))
    file, other = chance.sample(sorted(copy.iterdir()), 2)
    damage(file, other, chance)
    try:
        found = content(copy)
    except BundleError:
        return "refused"
    assert found == content(run.path / "bundle"), f"{damage.__name__} of {file.name}: another model was loaded"
    return "the same model"


def damage_checkpoints(run: Run, folder: Path, chance: random.Random, damage: Callable[..., None]) -> str:
    """Damages checkpoints in a copy. Raises AssertionError if another than the newest whole one is read."""
    copy = Path(shutil.copytree(run.path / "checkpoints", folder / "checkpoints"))
    names = sorted(path.name for path in copy.iterdir())
    hit = chance.sample(names, chance.randint(1, len(names)))
    for name in hit:
        inside = sorted((copy / name).iterdir())
        file = chance.choice(inside)
        other = next(path for path in inside if path != file)
        if damage is swap and len(hit) < len(names) and chance.random() < 0.5:  # with that of another checkpoint
            whole = next(path for path in names if path not in hit)
            shutil.copyfile(copy / whole / file.name, file)
        else:
            damage(file, other, chance)
    of = {"config": run.config.to_dict(), "photos": run.split.fingerprint}
    wanted = next((name for name in reversed(names) if name not in hit), None)
    try:
        state, arrays = next(read_checkpoints(copy, of=of, like=arrays_like(run)))
    except RunError:
        assert wanted is None, f"{damage.__name__}: {wanted} was whole, and refused"
        return "refused"
    found = f"epoch-{state.epoch:06d}"
    originals = {f"epoch-{s.epoch:06d}": (s, a) for s, a in _all(run, of)}
    state_was, arrays_were = originals[found]
    same = state == state_was and all(
        np.array_equal(a, b) for part in arrays for a, b in zip(arrays[part], arrays_were[part], strict=True)
    )
    assert same, f"{damage.__name__}: a damaged checkpoint was loaded"
    assert wanted is None or found >= wanted, f"{damage.__name__}: {wanted} was whole, and {found} was taken"
    return "the newest whole one"


def arrays_like(run: Run) -> Arrays:
    """Returns arrays with the shapes and dtypes of a run's newest checkpoint, which is trusted."""
    manifest = max((run.path / "checkpoints").glob("epoch-*")) / "manifest.json"
    described = json.loads(manifest.read_text())["arrays"]
    return {part: [np.zeros(shape, kind) for kind, shape in values] for part, values in described.items()}


def _all(run: Run, of: dict[str, object]) -> list[tuple[State, Arrays]]:
    found = read_checkpoints(run.path / "checkpoints", of=of, like=arrays_like(run))
    return list(itertools.islice(found, len(list((run.path / "checkpoints").iterdir()))))


def count_outcomes(run: Run, count: int, folder: Path) -> dict[str, dict[str, int]]:
    """Counts the outcomes of bundles and of checkpoints."""
    chance = random.Random(0)
    outcomes: dict[str, Counter[str]] = {"bundles": Counter(), "checkpoints": Counter()}
    for number in range(count):
        damage = DAMAGES[number // 2 % len(DAMAGES)]
        kind = "checkpoints" if number % 2 else "bundles"
        here = folder / str(number)
        here.mkdir()
        act = damage_checkpoints if number % 2 else damage_bundle
        outcomes[kind][act(run, here, chance, damage)] += 1
        shutil.rmtree(here)
    return {kind: dict(counter) for kind, counter in outcomes.items()}


def main(count: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="clothes-damaged-"))
    rng = np.random.default_rng(0)
    for i in range(60):
        (folder / "photos" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (32, 32, 3)) + 100 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "photos" / "ab"[i % 2] / f"{i}.png")
    config = Config.for_photos(28).changed(
        {"model": {"filters": [4, 4, 8], "units": [16, 8, 8]}, "train": {"epochs": 4}}
    )
    run = clothes.train(folder / "photos", out=folder / "run", config=config)
    print(json.dumps({"damaged": count, **count_outcomes(run, count, folder)}))
    shutil.rmtree(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    main(parser.parse_args().count)
