"""Pictures of a run: data in, matplotlib Axes out. matplotlib is imported when something is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothes.errors import ClothesError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN_COLOR, VALIDATION_COLOR = "#6b7a90", "#d1495b"
FORMATS = ("png", "svg")


def history(rows: Sequence[dict[str, float]], *, axes: "tuple[Axes, Axes] | None" = None) -> "tuple[Axes, Axes]":
    """Draws accuracy and val_accuracy, loss and val_loss per epoch, and marks the epoch that was kept.

    `rows` are those of history.csv.
    """
    if axes is None:
        axes = _figure(10, 4).subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    for ax, name in zip(axes, ("accuracy", "loss"), strict=True):
        few = "o" if len(rows) < 3 else None
        ax.plot(epochs, [row[name] for row in rows], color=TRAIN_COLOR, label=name, marker=few)
        ax.plot(epochs, [row[f"val_{name}"] for row in rows], color=VALIDATION_COLOR, label=f"val_{name}", marker=few)
        ax.plot(best["epoch"], best[f"val_{name}"], "o", color=VALIDATION_COLOR, markersize=7)
        ax.annotate(
            f"kept: {best[f'val_{name}']:.3f}",
            (best["epoch"], best[f"val_{name}"]),
            xytext=(0, -16 if name == "accuracy" else 10),
            textcoords="offset points",
            ha="right" if best["epoch"] > len(rows) / 2 else "left",
            color=VALIDATION_COLOR,
        )
        ax.set(xlabel="epoch", title="Accuracy" if name == "accuracy" else "Loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="lower right" if name == "accuracy" else "upper right")
    return axes


def confusion(
    classes: Sequence[str], counts: Sequence[Sequence[int]], *, title: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws a confusion matrix (row the truth, column the answer), coloured by the share of the row."""
    matrix = np.asarray(counts)
    side = 2.5 + 0.55 * len(classes)
    if ax is None:
        ax = _figure(side, side).add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shares[row, column] > 0.5
            ax.text(column, row, str(count), ha="center", va="center", color="white" if dark else "#1f2933")
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="answer", ylabel="truth", title=title or "Confusion matrix")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def save(drawn: Any, path: Path) -> Path:
    """Writes the figure that these axes are on, as PNG or SVG by the path's ending."""
    first = drawn[0] if isinstance(drawn, tuple | np.ndarray) else drawn
    if path.suffix.lstrip(".") not in FORMATS:
        raise ClothesError(f"Plots are written as {' or '.join(FORMATS)}; got {path.name}.")
    first.figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


def _figure(width: float, height: float) -> "Figure":
    """A figure of its own, outside pyplot: nothing global, no window, no leak."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("train", "Drawing a plot") from None
    return Figure(figsize=(width, height), layout="constrained")
