"""The tables and plots of benchmarks/peers.py, from its results."""

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.peers_ways import BY_NAME, WAYS
from clothes.inference.metrics import mcnemar, wilson_interval

Row = dict[str, Any]
OURS, THEIRS = "#d1495b", "#6b7a90"
MOST_LOAD = 2  # of a core, on average over a minute; what was measured just before counts, too
NOT_SHOWN = "–"
ALIKE = "clothes, Sequential"  # starts from nothing, like the peers
TITLES = {"all": "All photos, ten classes", "few": "200 photos, three classes"}


def grouped(rows: Iterable[Row], data: str) -> dict[str, list[Row]]:
    """Returns the rounds of each way on this data that did not fail, in the order of WAYS."""
    found = {way.name: [row for row in rows if (row["way"], row["data"]) == (way.name, data)] for way in WAYS}
    found = {name: [row for row in some if "error" not in row] for name, some in found.items()}
    return {name: some for name, some in found.items() if some}


def accuracy(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Returns the mean accuracy of the rounds and its 95 % interval, which is that of one round."""
    total = len(rows[0]["right"])
    share = statistics.fmean(sum(row["right"]) / total for row in rows)
    return share, *wilson_interval(round(share * total), total)


def gather(rows: Sequence[Row], what: str) -> list[float]:
    """Returns all measurements of one kind: training or processor seconds, memory, first answers, rates."""
    if what == "processor":
        return [row["training"]["processor"] for row in rows]
    if what == "training":
        return [row["training"]["seconds"] for row in rows]
    if what in ("first", "rate"):
        return [value for row in rows for value in row[what]]
    return [max(row["training"]["megabytes"], row["predicting megabytes"]) for row in rows]


def is_at_rest(rows: Sequence[Row]) -> bool:
    """Whether the machine had little other work: seconds of other rows are not shown."""
    return max(row["load"] / row["cores"] for row in rows) <= MOST_LOAD


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Returns theirs divided by ours, by medians; of several measurements with the least and the greatest ratio."""
    middle = statistics.median(theirs) / statistics.median(ours)
    if len(ours) == len(theirs) == 1:
        return f"{middle:.2g}" if middle < 10 else f"{middle:.0f}"
    return f"{middle:.2g} ({min(theirs) / max(ours):.2g} to {max(theirs) / min(ours):.2g})"


def line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def header(*cells: str) -> list[str]:
    return [line(*cells), "| --- " * len(cells) + "|"]


def measured_table(groups: dict[str, list[Row]]) -> list[str]:
    lines = header(
        "way", "epochs", "test accuracy (95 %)", "seconds to the model", "its processor seconds", "first answer, s",
        "photos a second", "memory to train, to predict, MB",
    )  # fmt: skip
    for name, rows in groups.items():
        share, low, high = accuracy(rows)
        took = {what: statistics.median(gather(rows, what)) for what in ("training", "processor", "first", "rate")}
        seconds = (f"{took['training']:.0f}", f"{took['processor']:.0f}", f"{took['first']:.2f}", f"{took['rate']:.0f}")
        memory = [statistics.median(row["training"]["megabytes"] for row in rows)]
        memory.append(statistics.median(row["predicting megabytes"] for row in rows))
        lines.append(
            line(
                f"**{name}**" if BY_NAME[name].is_ours else name,
                rows[0]["epochs"] or "its own",
                f"{share:.3f} ({low:.3f} to {high:.3f})",
                *(seconds if is_at_rest(rows) else (NOT_SHOWN, seconds[1], NOT_SHOWN, NOT_SHOWN)),
                f"{memory[0]:,.0f}, {memory[1]:,.0f}",
            )
        )
    return lines


def ratio_table(groups: dict[str, list[Row]]) -> list[str]:
    """Compares the peers with the way of ours that starts from nothing, too."""
    ours = groups[ALIKE]
    lines = header(
        "way", "accuracy, points", "p (McNemar)", "seconds to the model, times", "first answer, times",
        "photos a second, times", "memory, times",
    )  # fmt: skip
    for name, rows in groups.items():
        if BY_NAME[name].is_ours:
            continue
        pairs = list(zip(ours[0]["right"], rows[0]["right"], strict=True))
        p = mcnemar(sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))
        points = 100 * (accuracy(rows)[0] - accuracy(ours)[0])
        ratios = [ratio(gather(ours, what), gather(rows, what)) for what in ("training", "first", "rate", "memory")]
        if not is_at_rest([*ours, *rows]):
            ratios[:3] = [NOT_SHOWN] * 3
        lines.append(line(name, f"{points:+.1f}", f"{p:.2g}", *ratios))
    return lines


