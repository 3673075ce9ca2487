"""Draws docs/images/layers.png: one picture on its way through a trained network.

uv run python docs/draw_cnn.py clothes-demo/run clothes-demo/photos/sneaker
"""

import sys
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from clothes.inference.run import Run
from clothes.models.architectures import build_model
from clothes.photos import decode

MAPS = 8  # shown of each layer


def main(run: Run, photo: Path) -> None:
    bundle = run.bundle
    model = build_model(run.config.model, len(bundle.classes))
    model.set_weights(bundle.weights())
    names = [f"{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "pool")]
    look = keras.Model(model.inputs, [model.get_layer(name).output for name in [*names, "features", "scores"]])
    picture = decode.read_square(photo, bundle.image_size)
    *maps, features, scores = [np.asarray(output)[0] for output in look.predict_on_batch(picture[None])]

    figure = Figure(figsize=(10, 9), layout="constrained")
    grid = figure.add_gridspec(8, MAPS + 1, width_ratios=[1.5] + [1] * MAPS)
    first = figure.add_subplot(grid[0:2, 0])
    first.imshow(picture)
    first.set_title(f"the picture\n{picture.shape[1]} x {picture.shape[0]}", fontsize=9)
    first.axis("off")
    for row, (name, stack) in enumerate(zip(names, maps, strict=True)):
        height, width, count = stack.shape
        strongest = np.argsort(-stack.std(axis=(0, 1)))[:MAPS]
        for column, channel in enumerate(strongest, 1):
            ax = figure.add_subplot(grid[row, column])
            ax.imshow(stack[..., channel], cmap="magma")
            ax.axis("off")
            if column == 1:
                ax.set_title(f"{name}: {count} maps of {width} x {height}", fontsize=9, loc="left")
    ax = figure.add_subplot(grid[6, 1:])
    ax.bar(range(len(features)), features, color="#6b7a90")
    ax.set_title(f"third hidden layer: {len(features)} numbers", fontsize=9, loc="left")
    ax.axis("off")
    ax = figure.add_subplot(grid[7, 1:])
    ax.bar(bundle.classes, scores, color="#d1495b")
    ax.set_title("softmax: one probability a class", fontsize=9, loc="left")
    ax.tick_params(axis="x", rotation=30, labelsize=8)
    ax.set_ylim(0, 1)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(Path(__file__).parent / "images" / "layers.png", dpi=110)


if __name__ == "__main__":
    main(Run.open(sys.argv[1]), sorted(Path(sys.argv[2]).glob("*"))[0])
