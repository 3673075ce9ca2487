"""`clothes evaluate`, `compare` and `plot`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.cli.options import AsJson
from clothes.cli.output import note, note_skipped, print_files, print_json, print_table, quote
from clothes.cli.pictures import draw_confusion, draw_run
from clothes.cli.progress import progress_bars
from clothes.errors import MissingExtraError
from clothes.system.text import plain

app = typer.Typer(rich_markup_mode=None)

_DIFFERENCES_SHOWN = 20
_MOST_COLUMNS = 20  # of a confusion matrix in a terminal
_SIGNIFICANT = 0.05


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE", help="A run folder or a bundle.")],
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Class folders to test on. [default: the test part of the run]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for results on --photos. [default: evaluations/<date>-<time>]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure accuracy per class on photos the model never saw.

    Example: clothes evaluate runs/shirts
    """
    from clothes.inference.run import stamp

    if photos is None and out is not None:
        raise typer.BadParameter("needs --photos; results on the test part stay in the run", param_hint="--out")
    if photos is None:
        folder = model if (model / "run.json").exists() else model.resolve().parent
    else:
        folder = out or Path("evaluations") / stamp()
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
        print_json(result.to_dict())
        return
    render_evaluation(result)
    note_skipped(result.skipped, where=str(folder / "evaluation.json"))
    print()
    files = {"numbers": folder / "evaluation.json", "answers": folder / "predictions.csv"}
    print_files(files | {path.stem: path for path in pictures})
    print(f"Next, open the web page:  clothes serve --model {quote(model)}")


def render_evaluation(result: "clothes.Evaluation") -> None:
    """Prints the measures per class, the confusion matrix and the accuracy."""
    from clothes.inference.confidence import percent

    measures = ("precision", "recall", "f1", "photos")
    rows = [[name, *(_number(found[measure]) for measure in measures)] for name, found in result.per_class.items()]
    print_table(["class", *measures], rows)
    if len(result.classes) <= _MOST_COLUMNS:
        print()
        render_confusion(result)
    low, high = result.interval
    interval = f"95 % interval {percent(low)} to {percent(high)}, {result.photos:,} photos"
    print(f"\naccuracy           {percent(result.accuracy)}  ({interval})")
    print(f"loss               {result.loss:.3f}")
    print(f"calibration error  {result.ece:.3f}")
    print(f"not sure           {percent(1 - result.known)} of the photos")
    if result.others_known is not None:
        print(f"other things       {percent(result.others_known)} of {result.others:,} accepted as one of the classes")


def render_confusion(result: "clothes.Evaluation") -> None:
    """Prints the confusion matrix: a row per true class, a column per answer."""
    numbered = [f"{i} {name}" for i, name in enumerate(result.classes, 1)]
    rows = [[name, *(count or "." for count in row)] for name, row in zip(numbered, result.confusion, strict=True)]
    print_table(["true class, answers in columns", *map(str, range(1, len(numbered) + 1))], rows)


def _number(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run, or the --out folder of `clothes evaluate`.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one, evaluated on the same photos.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs on the same test photos.

    Shows which run is better and whether the difference may be chance (McNemar's exact test).

    Example: clothes compare runs/first runs/second
    """
    result = clothes.compare(first, second)
    if as_json:
        print_json(result.to_dict())
    else:
        render_comparison(result, (str(first), str(second)))


def render_comparison(result: "clothes.Comparison", names: tuple[str, str]) -> None:
    """Prints the accuracy of two runs, the test of their difference and the photos with different answers."""
    from clothes.inference.confidence import percent

    rows = [
        [name, percent(accuracy), f"{percent(low)} to {percent(high)}", only]
        for name, accuracy, (low, high), only in zip(
            names, result.accuracy, result.interval, (result.only_first, result.only_second), strict=True
        )
    ]
    print_table(["run", "accuracy", "95 % interval", "only this one right"], rows)
    print(
        f"\n{result.photos} photos: both right on {result.both_right}, both wrong on {result.both_wrong}; "
        f"different answers to {len(result.differences)}."
    )
    print(plain(f"McNemar's exact test: p = {result.p:.3g}. {_verdict(result, names)}"))
    if result.differences:
        print()
        shown = result.differences[:_DIFFERENCES_SHOWN]
        print_table(["photo", "truth", *names], [[d.photo, d.truth, d.first, d.second] for d in shown])
    if (more := len(result.differences) - _DIFFERENCES_SHOWN) > 0:
        note(f"... and {more} more: --json lists all")
    if result.left_out:
        note(f"{result.left_out} photos are left out: only one of the runs was tested on them.")


def _verdict(result: "clothes.Comparison", names: tuple[str, str]) -> str:
    if result.only_first == result.only_second:
        return "Neither run is better."
    better = names[result.only_second > result.only_first]
    if result.p < _SIGNIFICANT:
        return f"{better} is better; chance alone seldom gives this difference."
    return f"{better} did better, but this may be chance; more test photos would tell."


class PictureFormat(StrEnum):
    png = "png"
    svg = "svg"


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    picture_format: Annotated[PictureFormat, typer.Option("--format", help="What to write.")] = PictureFormat.png,
) -> None:
    """Draw the history and the confusion matrix of a run again.

    Example: clothes plot runs/shirts --format svg
    """
    for path in draw_run(run, picture_format.value):
        print(path)
