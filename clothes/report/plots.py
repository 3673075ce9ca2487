"""Plots of a run or a search: data in, matplotlib Axes out. Imports matplotlib when something is drawn."""

import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothes.errors import EXTRAS, ClothesError, MissingExtraError
from clothes.inference.metrics import wilson_interval
from clothes.report.plot_labels import drawable_labels
from clothes.system.files import write_bytes
from clothes.system.plurals import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN_COLOR, VALIDATION_COLOR = "#6b7a90", "#d1495b"
FORMATS = ("png", "svg")
_MAX_HYPERPARAMETERS = 10
_MOST_PIXELS = 4000  # of a side; more take gigabytes to draw


def history(rows: Sequence[dict[str, float]], *, axes: "tuple[Axes, Axes] | None" = None) -> "tuple[Axes, Axes]":
    """Plots accuracy and loss of the train and the validation part for each epoch; `rows` as in history.csv."""
    if axes is None:
        axes = _figure(10, 4).subplots(1, 2)
    return history_curve(rows, "accuracy", ax=axes[0]), history_curve(rows, "loss", ax=axes[1])


def history_curve(rows: Sequence[dict[str, float]], name: str, *, ax: Any = None) -> "Axes":
    """Plots a column of history.csv, with its val_ column and the best epoch if there is one."""
    ax = ax or _figure(5, 3.6).add_subplot()
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 3 else None
    ax.plot(epochs, [row[name] for row in rows], color=TRAIN_COLOR, label=name, marker=marker)
    if (val_name := f"val_{name}") in rows[0]:
        ax.plot(epochs, [row[val_name] for row in rows], color=VALIDATION_COLOR, label=val_name, marker=marker)
        best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
        label = f"best (epoch {best['epoch']:.0f}): {best[val_name]:.3f}"
        ax.plot(best["epoch"], best[val_name], "o", color=VALIDATION_COLOR, markersize=7, label=label)
        ax.legend(frameon=False, loc="lower right" if name == "accuracy" else "upper right")
    ax.set(xlabel="Epoch", title=name.capitalize().replace("_", " "))
    ax.xaxis.get_major_locator().set_params(integer=True)
    if len(rows) == 1:
        ax.set_xticks(epochs)
    return _style(ax)