def facts_table(rows: Sequence[Row]) -> list[str]:
    found = {row["way"]: row for row in rows if "error" not in row}
    lines = header(
        "way", "version", "starts from", "installed, MB", "lines to write", 'says "not sure"',
        "look-alikes in one part", "after a kill",
    )  # fmt: skip
    for way in WAYS:
        if way.name in found:
            row = found[way.name]
            name = f"**{way.name}**" if way.is_ours else way.name
            size = f"{row['installed']:,.0f}"
            lines.append(
                line(name, row["version"], way.starts_from, size, way.lines, way.unsure, way.alike, way.killed)
            )
    return lines


def tables(rows: Sequence[Row]) -> str:
    """Returns the results as Markdown: what was measured, ratios, facts, and which way failed how."""
    lines: list[str] = []
    for data, title in TITLES.items():
        if groups := grouped(rows, data):
            some = next(iter(groups.values()))[0]
            lines += [f"{title}: {some['train photos']:,} to train, {len(some['right'])} to test.", ""]
            lines += [*measured_table(groups), ""]
            if not all(is_at_rest(rows) for rows in groups.values()):
                lines += [f"{NOT_SHOWN}: the machine had other work, so these seconds would mean nothing.", ""]
            if ALIKE in groups:
                lines += [f"Against {ALIKE}:", "", *ratio_table(groups), ""]
    lines += [*facts_table(rows), ""]
    lines += [f"{row['way']}, {row['data']}: failed: {row['error']}" for row in rows if "error" in row]
    return "\n".join(lines).rstrip()


def style() -> None:
    import matplotlib as mpl

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "clothes", "font.size": 9})


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Returns the places, moved upwards as little as needed to be `gap` apart."""
    moved = list(places)
    order = sorted(range(len(places)), key=lambda i: places[i])
    for before, i in pairwise(order):
        moved[i] = max(moved[i], moved[before] + gap)
    return moved


def draw_seconds(groups: dict[str, list[Row]], path: Path) -> None:
    """Draws accuracy against the seconds to the model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = figure.add_subplot(
        xscale="log", xlabel="seconds from the command to the model", ylabel="accuracy on test photos"
    )
    seconds = [statistics.median(gather(rows, "training")) for rows in groups.values()]
    found = [accuracy(rows) for rows in groups.values()]
    labels = spread_out([share for share, *_ in found], 0.028)
    for name, x, (share, low, high), y in zip(groups, seconds, found, labels, strict=True):
        color = OURS if BY_NAME[name].is_ours else THEIRS
        ax.errorbar(x, share, [[share - low], [high - share]], marker="o", capsize=2, color=color)
        ax.annotate(name, (x, y), (7, -3), textcoords="offset points", color=color)
    ax.set_xlim(min(seconds) / 1.5, max(seconds) * 6)
    ax.set_xticks(
        ticks := [n for n in (3, 10, 30, 100, 300, 1000, 3000) if ax.get_xlim()[0] < n < ax.get_xlim()[1]], ticks
    )
    ax.set_xticks([], minor=True)
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def draw_few(groups: dict[str, list[Row]], path: Path) -> None:
    """Draws the accuracy of each way as a bar, the best on top, with the seconds to the model."""
    from matplotlib.figure import Figure

    order = sorted(groups, key=lambda name: accuracy(groups[name])[0])
    figure = Figure(figsize=(6.4, 0.7 + 0.34 * len(order)), layout="constrained")
    ax = figure.add_subplot(xlabel="accuracy on test photos", xlim=(0, 1.28))
    for y, name in enumerate(order):
        share, low, high = accuracy(groups[name])
        color = OURS if BY_NAME[name].is_ours else THEIRS
        ax.barh(y, share, 0.62, color=color)
        ax.errorbar(share, y, xerr=[[share - low], [high - share]], color="#333333", capsize=2, linewidth=1)
        seconds = statistics.median(gather(groups[name], "training"))
        took = f" in {seconds:.0f} s" if is_at_rest(groups[name]) else ""
        ax.text(high + 0.015, y, f"{share:.2f}{took}", va="center")
    ax.set_yticks(range(len(order)), order)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def draw_plots(rows: Sequence[Row], folder: Path) -> None:
    """Draws peers.svg, accuracy against seconds on all photos, and peers-few.svg, accuracy from 200 photos."""
    style()
    if found := {name: some for name, some in grouped(rows, "all").items() if is_at_rest(some)}:
        draw_seconds(found, folder / "peers.svg")
    if found := grouped(rows, "few"):
        draw_few(found, folder / "peers-few.svg")
