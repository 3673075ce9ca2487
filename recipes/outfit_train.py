"""Trains the network of outfits and writes its bundle.

    uv run python recipes/outfit_train.py LIST OUT [--start RUN | --weights FILE] [--steps N] [--minutes M] [--seed S]

LIST is the examples.csv of recipes/outfit_photos.py, or the list of recipes/outfit_tagged.py. The trunk starts from the
network of RUN, a run of recipes/bundled.sh, which knows garments already, or else from ImageNet; or the whole network
from the weights.npz of an earlier training. OUT gets bundle/ and weights.npz.
"""

import argparse
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np

from clothes.config import TrainConfig
from clothes.inference.run import Run
from clothes.outfits.kinds import CLASSES
from clothes.training.outfits.batches import letterboxed, make_batches
from clothes.training.outfits.bundle_writer import write_outfit_bundle
from clothes.training.outfits.examples import Example, read_examples
from clothes.training.outfits.network import build_parser, load_trunk
from clothes.training.outfits.trainer import class_weights, compile_parser, train

MIX = {"street": 8, "tagged": 2, "flat": 4, "empty": 2}  # photos of a batch
MIX_WITH_MASKS = {"street": 6, "tagged": 5, "flat": 3, "empty": 2}  # if the tagged photos have masks
SHAPE = (320, 224)  # pixels of a training picture, upright as most photos are; the weights fit any shape
SIZE = 320  # pixels of the square that is predicted
_SAVED_EVERY = 100  # steps


def main(given: argparse.Namespace) -> None:
    examples = read_examples(given.list, "train")
    print(dict(Counter(example.kind for example in examples)), flush=True)
    config = TrainConfig(learning_rate=1e-3, weight_decay=0.02, ema=0.99, warmup=0.05, seed=given.seed)
    network = build_parser(SHAPE, len(CLASSES))
    if given.weights:
        load_weights(network, given.weights)
    else:
        load_trunk(network, Run.open(given.start).bundle.network() if given.start else None)
    compile_parser(network, class_weights(shares(examples)), config)
    has_masks = all(example.labelled for example in examples if example.kind == "tagged")
    mix = MIX_WITH_MASKS if has_masks else MIX
    rng = np.random.default_rng(given.seed)
    started = time.monotonic()
    recent: list[tuple[float, float]] = []

    def after_step(step: int, loss: float, accuracy: float) -> None:
        recent.append((loss, accuracy))
        if step % _SAVED_EVERY == 0 or step == 20:
            mean = np.mean(recent[-_SAVED_EVERY:], axis=0)
            print(f"{step:6} {mean[0]:8.3f} {mean[1]:8.3f} {time.monotonic() - started:8.0f} s", flush=True)
            save(network, given.out)

    average = train(
        network,
        make_batches(examples, mix, SHAPE, rng),
        config,
        steps=given.steps,
        seconds=60 * given.minutes,
        after_step=after_step,
    )
    for variable, mean in zip(network.trainable_variables, average, strict=True):
        variable.assign(mean)
    save(network, given.out)
    training = {"seed": given.seed, "epochs": {"steps": len(recent), "seconds": round(time.monotonic() - started, 1)}}
    bundle = write_outfit_bundle(
        given.out / "bundle", network, examples, read_examples(given.list, "validation"), size=SIZE, about=training
    )
    print(bundle.info["outfit"])


def shares(examples: list[Example]) -> np.ndarray:
    """The share of each class of the cells of the street photos, which are drawn most often."""
    counts = np.zeros(len(CLASSES))
    for example in examples:
        if example.kind == "street":
            cells = letterboxed(example, SIZE)[1]
            counts += [(cells == 1 << i).sum() for i in range(len(CLASSES))]
    return counts / counts.sum()


def load_weights(network, path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        network.set_weights([arrays[f"arr_{i}"] for i in range(len(arrays.files))])


def save(network, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "weights.npz", *network.get_weights())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("list", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="take fewer steps if they last longer")
    main(parser.parse_args())
