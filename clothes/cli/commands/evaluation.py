"""`clothes evaluate` and `clothes compare`."""

import os
from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.cli.options import AsJson
from clothes.cli.output import note, note_photos, note_skipped, show, show_files, show_json, show_result, show_table
from clothes.cli.progress import progress_bars
from clothes.errors import MissingExtraError
from clothes.report.run_plots import draw_confusion, draw_run
from clothes.system.dated_folders import claim_folder, stamp
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

app = typer.Typer(rich_markup_mode=None)

_DIFFERENCES_SHOWN = 20
_MOST_COLUMNS = 20  # of a confusion matrix in a terminal


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
    from clothes.evaluation.results import write_evaluation
    from clothes.inference.run import Run

    folder = out or Path("evaluations") / stamp()
    if photos is None:
        if out is not None:
            raise typer.BadParameter("needs --photos; results on the test part stay in the run", param_hint="--out")
        folder = model if (model / "run.json").exists() else Path(os.path.realpath(model)).parent
        if (folder / "run.json").exists():
            note_photos(Run.open(folder))
    with progress_bars() as bars:
        result = clothes.evaluate(model, photos=photos, out=out, progress=bars.to("Evaluating"))
    if photos is not None and out is None:
        folder = claim_folder(folder)
        write_evaluation(folder, result)
    try:
        pictures = draw_run(folder, "png") if photos is None else [draw_confusion(folder, "png")]
    except MissingExtraError as error:
        note(f"No pictures: {error}")
        pictures = []
    if as_json:
        show_json(result.to_dict())
        return
    render_evaluation(result)
    note(*result.notes)
    note_skipped(result.skipped, where=str(folder / "evaluation.json"))
    show("")
    files = {"numbers": folder / "evaluation.json", "answers": folder / "predictions.csv"}
    show_files(files | {path.stem: path for path in pictures})
    show(f"Next, open the web page:  clothes serve --model {quote(model)}")


def render_evaluation(result: "clothes.Evaluation") -> None:
    from clothes.inference.confidence import percent

    rows: list[list[object]]
    measures = ("precision", "recall", "f1", "photos")
    rows = [[name, *(_number(found[measure]) for measure in measures)] for name, found in result.per_class.items()]
    show_table(["class", *measures], rows)
    if len(result.classes) <= _MOST_COLUMNS:
        show("")
        numbered = [f"{i} {name}" for i, name in enumerate(result.classes, 1)]
        rows = [[i, *(n or "." for n in row)] for i, row in zip(numbered, result.confusion, strict=True)]
        show_table(["true class, answers in columns", *map(str, range(1, len(numbered) + 1))], rows)
    low, high = result.interval
    interval = f"95 % interval {percent(low)} to {percent(high)}, {counted(result.photos, 'photo')}"
    show(
        "",
        f"accuracy           {percent(result.accuracy)}  ({interval})",
        f"loss               {result.loss:.3f}",
        f"calibration error  {result.ece:.3f}",
        f"not sure           {percent(1 - result.known)} of the photos",
    )
    if result.others_known is not None:
        show(f"other things       {percent(result.others_known)} of {result.others:,} accepted as one of the classes")


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
    show_result(result, lambda found: render_comparison(found, (str(first), str(second))), as_json)


def render_comparison(result: "clothes.Comparison", names: tuple[str, str]) -> None:
    from clothes.inference.confidence import percent

    rows = [
        [name, percent(accuracy), f"{percent(low)} to {percent(high)}", only]
        for name, accuracy, (low, high), only in zip(
            names, result.accuracy, result.interval, (result.only_first, result.only_second), strict=True
        )
    ]
    show_table(["run", "accuracy", "95 % interval", "only this one right"], rows)
    show(
        "",
        f"{counted(result.photos, 'photo')}: both right on {result.both_right}, both wrong on {result.both_wrong}; "
        f"different answers to {len(result.differences)}.",
        f"McNemar's exact test: p = {result.p:.3g}. {_verdict(result, names)}",
    )
    if result.differences:
        show("")
        shown = result.differences[:_DIFFERENCES_SHOWN]
        show_table(["photo", "truth", *names], [[d.photo, d.truth, d.first, d.second] for d in shown])
    if (more := len(result.differences) - _DIFFERENCES_SHOWN) > 0:
        note(f"... and {more} more: --json lists all")
    if result.left_out:
        note(f"Left out: {counted(result.left_out, 'photo')} that only one of the runs was tested on.")


def _verdict(result: "clothes.Comparison", names: tuple[str, str]) -> str:
    if result.only_first == result.only_second:
        return "Neither run is better."
    better = names[result.only_second > result.only_first]
    if result.is_significant:
        return f"{better} is better; chance alone seldom gives this difference."
    return f"{better} did better, but this may be chance; more test photos would tell."