def confusion(
    classes: Sequence[str], counts: Sequence[Sequence[int]], *, title: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Plots a confusion matrix: a row for each true class, coloured by the share of the row."""
    _require_matplotlib()
    matrix = np.asarray(counts)
    labels, fonts = drawable_labels(classes)
    if ax is None:
        side = 2 + (0.55 if len(labels) <= 15 else 0.4) * max(2, len(labels)) + 0.08 * max(map(len, labels))
        ax = _figure(side, side).add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shares[row, column] > 0.5
            ax.text(column, row, str(count), ha="center", va="center", color="white" if dark else "#1f2933")
    ax.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(labels)), labels)
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set(parse_math=False, fontfamily=fonts)  # a name may contain $
    ax.set(xlabel="Predicted class", ylabel="True class", title=title or "Confusion matrix")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def reliability(
    confidence: Sequence[float], right: Sequence[bool], *, bins: int = 10, ax: "Axes | None" = None
) -> "Axes":
    """Plots the accuracy of predictions against their confidence, in bins of equal size with 95 % intervals."""
    ax = ax or _figure(4.5, 4.5).add_subplot()
    order = np.argsort(confidence, kind="stable")
    sorted_confidence, sorted_right = np.asarray(confidence)[order], np.asarray(right)[order]
    parts = [part for part in np.array_split(np.arange(len(order)), bins) if len(part)]
    means = np.array([sorted_confidence[part].mean() for part in parts])
    shares = np.array([sorted_right[part].mean() for part in parts])
    low, high = np.array([wilson_interval(int(sorted_right[part].sum()), len(part)) for part in parts]).T
    errors = np.maximum(0, [shares - low, high - shares])
    label = f"bins of {counted(len(parts[0]), 'photo')}, 95 % intervals"
    ax.plot([0, 1], [0, 1], color=TRAIN_COLOR, linewidth=1, label="perfect calibration")
    ax.errorbar(means, shares, errors, color=VALIDATION_COLOR, fmt="o", label=label)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="Confidence", ylabel="Accuracy", title="Reliability diagram")
    ax.legend(frameon=False, loc="upper left")
    return _style(ax)


def learning_curve(points: Sequence[tuple[int, float, float, float]], *, ax: "Axes | None" = None) -> "Axes":
    """Plots validation accuracy against the number of train photos: (photos, accuracy, low, high)."""
    ax = ax or _figure(5, 3.6).add_subplot()
    photos, values, low, high = np.array(points, dtype=float).T
    errors = np.maximum(0, [values - low, high - values])
    ax.errorbar(photos, values, errors, color=VALIDATION_COLOR, fmt="o-", label="95 % interval")
    ax.set(xlabel="Train photos", ylabel="Validation accuracy", title="Learning curve", xlim=(0, None))
    ax.margins(y=0.15)
    ax.set_xticks(photos, [f"{number:,.0f}" for number in photos])
    ax.legend(frameon=False, loc="lower left")
    return _style(ax)


def search(
    scores: Sequence[tuple[int, float, str]],
    importance: Mapping[str, float],
    *,
    default: float | None = None,
    axes: "tuple[Axes, Axes] | None" = None,
) -> "tuple[Axes, Axes]":
    """Plots the validation accuracy of each trial of a search, and the importance of each hyperparameter.

    `scores` holds (number, score, kind) in the order of the trials; the kind is "completed", "pruned", or "repeated"
    for a repetition of earlier settings. `default` is the score of the settings that the search started with.
    """
    if axes is None:
        axes = _figure(11, 4.5).subplots(1, 2, width_ratios=(3, 2))
    left, right = axes
    _plot_trials(scores, default, left)
    most_important = dict(list(importance.items())[:_MAX_HYPERPARAMETERS][::-1])
    names = [name.partition(".")[2] for name in most_important]
    right.barh(names, list(most_important.values()), color=TRAIN_COLOR)
    title = "Hyperparameter importance"
    right.set(xlabel="Share of the variance", title=title if most_important else f"{title}: too few trials")
    return _style(left), _style(right)


def _plot_trials(scores: Sequence[tuple[int, float, str]], default: float | None, ax: "Axes") -> None:
    colors = {"pruned": TRAIN_COLOR, "completed": VALIDATION_COLOR, "repeated": VALIDATION_COLOR}
    for kind, color in colors.items():
        fill = "none" if kind == "repeated" else "full"
        chosen = [(number, score) for number, score, found in scores if found == kind]
        if chosen:
            ax.plot(*zip(*chosen, strict=True), "o", color=color, fillstyle=fill, markersize=4, alpha=0.8, label=kind)
    completed = [(number, score) for number, score, kind in scores if kind == "completed"]
    best = np.maximum.accumulate([score for _, score in completed])
    ax.step([number for number, _ in completed], best, where="post", color=VALIDATION_COLOR, label="best so far")
    if default is not None:
        label = f"starting settings: {default:.3f}"
        ax.axhline(default, color=TRAIN_COLOR, linewidth=1, linestyle="--", label=label)
    ax.set(xlabel="Trial", ylabel="Validation accuracy", title="Trials")
    ax.locator_params(axis="x", integer=True)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)


def save(axes: Any, path: Path) -> Path:
    """Writes the figure of these axes, as PNG or SVG by the path's ending."""
    first = axes[0] if isinstance(axes, tuple | np.ndarray) else axes
    if path.suffix.lstrip(".") not in FORMATS:
        raise ClothesError(f"Plots are written as {' or '.join(FORMATS)}; got {path.name}. Name another file.")
    write_bytes(path, render(first, path.suffix.lstrip(".")))
    return path


def render(ax: Any, kind: str) -> bytes:
    """The figure of these axes as a file of this kind: "png" or "svg"."""
    picture = io.BytesIO()
    dpi = min(150, _MOST_PIXELS / max(ax.figure.get_size_inches()))
    ax.figure.savefig(picture, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
    return picture.getvalue()


def _style(ax: Any) -> "Axes":
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    styled: Axes = ax
    return styled


def _figure(width: float, height: float) -> "Figure":
    """A figure outside pyplot: no global state, no window, no leak."""
    _require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _require_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise MissingExtraError(EXTRAS["matplotlib"], "Drawing a plot")
