"""Shows a training or a search while it runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clothes.cli.output import duration, note_above, note_skipped
from clothes.cli.progress import Bars, progress_bars
from clothes.cli.signals import stoppable
from clothes.config import QUICK, Config
from clothes.inference.run import Run
from clothes.photos.split_file import Split
from clothes.system.plurals import counted
from clothes.system.terminal_text import plain
from clothes.training.callbacks import SearchCallback, TrainingCallback

if TYPE_CHECKING:
    from clothes.training.search.results import Trial

_TITLES = {
    "look": "Reading the photos",
    "decode": "Decoding the photos",
    "embed": "Looking at the photos",
    "teach": "Asking the teacher",
    "fit": "Fitting the last layer",
    "train": "Training",
    "save": "Writing the model",
}
_PREPARING = "Preparing the network"
_MEASURES = ("loss", "accuracy", "val_loss", "val_accuracy")
_TRIALS_SHOWN = 12
_SECONDS_BETWEEN_DRAWINGS = 0.2


@contextmanager
def training_display() -> "Iterator[TrainingDisplay]":
    """Yields a callback that shows a training; Ctrl-C and SIGTERM stop it between two steps."""
    with progress_bars() as bars, stoppable() as check_stop:
        yield TrainingDisplay(bars, check_stop)


@contextmanager
def search_display(minutes: float | None) -> "Iterator[SearchDisplay]":
    """Yields a callback that shows a search of so many minutes; Ctrl-C and SIGTERM stop it between two steps."""
    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live, stoppable() as check_stop:
        yield SearchDisplay(live, check_stop, minutes)


class TrainingDisplay(TrainingCallback):
    """Shows a bar for the photos and the steps, and a line for each epoch."""

    def __init__(self, bars: Bars, check_stop: Callable[[], None]) -> None:
        self._bars = bars
        self._check_stop = check_stop
        self._epochs = 0
        self._best = (-1.0, 0.0)
        self.run: Run | None = None  # None until the training starts

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self._check_stop()
        self._bars.show(_TITLES[stage], done, total)

    def on_start(self, run: Run, config: Config, split: Split) -> None:
        self.run, self._epochs = run, config.train.epochs
        photos = ", ".join(f"{sum(found.values()):,} {part}" for part, found in split.counts().items())
        size = config.model.image_size
        self._note(
            f"Run folder: {run.path}",
            f"{len(split.classes)} classes: {photos} photos.",
            f"Network: {config.model.architecture}, {size} x {size} pixels.",
            *split.notes,
        )
        note_skipped(split.skipped)
        if config.model.architecture != QUICK:  # TensorFlow is imported and the first steps are compiled
            self._bars.show(_PREPARING, 0, 1)

    def on_estimate(self, seconds: float) -> None:
        self._bars.show(_PREPARING, 1, 1)
        self._note(f"{counted(self._epochs, 'epoch')}: about {duration(seconds)} on this machine.")

    def on_epoch(self, row: dict[str, float]) -> None:
        if self._best[0] < 0:
            self._note(f"{'epoch':>9}" + "".join(f"{name:>13}" for name in _MEASURES) + f"{'time':>10}")
        score = (row["val_accuracy"], -row["val_loss"])  # as the training chooses the epoch
        mark = "  best" if score > self._best else ""
        self._best = max(self._best, score)
        epoch, seconds = f"{row['epoch']:.0f}/{self._epochs}", f"{row['seconds']:8.1f} s"
        self._note(f"{epoch:>9}" + "".join(f"{row[name]:13.3f}" for name in _MEASURES) + seconds + mark)
        self._check_stop()

    def _note(self, *lines: str) -> None:
        note_above(self._bars.console, *lines)


class SearchDisplay(SearchCallback):
    """Shows a table of the last trials, the best accuracy so far and the time left.

    Prints a line for each trial instead if stderr is not a terminal.
    """

    def __init__(self, live: Live, check_stop: Callable[[], None], minutes: float | None) -> None:
        self._live = live
        self._check_stop = check_stop
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self._trials: tuple[Trial, ...] = ()
        self._printed: set[int] = set()
        self._epochs = 0
        self._most: int | None = None
        self._step = ""
        self._drawn = 0.0
        self.path: Path | None = None  # None until the search starts

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self._check_stop()
        self._step = f"{_TITLES[stage]}: {done:,} of {total:,}"
        if time.monotonic() - self._drawn > _SECONDS_BETWEEN_DRAWINGS:
            self._draw()

    def on_start(self, path: Path, config: Config, split: Split, *, most: int | None) -> None:
        self.path, self._epochs, self._most = path, config.train.epochs, most
        photos = ", ".join(f"{len(split.part(part)):,} {part}" for part in ("train", "validation"))
        size = config.model.image_size
        trials = f"Trials of {counted(self._epochs, 'epoch')} on {photos} photos of {size} x {size} pixels."
        note_above(self._live.console, f"Search folder: {path}", trials, *split.notes)

    def on_trials(self, trials: tuple["Trial", ...]) -> None:
        self._check_stop()
        if len(trials) > len(self._trials):  # a new trial
            self._step = ""
        self._trials = trials
        if not self._live.console.is_terminal:
            self._note_ended()
        self._draw()

    def _note_ended(self) -> None:
        for trial in self._trials:
            if trial.state != "running" and trial.number not in self._printed:
                self._printed.add(trial.number)
                number, state, score, best, epochs, *more = self._row(trial)
                cells = (f"trial {number}", state, score, best and f"best {best}", f"epoch {epochs}", *more)
                note_above(self._live.console, "  ".join(filter(None, cells)))

    def _row(self, trial: "Trial") -> tuple[str, ...]:
        """The cells of a trial: number, state, accuracy, best so far, epochs, seconds, note."""
        so_far = [t.score for t in self._trials if t.state == "done" and t.number <= trial.number]
        note = trial.reason
        if trial.again:
            first = next(t.number for t in self._trials if t.settings == trial.settings)
            note = f"trial {first} with seed + {trial.again}  {note}".rstrip()
        return (
            str(trial.number),
            trial.state,
            f"{trial.score:.3f}" if trial.epochs else "",
            f"{max(so_far):.3f}" if so_far else "",
            f"{trial.epochs}/{self._epochs}",
            "" if trial.seconds is None else f"{trial.seconds:.0f} s",
            note,
        )

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for title in ("trial", "state", "accuracy", "best", "epochs", "time"):
            table.add_column(title, justify="left" if title == "state" else "right", no_wrap=True)
        table.add_column("")
        for trial in self._trials[-_TRIALS_SHOWN:]:
            table.add_row(*(Text(plain(cell)) for cell in self._row(trial)))
        self._live.update(Group(table, Text(self._status())), refresh=True)

    def _status(self) -> str:
        ended = [t.seconds for t in self._trials if t.seconds is not None and t.state != "lost"]
        trials = counted(len(ended), "trial")
        if self._most is not None:
            trials = f"{len(ended)} of {counted(self._most, 'trial')}"
        seconds = [] if self._deadline is None else [self._deadline - time.monotonic()]
        if self._most is not None and ended:
            seconds.append((self._most - len(ended)) * sum(ended) / len(ended))
        left = [f"about {duration(max(0, min(seconds)))} left"] if seconds else []
        return "  ".join([trials, *left, self._step]).rstrip()
