"""Measures what the host does in a training step beside the step itself, which is all that a GPU could wait for.

    KERAS_BACKEND=jax uv run --extra jax python benchmarks/host_time.py [--steps 200]

The network is that of `clothes demo`, with batches of 64 pictures of 28 pixels. Times are those of the main thread's
processor, in ms a step, so other programs hardly change them: of the compiled step alone, of Keras' train_on_batch, of
the step that workers share, of averaging the weights, and of a whole step of the training loop, its batches made in the
other thread. The two ways to average are the one before, which copied all weights to NumPy, and the one on the device.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

import clothes
from benchmarks.workers import free_address
from clothes.training.batches import batches, prefetch
from clothes.training.datasets import Pictures
from clothes.training.workers.group import join
from clothes.training.workers.place import Place

CLASSES, ROUNDS = 10, 5


def milliseconds(do: Callable[[], object], times: int) -> float:
    """Returns the median time of the main thread, of rounds of so many calls, for one call."""
    do()
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(times // ROUNDS):
            do()
        taken.append((time.thread_time() - began) / (times // ROUNDS))
    return 1000 * statistics.median(taken)


def main(steps: int) -> None:
    group = join(Place(free_address(), 1, 0))
    from clothes.training.training_step import make_network, training_step, update_weights, values
    from clothes.training.workers.shared_step import SharedStep

    config = clothes.Config.for_photos(longer_side=28)
    model = make_network(config, CLASSES)
    rng = np.random.default_rng(0)
    pictures = Pictures(rng.integers(0, 256, (1400, 28, 28, 3), dtype=np.uint8), np.arange(1400) % CLASSES)
    batch = next(batches(pictures, config.train, CLASSES, epoch=0))
    shared = SharedStep(model, group)
    average, copied = values(model.trainable_variables), values(model.trainable_variables)

    def average_in_numpy() -> None:
        for mean, variable in zip(copied, model.trainable_variables, strict=True):
            mean += 0.1 * (np.array(variable) - mean)

    def average_on_device() -> None:
        nothing = lambda *_: (0.0, 0.0)  # noqa: E731
        training_step(model, average, *batch, config.train, step=0, steps=steps, update=nothing)

    epochs = (item for epoch in range(steps) for item in batches(pictures, config.train, CLASSES, epoch=epoch))
    made, count = prefetch(epochs), iter(range(10**9))

    def whole(update: Callable[..., tuple[float, float]] | None) -> None:
        training_step(model, average, *next(made), config.train, step=next(count), steps=10**6, update=update)

    state = [[variable.value for variable in part] for part in (
        model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables
    )]  # fmt: skip
    compiled, on_device = jax.jit(model.train_step), jax.device_put(batch)
    rows = {
        "the compiled step alone": lambda: jax.block_until_ready(compiled(state, on_device)),
        "train_on_batch": lambda: update_weights(model, *batch),
        "the step that workers share": lambda: shared(*batch),
        "averaging in NumPy, every 4th step": average_in_numpy,
        "averaging on the device, every 4th step": average_on_device,
        "a whole step by train_on_batch": lambda: whole(None),
        "a whole step that workers share": lambda: whole(lambda model, *batch: shared(*batch)),
    }
    print("| main thread | ms |\n| --- | --- |")
    for name, do in rows.items():
        print(f"| {name} | {milliseconds(do, steps):.2f} |", flush=True)
    group.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    main(parser.parse_args().steps)
