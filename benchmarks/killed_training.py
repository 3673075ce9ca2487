"""Kills one training many times, resumes it each time, and compares its end with an undisturbed training.

    python benchmarks/killed_training.py [--kills 200]

A third of the kills come at any moment after the start of the process, a third while it trains, a third while it saves.
After each kill every file must be whole and at most one epoch of work lost. Prints JSON.
"""

import argparse
import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

os.environ["CLOTHES_CACHE"] = tempfile.mkdtemp(prefix="clothes-killed-")
os.environ |= {"TF_DETERMINISTIC_OPS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # as clothes.models.backend does
import keras  # noqa: F401 - loaded once, before the forks; nothing may compute here
from damaged_files import arrays_like

from clothes.config import Config
from clothes.inference.run import Run
from clothes.system.files import TEMP_PREFIX
from clothes.training.checkpoints import Arrays, State, read_checkpoints

PHOTOS, BATCH = 60, 10
SHOWN = mmap.mmap(-1, 8)  # shared with the training: steps done, and whether it has begun


def make_photos(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(PHOTOS):
        folder = root / ("dark", "grey", "light")[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (32, 32, 3)) + 70 * (i % 3)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


def start(photos: Path, out: Path, config: Config, log: Path) -> int:
    """Trains in a new process, or resumes."""
    SHOWN[:] = bytes(8)
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    status = 1
    try:
        import clothes
        from clothes.training.callbacks import TrainingCallback

        class Telling(TrainingCallback):
            def on_progress(self, stage: str, done: int, total: int) -> None:
                if stage == "train":
                    SHOWN[:] = done.to_bytes(8, "little")

        begun = (out / "run.json").exists()
        clothes.train(photos, out=out, config=None if begun else config, resume=begun, callback=Telling())
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(status)


def steps_told() -> int:
    return int.from_bytes(SHOWN[:], "little")


def wait(until: Callable[[], object], child: int) -> None:
    while not until() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.0005)


def newest(run: Run) -> tuple[State, Arrays]:
    """Returns the epoch of the last complete checkpoint; 0 without one."""
    of = {"config": run.config.to_dict(), "photos": run.split.fingerprint}
    found = list(run.path.glob("checkpoints/epoch-*"))
    return next(read_checkpoints(run.path / "checkpoints", of=of, like=arrays_like(run))) if found else (State(), {})


def half_done(out: Path) -> list[Path]:
    return [*out.glob(f"{TEMP_PREFIX}*"), *(out / "checkpoints").glob(f"{TEMP_PREFIX}*")]


def kill(child: int, how: str, out: Path, chance: random.Random, startup: float, epoch: float) -> int:
    """Returns the steps that were done before the kill. Raises RuntimeError if the training ended by itself."""
    if how == "anywhere":
        time.sleep(chance.uniform(0, startup + 3 * epoch))
    else:
        wait(steps_told, child)
        time.sleep(chance.uniform(0, 3 * epoch))
        if how == "saving":
            wait(lambda: half_done(out), child)
            time.sleep(chance.uniform(0, 0.002))
    os.kill(child, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise RuntimeError("a training ended by itself")
    return steps_told()


def main(kills: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="clothes-killed-"))
    photos, out, log = make_photos(folder / "photos"), folder / "killed", folder / "log"
    config = Config.for_photos(28).changed(
        {
            "model": {"image_size": 28, "filters": [4, 4, 8], "units": [16, 8, 8], "dropout": [0.3, 0.3, 0.0]},
            "train": {"epochs": 20 + 3 * kills, "batch_size": BATCH, "patience": 0, "learning_rate": 1e-3},
        }
    )

    def begin(into: Path) -> int:
        return start(photos, into, config, log)

    def ended_well(child: int) -> None:
        status = os.waitpid(child, 0)[1]
        if status:
            raise RuntimeError(f"it could not go on (status {status}): {log.read_text()}")

    began = time.monotonic()
    child = begin(folder / "whole")
    wait(steps_told, child)
    startup = time.monotonic() - began
    ended_well(child)
    whole = Run(folder / "whole")
    epoch = (time.monotonic() - began - startup) / config.train.epochs
    steps = len(whole.split.part("train")) // BATCH

    chance = random.Random(0)
    saving, lost = 0, []
    for number in range(kills):
        how = ("anywhere", "training", "saving")[number % 3]
        try:
            done = kill(begin(out), how, out, chance, startup, epoch)
        except RuntimeError:
            raise RuntimeError(f"kill {number}: {log.read_text()}") from None
        saving += bool(half_done(out))
        if done:
            state, _ = newest(Run.open(out))
            lost.append(done - (state.epoch * steps + state.step))
            if lost[-1] > steps:
                raise RuntimeError(f"kill {number}: {lost[-1]} steps are lost, more than an epoch's {steps}")
        print(f"\r{number + 1} kills, {saving} during a save", end="", file=sys.stderr)
    print(file=sys.stderr)
    ended_well(begin(out))

    killed = Run(out)
    (state, arrays), (wanted_state, wanted) = newest(killed), newest(whole)
    for rows in (state.history, wanted_state.history):
        for row in rows:
            del row["seconds"]
    equal = state == wanted_state and all(
        np.array_equal(a, b) for part in wanted for a, b in zip(arrays[part], wanted[part], strict=True)
    )
    equal &= all(np.array_equal(a, b) for a, b in zip(killed.bundle.weights(), whole.bundle.weights(), strict=True))
    result = {"kills": kills, "during a save": saving, "most epochs lost": max(lost, default=0) / steps}
    print(json.dumps(result | {"left over": len(half_done(out)), "equal to the bit": equal}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    main(parser.parse_args().kills)
