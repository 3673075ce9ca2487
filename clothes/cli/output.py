"""What a terminal is shown: results on stdout, notes and progress on stderr, the pictures of a run beside it."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from clothes.errors import EXTRAS, ClothesError, MissingExtraError
from clothes.system.text import columns, padded, plain

if TYPE_CHECKING:
    from clothes.evaluation.results import Evaluation
    from clothes.photos.folders import Skipped
    from clothes.training import tuning
    from clothes.training.callbacks import SearchCallback, TrainingCallback

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ModelOption = Annotated[
    Path | None, typer.Option("--model", metavar="BUNDLE", help="A bundle or run folder. [default: the one in the box]")
]
Host = Annotated[str, typer.Option(help="0.0.0.0 opens the page to the network.")]
Port = Annotated[int, typer.Option(min=0, max=65535)]
Auth = Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Ask for a password.")]


def note(text: str) -> None:
    print(*map(plain, text.split("\n")), sep="\n", file=sys.stderr, flush=True)


def user_and_password(auth: str | None) -> tuple[str, str] | None:
    """What --auth says."""
    if auth is None:
        return None
    user, _, password = auth.partition(":")
    if not (user and password):
        raise typer.BadParameter("must look like USER:PASSWORD", param_hint="--auth")
    return user, password


def duration(seconds: float) -> str:
    """For people: "40 seconds", "17 minutes", "2.5 hours"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def quote(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def print_address(url: str) -> None:
    print(f"The page is open at {url}  (Ctrl-C ends it)", flush=True)


def print_files(files: dict[str, Path]) -> None:
    width = max(map(len, files))
    for name, path in files.items():
        print(f"{name:{width}}  {path}")


def print_table(head: list[str], rows: list[list[Any]]) -> None:
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(head))]
    for first, *others in cells:
        print("  ".join([padded(first, widths[0]), *map(str.rjust, others, widths[1:])]))


def print_evaluation(result: "Evaluation") -> None:
    from clothes.inference.confidence import percent

    def number(value: float | int | None) -> str:
        return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    low, high = result.interval
    measures = ["precision", "recall", "f1", "photos"]
    print_table(
        ["class", *measures],
        [[name, *(number(figures[m]) for m in measures)] for name, figures in result.per_class.items()],
    )
    if len(result.classes) <= 20:  # as wide as a terminal
        numbered = [f"{i} {name}" for i, name in enumerate(result.classes, 1)]
        print()
        print_table(
            ["truth, and how often each answer", *map(str, range(1, len(numbered) + 1))],
            [[name, *(count or "." for count in row)] for name, row in zip(numbered, result.confusion, strict=True)],
        )
    interval = f"95 % interval {percent(low)} to {percent(high)}, {result.photos} photos"
    print(f"\naccuracy           {percent(result.accuracy)}  ({interval})")
    print(f"loss               {result.loss:.3f}")
    print(f"calibration error  {result.ece:.3f}")
    print(f"not sure           {percent(1 - result.known)} of them")
    if result.others_known is not None:
        print(f"other things       {percent(result.others_known)} of {result.others} taken for one of the classes")


def note_skipped(skipped: "Iterable[Skipped]", *, where: str = "clothes check PHOTOS --json") -> None:
    """Says what was skipped and why, a few by name; `where` tells where all are listed."""
    listed = list(skipped)
    for item in listed[:5]:
        note(f"Skipped {item.path}: {item.reason}")
    if len(listed) > 5:
        note(f"... and {len(listed) - 5:,} more skipped, listed by: {where}")


def find_photos(arguments: list[str]) -> "tuple[list[Path], list[Skipped]]":
    """The photos that the arguments of `predict` mean: files, folders, globs, and - for a list on stdin."""
    from glob import glob, has_magic

    from clothes.photos.folders import list_photos

    found: list[Path] = []
    skipped: list[Skipped] = []
    for argument in arguments:
        names = read_names() if argument == "-" else [argument]
        for name in names:
            matches = [name]
            if has_magic(name) and not os.path.lexists(name):
                matches = sorted(glob(name, recursive=True)) or matches  # noqa: PTH207 - absolute ones too
            for match in matches:
                if os.path.isdir(match):  # noqa: PTH112 - Path's own raises where it may not look
                    photos, left = list_photos(match)
                    found += photos
                    skipped += left
                else:
                    found.append(Path(match))
    return found, skipped


