"""Progress bars on stderr."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from clothes.cli.output import duration, note
from clothes.system.plurals import counted
from clothes.system.progress import Progress

if TYPE_CHECKING:
    import rich.progress

T = TypeVar("T")
_BETWEEN_NOTES = 10.0  # seconds


class Bars:
    """One progress bar per title, with the time left; shows nothing if stderr is not a terminal."""

    def __init__(self, display: "rich.progress.Progress") -> None:
        self.console = display.console
        self._display = display
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def to(self, title: str) -> Progress:
        """A progress callback that moves the bar of this title."""
        return partial(self.show, title)

    def show(self, title: str, done: int, total: int) -> None:
        """Moves the bar of this title; a full one disappears."""
        if title not in self._tasks:
            self._tasks[title] = self._display.add_task(title, total=total)
        self._display.update(self._tasks[title], completed=done, total=total, visible=done < total)


@contextmanager
def progress_bars(*, in_bytes: bool = False) -> Iterator[Bars]:
    """Yields progress bars and removes them at the end."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    units = [progress.DownloadColumn(), progress.TransferSpeedColumn()] if in_bytes else [progress.MofNCompleteColumn()]
    columns = ("{task.description}", progress.BarColumn(), *units, progress.TimeRemainingColumn())
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        yield Bars(display)


def with_progress(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """The same items, with a progress bar if there are several and stdout is not a terminal.

    On a terminal the printed answers already show the progress.
    """
    if total < 2 or sys.stdout.isatty():
        yield from items
        return
    with progress_bars() as bars:
        for done, item in enumerate(items, 1):
            yield item
            bars.show(title, done, total)


class Pace:
    """Notes from time to time how many photos are done, how many a second, and the time left: for hours of work."""

    def __init__(self, total: int, missing: int) -> None:
        self._total, self._missing, self._done = total, missing, 0
        self._began = self._noted = time.monotonic()

    def add(self, photos: int) -> None:
        self._done += photos
        now = time.monotonic()
        left = self._missing - self._done
        if self._done and left and now - self._noted >= _BETWEEN_NOTES:
            self._noted, speed = now, self._done / (now - self._began)
            note(
                f"{self._total - left:,} of {counted(self._total, 'photo')}, {speed:,.1f} a second, "
                f"about {duration(left / speed)} left"
            )
