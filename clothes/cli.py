"""The commands: parse, call, print. The only place that prints or exits.

Results go to stdout, notes and progress to stderr.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

import clothes
from clothes.errors import ClothesError, MissingExtraError, PhotoError, PhotosError
from clothes.terminal import columns, padded, plain

if TYPE_CHECKING:
    from clothes.evaluation import Evaluation
    from clothes.folders import Skipped
    from clothes.training import Watcher

T = TypeVar("T")

app = typer.Typer(
    name="clothes",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
PhotosFolder = Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder with one folder of photos per class.")]
ModelOption = Annotated[
    Path | None, typer.Option("--model", metavar="BUNDLE", help="A bundle or run folder. [default: the newest here]")
]


def main() -> NoReturn:
    """The command line: exit status 0 when all went well, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):  # names of files may be in any script, or in none
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
        if status == 130:  # where Typer caught the Ctrl-C
            note("Stopped.")
    except ClothesError as error:
        note(f"Error: {error}")
        status = 1
    except (typer.Abort, KeyboardInterrupt):
        note("Stopped.")
        status = 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as in `clothes predict ... | head`
        status = 0
    except OSError as error:
        note(f"Error: {error.filename}: {error.strerror}." if error.filename else f"Error: {error}.")
        status = 1
    except Exception as error:
        show = getattr(error, "show", None)  # click's own usage errors
        if show is None:
            raise
        show()
        status = getattr(error, "exit_code", 2)
    sys.exit(status if isinstance(status, int) else 0)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"clothes {clothes.__version__}")
        raise typer.Exit