def read_names() -> list[str]:
    """The lines of stdin, as names of files: undecodable bytes are kept."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def draw_run(path: Path, ending: str) -> list[Path]:
    """Writes the pictures of a run: its history and, once it was evaluated, its confusion matrix."""
    from clothes.inference.run import Run
    from clothes.report import plots

    run = Run.open(path)
    drawn = [plots.save(plots.history(run.history), run.path / f"history.{ending}")]
    if (run.path / "evaluation.json").exists():
        drawn.append(draw_confusion(run.path, ending))
    return drawn


def draw_search(result: "tuning.Tuning") -> Path:
    """Writes the picture of a search."""
    from clothes.report import plots

    kinds = {"done": "completed", "pruned": "pruned"}
    scores = [(t.number, t.score, "repeated" if t.again else kinds[t.state]) for t in result.trials if t.state in kinds]
    drawn = plots.search(scores, result.importance, default=result.default.score if result.default else None)
    return plots.save(drawn, result.path / "search.png")


def draw_confusion(folder: Path, ending: str) -> Path:
    """Writes the picture of the evaluation in a folder."""
    from clothes.evaluation.results import read_evaluation
    from clothes.inference.confidence import percent
    from clothes.report import plots

    result = read_evaluation(folder)
    title = f"{percent(result['accuracy'])} of {result['photos']} test photos right"
    matrix = plots.confusion(result["classes"], result["confusion"], title=title)
    return plots.save(matrix, folder / f"confusion.{ending}")


@contextmanager
def needs(what: str) -> Iterator[None]:
    """Turns a package that is missing for `what` into the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "clothes").partition(".")[0]
        if module == "clothes":
            raise
        if module in EXTRAS:
            raise MissingExtraError(EXTRAS[module], what) from None
        raise ClothesError(
            f"{what} needs the module {module}, which is not installed. Install it with: pip install {module}"
        ) from None


class Bars:
    """Progress bars on stderr with the time left; nothing where stderr is no terminal."""

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self._tasks: dict[str, Any] = {}

    def to(self, title: str) -> Callable[[int, int], None]:
        return lambda done, total: self.show(title, done, total)

    def show(self, title: str, done: int, total: int) -> None:
        if title not in self._tasks:
            self._tasks[title] = self.progress.add_task(title, total=total)
        self.progress.update(self._tasks[title], completed=done, total=total, visible=done < total)


def with_progress(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """The same items, with a progress bar from the second on: a single answer should not wait for a bar."""
    if total < 2 or sys.stdout.isatty():  # on a terminal the answers themselves show it
        yield from items
        return
    with progress_bars() as bars:
        show = bars.to(title)
        for done, item in enumerate(items, 1):
            yield item
            show(done, total)


@contextmanager
def progress_bars(*, in_bytes: bool = False) -> Iterator[Bars]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, highlight=False)
    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    shown = (TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn())
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bars(progress)


class Stopped(typer.Abort):
    """By Ctrl-C or SIGTERM: what ran has ended where it goes on from; `status` is the exit status."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Yields what raises Stopped once Ctrl-C or SIGTERM has come; to be called where nothing is torn by it.

    A second one ends the process at once. Raised anywhere, the first would be lost in TensorFlow's C code at times.
    """
    import signal

    came = 0

    def keep(number: int, _: object) -> None:
        nonlocal came
        came = number
        give_back()

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def look() -> None:
        if came:
            raise Stopped(came)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # not one that is ignored
            before[number] = signal.signal(number, keep)
    try:
        yield look
    except KeyboardInterrupt:
        raise Stopped(signal.SIGINT) from None  # Typer ends a KeyboardInterrupt without a word
    finally:
        give_back()


