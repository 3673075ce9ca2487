"""Compares a training on two processes with one on one: losses of the first steps, and test accuracy.

    uv run python benchmarks/workers.py [--seeds 3] [--steps 20]

Trains on the 2,000 pictures of `clothes demo` as the demo does, by JAX: 1. the losses of the first steps of both, with
the same seed; 2. with each seed the accuracy of both on the test part. `--seeds 0` does the first alone. Accuracy and
losses do not depend on what else the computer does; the seconds do.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clothes
from clothes.collection.public_datasets import starter
from clothes.training.workers.place import COORDINATOR, COUNT, INDEX

# Runs the command line, notes the loss of each step, and stops after the last wanted one.
TRAINING = """
import sys
from pathlib import Path
from clothes.cli.main import main
from clothes.training import gradient_descent

notes, most = Path(sys.argv.pop(1)), int(sys.argv.pop(1))
run_epochs = gradient_descent._run_epochs

def run_noting(*given, **options):
    from clothes.training import training_loop  # late: workers meet before Keras is imported

    take_step = training_loop.training_step

    def noting(*given, step, **options):
        if step == most:
            raise KeyboardInterrupt
        loss, accuracy = take_step(*given, step=step, **options)
        with notes.open("a") as file:
            print(repr(loss), file=file)
        return loss, accuracy

    training_loop.training_step = noting
    run_epochs(*given, **options)

gradient_descent._run_epochs = run_noting
main()
"""


def free_address() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


def train(photos: Path, out: Path, *, workers: int, seed: int, steps: int = -1) -> tuple[list[float], float]:
    """Trains on so many processes, as a launcher of several machines starts them. Returns the losses and seconds."""
    address = free_address()
    notes, config = out.with_suffix(".losses"), out.with_suffix(".json")
    config.write_text(clothes.Config.for_photos(longer_side=28).to_json())
    command = [sys.executable, "-c", TRAINING, notes, steps, "train", photos, "--out", out, "--config", config]
    command += ["--seed", seed]
    began = time.perf_counter()
    processes = []
    for index in range(workers):
        place = {COORDINATOR: address, COUNT: str(workers), INDEX: str(index)} if workers > 1 else {}
        environment = os.environ | {"KERAS_BACKEND": "jax"} | place
        processes.append(subprocess.Popen([*map(str, command)], env=environment, stdout=subprocess.DEVNULL))
    statuses = [process.wait() for process in processes]
    if steps < 0 and any(statuses):
        raise RuntimeError(f"the training ended with {statuses}")
    return [float(line) for line in notes.read_text().splitlines()], time.perf_counter() - began


def main(seeds: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = starter(Path(folder) / "photos")
        clothes.split(photos).write(photos / "split.csv")
        one, two = (train(photos, Path(folder) / f"first-{n}", workers=n, seed=0, steps=steps)[0] for n in (1, 2))
        differences = [abs(a - b) for a, b in zip(one, two, strict=True)]
        print(f"losses of {len(one)} steps: {one[0]:.4f} to {one[-1]:.4f}; greatest difference {max(differences):.1e}")
        for workers in (1, 2) if seeds else ():
            accuracies, times = [], []
            for seed in range(seeds):
                out = Path(folder) / f"{workers}-{seed}"
                times.append(train(photos, out, workers=workers, seed=seed)[1])
                accuracies.append(clothes.evaluate(out).accuracy)
                print(f"{workers} workers, seed {seed}: {accuracies[-1]:.4f} in {times[-1]:.0f} s", flush=True)
            spread = max(accuracies) - min(accuracies)
            print(f"{workers} workers: mean {statistics.mean(accuracies):.4f}, spread {spread:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    main(**vars(parser.parse_args()))