@app.callback()
def everything(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a pile of photos of clothes to a recogniser you can trust. Start with: clothes demo"""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where it goes; a folder in use is left alone.")] = Path(
        "clothes-demo"
    ),
) -> None:
    """The whole way on 2,000 starter pictures, in about a minute, offline.

    Example: clothes demo
    """
    from clothes.prediction import percent

    with needs("train", "The demo"):
        from clothes.demo import free_folder, is_interrupted, run_demo
    folder = free_folder(out)
    if folder != out:
        note(f"{out} is in use and stays as it is.")
    if is_interrupted(folder):
        note(f"Going on with the demo in {folder}.")
    else:
        note(f"2,000 pictures of Fashion-MNIST go into {folder / 'photos'}; then check, split, train, evaluate.")
    try:
        with watching() as watcher:
            result = run_demo(folder, watcher=watcher, on_check=lambda report: note(f"{report}\n"))
    except (typer.Abort, OSError):
        note(f"Go on with:  clothes demo --out {quote(folder)}")
        raise
    pictures = draw_run(result.run.path, "png")
    print_evaluation(result.evaluation)
    print()
    for truth, answer in result.answers:
        print(f"{answer.photo}: {answer.label} {percent(answer.confidence)} (in truth: {truth})")
    print()
    print_files(
        {
            "photos and split": folder / "photos",
            "model": result.run.path / "bundle",
            "accuracy and val_accuracy": pictures[0],
            "confusion matrix": pictures[1],
            "every test photo's answer": result.run.path / "predictions.csv",
        }
    )
    low, high = result.evaluation.interval
    print(
        f"\nTest accuracy {percent(result.evaluation.accuracy)} (95 % interval {percent(low)} to {percent(high)}) on "
        f"{result.evaluation.photos} pictures the model never saw."
    )
    print(f"Open the web page with:  clothes serve --model {quote(result.run.path / 'bundle')}")


class DataSet(StrEnum):
    fashion_mnist = "fashion-mnist"
    clothing_small = "clothing-small"


@app.command()
def data(
    name: Annotated[DataSet, typer.Argument(help="Which data set.")],
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Where it goes. [default: data/NAME]")] = None,
    source: Annotated[Path | None, typer.Option("--from", metavar="PATH", help="A local copy, used if given.")] = None,
) -> None:
    """A public data set as class folders, from a local copy or its publisher.

    Example: clothes data clothing-small --to photos
    """
    from clothes import public_data

    fetch = public_data.fashion_mnist if name is DataSet.fashion_mnist else public_data.clothing_small
    with progress_bars() as bars:
        folder = fetch(to or Path("data") / name.value, source=source, progress=bars.to(f"Getting {name.value}"))
    print(folder)
    note(f"Next:  clothes check {quote(folder)}")


@app.command()
def check(photos: PhotosFolder, as_json: AsJson = False) -> None:
    """What is wrong with a folder of photos: unreadable, tiny, duplicate, imbalanced. Changes nothing.

    Example: clothes check photos
    """
    with progress_bars() as bars:
        report = clothes.check(photos, progress=bars.to("Looking at the photos"))
    print(to_json(report.to_json()) if as_json else report)
    if not as_json:
        note(f"Next:  clothes split {quote(photos)}")


@app.command()
def split(
    photos: PhotosFolder,
    ratios: Annotated[
        str | None, typer.Option(help="Train, test and validation in percent. [default: 70/20/10]")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, another split. [default: 0]")] = None,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="photo,group: photos of a group (person, shop) stay on one side."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: PHOTOS/split.csv]")] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also copy the photos into train/, test/ and validation/ here.")
    ] = None,
    pool: Annotated[bool, typer.Option("--pool", help="Split anew even where train/ and test/ folders exist.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a split that is there.")] = False,
) -> None:
    """Divide photos 70/20/10 into train, test and validation, look-alikes kept together.

    Photos added later are divided too, and the others keep the part they have.

    Example: clothes split photos --groups people.csv
    """
    from clothes.config import SplitConfig
    from clothes.splits import PARTS, Split, copy_parts

    path = out or photos / "split.csv"
    there = os.path.exists(path)  # noqa: PTH110 - Path's raises in a locked folder
    previous = Split.read(path, photos) if there and not overwrite else None
    asked = ratios is not None or seed is not None
    with progress_bars() as bars:
        result = clothes.split(
            photos,
            config=SplitConfig.from_ratios(ratios or "70/20/10", seed=seed or 0) if asked else None,
            groups=groups,
            pool=pool,
            previous=previous,
            progress=bars.to("Looking at the photos"),
        )
    if copy_to is not None:
        copy_parts(result, copy_to)
    result.write(path, overwrite=True)
    counts = result.counts()
    table = [[name, *(counts[part].get(name, 0) for part in PARTS)] for name in result.classes]
    table.append(["all", *(sum(counts[part].values()) for part in PARTS)])
    print_table(["class", *PARTS], table)
    print()
    for line in result.notes:
        print(line)
    note_skipped(result.skipped)
    print_files({"split": path} | ({"copies": copy_to} if copy_to else {}))
    note(f"Next:  clothes train {quote(photos)}" + (f" --split {quote(out)}" if out else ""))


@app.command()
def train(
    photos: PhotosFolder,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="[default: runs/<date>-<time>]")] = None,
    model: Annotated[str | None, typer.Option(help="The network's architecture. [default: sequential]")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Settings, such as a run's config.json.")
    ] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split", metavar="FILE", help="[default: PHOTOS/split.csv, made if missing]")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(metavar="N", help="Pixels; photos are fitted into a square.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="At most so many times through the photos.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the training; never changes the split.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
) -> None:
    """Train the CNN and write a run folder: the bundle that predicts, history and plots.

    Example: clothes train photos --epochs 40
    """
    from clothes.config import Config
    from clothes.prediction import percent

    changes: dict[str, dict[str, Any]] = {
        "model": {"architecture": model, "image_size": image_size},
        "train": {"epochs": epochs, "seed": seed},
    }
    with needs("train", "Training"):
        from clothes.training import train as train_run

    watcher: Any = None
    try:
        with watching() as watcher:
            run = train_run(
                photos,
                out=out,
                config=Config.read(config) if config else None,
                changes=changes,
                split=split_file,
                resume=resume,
                overwrite=overwrite,
                watcher=watcher,
            )
    except (typer.Abort, OSError):
        place = watcher.run.path if watcher and watcher.run else out if resume else None
        if place is not None:
            note(f"Go on with:  clothes train {quote(photos)} --out {quote(place)} --resume")
        raise
    if watcher.run is None:
        note(f"{run.path} was finished already, on {run.info['finished']}. Nothing was trained.")
    pictures = draw_run(run.path, "png")
    validation = run.bundle.info["metrics"]["validation"]
    low, high = validation["interval"]
    print_files({"model": run.path / "bundle", "history": run.path / "history.csv", "plot": pictures[0]})
    print(
        f"Validation accuracy {percent(validation['accuracy'])} (95 % interval {percent(low)} to {percent(high)}), "
        f"epoch {run.bundle.info['epochs']['best']} of {run.bundle.info['epochs']['trained']}. It chose the epoch, "
        "so it flatters."
    )
    print(f"Next, the honest number:  clothes evaluate {quote(run.path)}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE", help="A run folder or a bundle.")],
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Class folders to test on. [default: the run's test part]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results on --photos go. [default: evaluations/<date>-<time>]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure accuracy with its 95 % interval, per class, on photos the model never saw.

    Example: clothes evaluate runs/shirts
    """
    if photos is None and out is not None:
        raise typer.BadParameter("goes with --photos; a run keeps its own test part's results", param_hint="--out")
    folder = model if (model / "run.json").exists() else model.resolve().parent
    if photos is not None:
        folder = out or Path("evaluations") / datetime.now().strftime("%Y%m%d-%H%M%S")
    with progress_bars() as bars:
        result = clothes.evaluate(
            model, photos=photos, out=None if photos is None else folder, progress=bars.to("Evaluating")
        )
    try:
        pictures = draw_run(folder, "png") if photos is None else [draw_confusion(folder, "png")]
    except MissingExtraError as error:
        note(f"No pictures: {error}")
        pictures = []
    if as_json:
        print(to_json(result.to_dict()))
        return
    print_evaluation(result)
    note_skipped(result.skipped, where=str(folder / "evaluation.json"))
    print()
    files = {"numbers": folder / "evaluation.json", "answers": folder / "predictions.csv"}
    print_files(files | {path.stem: path for path in pictures})
    print(f"Next, the web page:  clothes serve --model {quote(model)}")


@app.command()
def predict(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="Photos, folders, globs; - reads a list.")],
    model: ModelOption = None,
    top: Annotated[int | None, typer.Option(metavar="K", min=1, help="How many answers a photo. [default: 3]")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what photos show.

    Example: clothes predict shirt.jpg "summer/*.jpg" --top 1
    """
    from clothes.prediction import load, newest_bundle, percent

    if model is None:
        model = newest_bundle()
        note(f"Model: {model}")
    classifier = load(model)
    failed = False
    paths, skipped = find_photos(photos)
    note_skipped(skipped)
    if not paths:
        raise PhotosError(f"No photo in {', '.join(photos)}. Name photos, folders of photos, or - for a list on stdin.")
    for answer in with_progress(classifier.predict_many(paths), "Looking at the photos", len(paths)):
        if isinstance(answer, PhotoError):
            failed = True
            if as_json:
                print(json.dumps({"photo": answer.photo, "error": answer.reason}, ensure_ascii=False))
            else:
                note(f"Error: {answer}")
            continue
        if as_json:
            scores = dict(list(answer.scores.items())[:top])
            line = {"photo": answer.photo, "label": answer.label, "confidence": answer.confidence, "scores": scores}
            print(json.dumps(line, ensure_ascii=False))
        else:
            best = list(answer.scores.items())[: top or 3]
            print(plain(f"{answer.photo}: " + ", ".join(f"{name} {percent(score)}" for name, score in best)))
    if failed:
        raise typer.Exit(1)


@app.command()
def info(bundle: Annotated[Path, typer.Argument(metavar="BUNDLE")], as_json: AsJson = False) -> None:
    """What a bundle is: classes, size, accuracy, dates, versions, what it was made from.

    Example: clothes info runs/shirts/bundle
    """
    from clothes.bundles import read_bundle
    from clothes.prediction import percent

    found = read_bundle(bundle)
    about = found.info
    if as_json:
        print(to_json(about))
        return
    size = sum(path.stat().st_size for path in found.path.iterdir() if path.is_file())
    photos, epochs = about.get("photos", {}), about.get("epochs", {})
    rows = [
        ("name", about.get("name", "")),
        ("made", about.get("created", "")),
        ("classes", f"{len(found.classes)}: {', '.join(found.classes)}"),
        ("pictures", f"{found.image_size} x {found.image_size} pixels"),
        ("made from", ", ".join(f"{count} {part}" for part, count in photos.items()) + " photos"),
        ("photos' hash", about.get("fingerprint", "")[:16]),
        ("network", about.get("config", {}).get("model", {}).get("architecture", "")),
        ("training", f"{epochs.get('trained')} epochs, the best {epochs.get('best')}, seed {about.get('seed')}"),
    ]
    for part, result in about.get("metrics", {}).items():
        low, high = result["interval"]
        text = f"{percent(result['accuracy'])} ({percent(low)} to {percent(high)}) on {result['photos']} photos"
        rows.append((f"{part} accuracy", text))
    if "test" not in about.get("metrics", {}):
        rows.append(("test accuracy", "not measured yet: clothes evaluate"))
    rows.append(("size", f"{size / 1e6:.1f} MB in {found.path}"))
    rows.append(("versions", ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())))
    for name, value in rows:
        print(f"{name:20} {value}")


@app.command()
def serve(
    model: ModelOption = None,
    host: Annotated[str, typer.Option(help="0.0.0.0 opens the page to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 7860,
    auth: Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Ask for a password.")] = None,
) -> None:
    """Open the web page: drop a photo, read what it is.

    Example: clothes serve --model runs/shirts/bundle
    """
    user, colon, password = (auth or "").partition(":")
    if auth is not None and not (user and colon and password):
        raise typer.BadParameter("must look like USER:PASSWORD", param_hint="--auth")
    if model is None:
        from clothes.prediction import newest_bundle

        model = newest_bundle()
    classifier = clothes.load(model)
    note(f"Model: {classifier.path}")
    if host not in ("127.0.0.1", "localhost", "::1") and auth is None:
        note("Anyone who reaches this machine can use the page. Ask for a password with --auth USER:PASSWORD.")
    with needs("serve", "The web page"):
        from clothes.app import launch
    launch(
        classifier,
        host=host,
        port=port,
        auth=(user, password) if auth else None,
        on_ready=lambda url: print(f"The page is open at {url}  (Ctrl-C ends it)", flush=True),
    )


class PictureFormat(StrEnum):
    png = "png"
    svg = "svg"


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    picture_format: Annotated[PictureFormat, typer.Option("--format", help="What to write.")] = PictureFormat.png,
) -> None:
    """Draw a run's history and confusion matrix again.

    Example: clothes plot runs/shirts --format svg
    """
    for path in draw_run(run, picture_format.value):
        print(path)


# --- below: how things are printed ---


def note(text: str) -> None:
    print(*map(plain, text.split("\n")), sep="\n", file=sys.stderr, flush=True)


def quote(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


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
    from clothes.prediction import percent

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

    from clothes.folders import list_photos

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
    from clothes import plots
    from clothes.runs import Run

    run = Run.open(path)
    drawn = [plots.save(plots.history(run.history), run.path / f"history.{ending}")]
    if (run.path / "evaluation.json").exists():
        drawn.append(draw_confusion(run.path, ending))
    return drawn


def draw_confusion(folder: Path, ending: str) -> Path:
    """Writes the picture of the evaluation in a folder."""
    from clothes import plots
    from clothes.evaluation import read_evaluation
    from clothes.prediction import percent

    result = read_evaluation(folder)
    title = f"{percent(result['accuracy'])} of {result['photos']} test photos right"
    matrix = plots.confusion(result["classes"], result["confusion"], title=title)
    return plots.save(matrix, folder / f"confusion.{ending}")


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turns a missing package into the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "clothes").partition(".")[0]
        if module == "clothes":
            raise
        if module in clothes._EXTRAS:
            raise MissingExtraError(extra, what) from None
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
def progress_bars() -> Iterator[Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bars(progress)


@contextmanager
def watching() -> "Iterator[Watcher]":
    """Shows a training: a bar for its photos and its steps, and a line for each epoch. Ctrl-C ends it with an Abort.

    Python drops one that comes while a weak reference is cleared, of which TensorFlow has many: it is sent again. And
    TensorFlow's own C code makes a SystemError of one in a hundred.
    """
    import signal
    from _thread import interrupt_main
    from threading import Timer

    from clothes.training import Watcher

    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    def send_again(event: Any) -> None:
        if event.exc_type is KeyboardInterrupt:
            Timer(0.05, interrupt_main).start()
        else:
            before(event)

    with progress_bars() as bars:

        class Screen(Watcher):
            run: Any = None
            epochs = 0
            best = -1.0

            def on_progress(self, stage: str, done: int, total: int) -> None:
                titles = {"look": "Looking at the photos", "decode": "Decoding once", "train": "Training"}
                bars.show(titles[stage], done, total)

            def on_start(self, run: Any, config: Any, split: Any) -> None:
                self.run, self.epochs = run, config.train.epochs
                counts = {part: sum(found.values()) for part, found in split.counts().items()}
                photos = ", ".join(f"{count} {part}" for part, count in counts.items())
                self.say(f"{len(split.classes)} classes; {photos} photos. The run goes into {run.path}.")
                for line in split.notes:
                    self.say(line)
                note_skipped(split.skipped)

            def on_epoch(self, row: dict[str, float]) -> None:
                mark = ""
                if row["val_accuracy"] > self.best:
                    self.best, mark = row["val_accuracy"], "  best"
                self.say(
                    f"epoch {row['epoch']:.0f}/{self.epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}  "
                    f"val_loss {row['val_loss']:.3f}  val_accuracy {row['val_accuracy']:.3f}  "
                    f"{row['seconds']:.1f} s{mark}"
                )

            def say(self, text: str) -> None:
                bars.progress.console.print(text, markup=False, emoji=False, soft_wrap=True)

        before, sys.unraisablehook = sys.unraisablehook, send_again
        handler = signal.getsignal(signal.SIGINT)
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
        try:
            yield Screen()
        except BaseException as error:
            if interrupted or isinstance(error, KeyboardInterrupt):
                raise typer.Abort from None  # Typer ends a KeyboardInterrupt without a word
            raise
        finally:
            if handler is signal.default_int_handler:
                signal.signal(signal.SIGINT, handler)
            sys.unraisablehook = before