@contextmanager
def watching() -> "Iterator[TrainingCallback]":
    """Shows a training: a bar for its photos and its steps, and a line for each epoch.

    Ctrl-C and SIGTERM end it between two steps.
    """
    from clothes.training.callbacks import TrainingCallback

    with progress_bars() as bars, stoppable() as stop_if_asked:

        class Screen(TrainingCallback):
            run: Any = None
            epochs = 0
            best = -1.0

            def on_progress(self, stage: str, done: int, total: int) -> None:
                stop_if_asked()
                titles = {
                    "look": "Looking at the photos",
                    "decode": "Decoding once",
                    "fit": "Fitting the last layer",
                    "train": "Training",
                }
                bars.show(titles[stage], done, total)

            def on_start(self, run: Any, config: Any, split: Any) -> None:
                self.run, self.epochs = run, config.train.epochs
                counts = {part: sum(found.values()) for part, found in split.counts().items()}
                photos = ", ".join(f"{count} {part}" for part, count in counts.items())
                size = f"{config.model.image_size} x {config.model.image_size} pixels"
                self.say(f"{len(split.classes)} classes; {photos} photos. The run goes into {run.path}.")
                self.say(f"Network: {config.model.architecture}, {size}.")
                for line in split.notes:
                    self.say(line)
                note_skipped(split.skipped)

            def on_estimate(self, seconds: float) -> None:
                self.say(f"{self.epochs} epochs: about {duration(seconds)} on this machine.")

            def on_epoch(self, row: dict[str, float]) -> None:
                mark = ""
                if row["val_accuracy"] > self.best:
                    self.best, mark = row["val_accuracy"], "  best"
                self.say(
                    f"epoch {row['epoch']:.0f}/{self.epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}  "
                    f"val_loss {row['val_loss']:.3f}  val_accuracy {row['val_accuracy']:.3f}  "
                    f"{row['seconds']:.1f} s{mark}"
                )
                stop_if_asked()

            def say(self, text: str) -> None:
                bars.progress.console.print(text, markup=False, emoji=False, soft_wrap=True)

        yield Screen()


@contextmanager
def searching(minutes: float | None) -> "Iterator[SearchCallback]":
    """Shows a search: the last trials, the best so far, and the time left. Ctrl-C and SIGTERM end it."""
    import time

    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table

    from clothes.training.callbacks import SearchCallback

    console = Console(stderr=True, highlight=False)
    live = Live(console=console, auto_refresh=False, transient=True)
    began, shown = time.monotonic(), set[int]()

    class Screen(SearchCallback):
        path: Path | None = None
        trials: tuple[Any, ...] = ()
        epochs = 0
        most: int | None = None
        step = ""
        drawn = 0.0

        def on_progress(self, stage: str, done: int, total: int) -> None:
            stop_if_asked()
            titles = {"look": "looking at the photos", "decode": "decoding the photos", "train": "step"}
            self.step = f"{titles[stage]} {done:,} of {total:,}"
            if time.monotonic() - self.drawn > 0.2:
                self.draw()

        def on_start(self, path: Path, config: Any, split: Any, *, most: int | None) -> None:
            self.path, self.epochs, self.most = path, config.train.epochs, most
            parts = ", ".join(f"{len(split.part(part))} {part}" for part in ("train", "validation"))
            size = f"{config.model.image_size} x {config.model.image_size} pixels"
            console.print(
                f"Trials of {self.epochs} epochs on {parts} photos of {size}; they are kept in {path}.",
                markup=False,
                soft_wrap=True,
            )

        def on_trials(self, trials: tuple[Any, ...]) -> None:
            stop_if_asked()
            self.trials = trials
            if not console.is_terminal:
                for trial in trials:
                    if trial.state != "running" and trial.number not in shown:
                        shown.add(trial.number)
                        console.print("  ".join(self.row(trial)), markup=False, soft_wrap=True)
            self.draw()

        def row(self, trial: Any) -> list[str]:
            so_far = [t.score for t in self.trials if t.state == "done" and t.number <= trial.number]
            first = next((t.number for t in self.trials if trial.again and t.settings == trial.settings), None)
            took = "" if trial.seconds is None else f"{trial.seconds:.0f} s"
            return [
                f"trial {trial.number}",
                trial.state,
                f"{trial.score:.3f}" if trial.epochs else "",
                f"best {max(so_far):.3f}" if so_far else "",
                f"epoch {trial.epochs}/{self.epochs}",
                took,
                "" if first is None else f"as trial {first}, seed + {trial.again}",
                plain(trial.reason),
            ]

        def draw(self) -> None:
            self.drawn = time.monotonic()
            table = Table.grid(padding=(0, 2))
            for trial in self.trials[-12:]:
                table.add_row(*self.row(trial))
            live.update(Group(table, f"{self.left()}{self.step}"), refresh=True)

        def left(self) -> str:
            ended = [t.seconds for t in self.trials if t.seconds is not None and t.state != "lost"]
            seconds = [] if minutes is None else [minutes * 60 - (time.monotonic() - began)]
            if self.most is not None and ended:
                seconds.append((self.most - len(ended)) * sum(ended) / len(ended))
            trials = f"{len(ended)} trials" if self.most is None else f"{len(ended)} of {self.most} trials"
            return f"{trials}, about {duration(max(0, min(seconds)))} left; " if seconds else f"{trials}; "

    with live, stoppable() as stop_if_asked:
        yield Screen()
