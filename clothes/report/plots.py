"""Pictures of a run: data in, matplotlib Axes out. matplotlib is imported when something is drawn."""

import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothes.errors import ClothesError, MissingExtraError
from clothes.metrics import wilson_interval
from clothes.system.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN_COLOR, VALIDATION_COLOR = "#6b7a90", "#d1495b"
FORMATS = ("png", "svg")
_LONGEST = 32  # characters of a name


def history(rows: Sequence[dict[str, float]], *, axes: "tuple[Axes, Axes] | None" = None) -> "tuple[Axes, Axes]":
    """Draws accuracy and val_accuracy, loss and val_loss per epoch, and marks the epoch that was kept.

    `rows` are those of history.csv.
    """
    if axes is None:
        axes = _figure(10, 4).subplots(1, 2)
    return curve(rows, "accuracy", ax=axes[0]), curve(rows, "loss", ax=axes[1])


def curve(rows: Sequence[dict[str, float]], name: str, *, ax: Any = None) -> "Axes":
    """Draws "accuracy" or "loss" with its val_ per epoch, and marks the epoch that was kept; or "learning_rate"."""
    if ax is None:
        ax = _figure(5, 3.6).add_subplot()
    epochs = [row["epoch"] for row in rows]
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    few = "o" if len(rows) < 3 else None
    ax.plot(epochs, [row[name] for row in rows], color=TRAIN_COLOR, label=name, marker=few)
    if f"val_{name}" in rows[0]:
        ax.plot(epochs, [row[f"val_{name}"] for row in rows], color=VALIDATION_COLOR, label=f"val_{name}", marker=few)
        kept = best[f"val_{name}"]
        ax.plot(best["epoch"], kept, "o", color=VALIDATION_COLOR, markersize=7, label=f"kept: {kept:.3f}")
        ax.legend(frameon=False, loc="lower right" if name == "accuracy" else "upper right")
    ax.set(xlabel="epoch", title=name.capitalize().replace("_", " "))
    ax.xaxis.get_major_locator().set_params(integer=True)
    if len(rows) == 1:
        ax.set_xticks(epochs)
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    drawn: Axes = ax
    return drawn


