"""`clothes plot`, `report` and `look`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from clothes.cli.options import AsJson, ModelOption, require
from clothes.cli.output import note_photos, show, show_files, show_json
from clothes.cli.progress import progress_bars
from clothes.config import QUICK
from clothes.errors import RunError
from clothes.report.run_plots import draw_run
from clothes.system.terminal_text import quote

app = typer.Typer(rich_markup_mode=None)


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    picture_format: Annotated[Literal["png", "svg"], typer.Option("--format", help="The format of the plots.")] = "png",
) -> None:
    """Draw the history and the confusion matrix of a run again.

    Example: clothes plot runs/shirts --format svg
    """
    if not (drawn := draw_run(run, picture_format)):
        raise RunError(
            f"There is nothing to draw: {run} is a quick model without epochs, and has not been evaluated yet. "
            f"Evaluate it first: clothes evaluate {quote(run)}"
        )
    show(*drawn)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="An evaluated run folder.")],
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train on 25, 50 and 75 % of the photos for the true learning curve.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a page: how good a run is, and what to improve.

    The page shows where the run fails, why, and what to photograph next. It works offline.
    With --retrain, the same command continues a stopped training.

    Example: clothes report runs/shirts
    """
    from clothes.evaluation.results import read_evaluation
    from clothes.inference.run import Run

    opened = Run.open(run)
    read_evaluation(opened.path)  # an error here comes before the long training
    require("The report", *([] if opened.config.model.architecture == QUICK else ["train"]), "report")
    note_photos(opened)
    from clothes.report.report_page import write_report

    curve = None
    if retrain:
        from clothes.cli.live_display import training_display
        from clothes.evaluation.learning_curve import retrained_curve

        curve = retrained_curve(opened, watching=training_display)
    with progress_bars() as bars:
        written = write_report(opened, curve=curve, progress=bars.show)
    if as_json:
        show_json({"report": str(written.path), "advice": written.advice and written.advice.to_dict()})
        return
    if written.advice:
        show("What to photograph next:", *(f"- {line}" for line in written.advice.lines()), "")
    show_files({"report": written.path})


@app.command()
def look(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photo.")],
    model: ModelOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="The page to write, a new file. [default: PHOTO-layers.html]"),
    ] = None,
) -> None:
    """Show what each layer of the network sees in a photo.

    Writes a page that works offline.

    Example: clothes look shirt.jpg --model runs/shirts
    """
    from clothes.inference.classifier import BUNDLED
    from clothes.report.activations_page import write_look

    page = out or Path(f"{photo.stem}-layers.html")
    write_look(photo, model=model or BUNDLED, out=page)
    show(page)