def confusion(
    classes: Sequence[str], counts: Sequence[Sequence[int]], *, title: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws a confusion matrix (row the truth, column the answer), coloured by the share of the row."""
    matrix = np.asarray(counts)
    names, fonts = _legible(classes)
    if ax is None:
        side = 2 + (0.55 if len(names) <= 15 else 0.4) * max(2, len(names)) + 0.08 * max(map(len, names))
        ax = _figure(side, side).add_subplot()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shares[row, column] > 0.5
            ax.text(column, row, str(count), ha="center", va="center", color="white" if dark else "#1f2933")
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set(parse_math=False, fontfamily=fonts)  # a name may hold $
    ax.set(xlabel="answer", ylabel="truth", title=title or "Confusion matrix")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def reliability(
    confidence: Sequence[float], right: Sequence[bool], *, bins: int = 10, ax: "Axes | None" = None
) -> "Axes":
    """Draws how often answers of a confidence are right: on the diagonal, a probability means what it says.

    Bins of equally many photos; the bars are 95 % intervals.
    """
    if ax is None:
        ax = _figure(4.5, 4.5).add_subplot()
    order = np.argsort(confidence, kind="stable")
    sure, correct = np.asarray(confidence)[order], np.asarray(right)[order]
    parts = [part for part in np.array_split(np.arange(len(sure)), bins) if len(part)]
    means = np.array([sure[part].mean() for part in parts])
    shares = np.array([correct[part].mean() for part in parts])
    low, high = np.array([wilson_interval(int(correct[part].sum()), len(part)) for part in parts]).T
    reach = np.maximum(0, [shares - low, high - shares])
    ax.plot([0, 1], [0, 1], color=TRAIN_COLOR, linewidth=1, label="as it should be")
    ax.errorbar(means, shares, reach, color=VALIDATION_COLOR, fmt="o", label=f"answers, {len(parts[0])} photos each")
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share of right answers", title="Reliability")
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left")
    return ax


def learning_curve(points: Sequence[tuple[int, float, float, float]], *, ax: "Axes | None" = None) -> "Axes":
    """Draws the validation accuracy for each number of train photos: (photos, accuracy, low, high)."""
    if ax is None:
        ax = _figure(5, 3.6).add_subplot()
    photos, values, low, high = np.array(points, dtype=float).T
    reach = np.maximum(0, [values - low, high - values])
    ax.errorbar(photos, values, reach, color=VALIDATION_COLOR, fmt="o-", label="val_accuracy, 95 % intervals")
    ax.set(xlabel="train photos", title="Learning curve", xlim=(0, None))
    ax.set_xticks(photos, [f"{number:.0f}" for number in photos])
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    return ax


def search(
    scores: Sequence[tuple[int, float, str]],
    importance: Mapping[str, float],
    *,
    default: float | None = None,
    axes: "tuple[Axes, Axes] | None" = None,
) -> "tuple[Axes, Axes]":
    """Draws a search: each trial's score and the best so far; and how much each setting mattered.

    `scores` are (number, score, kind) in the order of the trials, with the kind "done", "ended early", or "again" for
    settings of an earlier one; `default` is the score of the settings that the search began with.
    """
    if axes is None:
        axes = _figure(11, 4.5).subplots(1, 2, width_ratios=(3, 2))
    left, right = axes
    colors = {"ended early": TRAIN_COLOR, "done": VALIDATION_COLOR, "again": VALIDATION_COLOR}
    for kind, color in colors.items():
        fill = "none" if kind == "again" else "full"
        chosen = [(number, score) for number, score, found in scores if found == kind]
        if chosen:
            left.plot(*zip(*chosen, strict=True), "o", color=color, fillstyle=fill, markersize=4, alpha=0.8, label=kind)
    done_ones = [(number, score) for number, score, kind in scores if kind == "done"]
    best = np.maximum.accumulate([score for _, score in done_ones])
    left.step([number for number, _ in done_ones], best, where="post", color=VALIDATION_COLOR, label="best so far")
    if default is not None:
        left.axhline(default, color=TRAIN_COLOR, linewidth=1, linestyle="--", label=f"began with: {default:.3f}")
    left.set(xlabel="trial", ylabel="val_accuracy", title="Trials")
    left.locator_params(axis="x", integer=True)
    left.legend(frameon=False, loc="lower right")
    first = list(importance.items())[:10][::-1]
    right.barh([name.partition(".")[2] for name, _ in first], [share for _, share in first], color=TRAIN_COLOR)
    right.set(xlabel="share", title="What mattered" if first else "What mattered: too few trials to say")
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return axes


def save(drawn: Any, path: Path) -> Path:
    """Writes the figure that these axes are on, as PNG or SVG by the path's ending."""
    first = drawn[0] if isinstance(drawn, tuple | np.ndarray) else drawn
    if path.suffix.lstrip(".") not in FORMATS:
        raise ClothesError(f"Plots are written as {' or '.join(FORMATS)}; got {path.name}.")
    write_bytes(path, render(first, path.suffix.lstrip(".")))
    return path


def render(ax: Any, kind: str) -> bytes:
    """The figure that these axes are on, as "png" or "svg"."""
    picture = io.BytesIO()
    ax.figure.savefig(picture, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return picture.getvalue()


def _figure(width: float, height: float) -> "Figure":
    """A figure of its own, outside pyplot: nothing global, no window, no leak."""
    with _needed():
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def _legible(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names as they can be drawn, and the font families to draw them with.

    What matplotlib's own font lacks comes from an installed one; what no font has, and what would break the line,
    stands as \\u88d9. Marks that only join or vary others are dropped there, and long names lose their middle.
    """
    with _needed():
        from matplotlib import font_manager, rcParams

    def glyphs(path: str) -> set[str]:
        return set(map(chr, font_manager.get_font(path).get_charmap()))

    def draw(char: str) -> str:
        if char not in missing | breaking:
            return char
        joins = unicodedata.category(char) == "Cf" or unicodedata.name(char, "").startswith("VARIATION SELECTOR")
        return "" if joins else char.encode("unicode_escape").decode()

    breaking = {char for char in set().union(*names) if unicodedata.category(char) in ("Cc", "Zl", "Zp")}
    missing = set().union(*names) - breaking
    missing -= glyphs(font_manager.findfont(font_manager.FontProperties()))
    families = list(rcParams["font.family"])
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name):
        upright = (font.style, font.weight, font.stretch) == ("normal", 400, "normal")
        last_resort = font.name.lstrip(".").lower().replace(" ", "").startswith("lastresort")  # all of it boxes
        if missing and upright and not last_resort and (found := missing & glyphs(font.fname)):
            missing -= found
            families.append(font.name)
    shown = ["".join(map(draw, name)) for name in names]
    half = _LONGEST // 2
    return [name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}" for name in shown], families


@contextmanager
def _needed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise MissingExtraError("train", "Drawing a plot") from None
