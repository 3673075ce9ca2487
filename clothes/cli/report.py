"""The commands `clothes report` and `look`: what a result is worth, why, what to do next, and what the layers see."""

from pathlib import Path
from typing import Annotated

import typer

from clothes.cli.output import AsJson, ModelOption, needs, print_files, progress_bars, to_json, watching
from clothes.system.text import plain


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was evaluated.")],
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train on 25, 50 and 75 % of the photos for the true learning curve.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write one page that says how good a run is, where it fails, why, and what to photograph next.

    The page needs no network. With --retrain the same command goes on where it was stopped.

    Example: clothes report runs/shirts
    """
    from clothes.evaluation.results import read_evaluation
    from clothes.inference.run import Run

    opened = Run.open(run)
    read_evaluation(opened.path)  # before a long training
    with needs("The report"):
        from clothes.evaluation.learning_curve import retrained_curve
        from clothes.report.report_page import write_report
    curve = retrained_curve(opened, watching=watching) if retrain else None
    with progress_bars() as bars:
        written = write_report(opened, curve=curve, progress=bars.show)
    if as_json:
        advice = written.advice and written.advice.to_dict()
        print(to_json({"report": str(written.path), "advice": advice}))
        return
    if written.advice:
        print("What to photograph next:")
        for line in written.advice.lines():
            print(plain(f"- {line}"))
        print()
    print_files({"report": written.path})


def look(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photo.")],
    model: ModelOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A new file. [default: PHOTO-layers.html, here]")
    ] = None,
) -> None:
    """Show what each layer of the network sees in a photo, from edges to parts, as a page that needs no network.

    The model is one of yours, whose weights are there: the one in the box has none.

    Example: clothes look shirt.jpg --model runs/shirts
    """
    from clothes.inference.classifier import BUNDLED

    with needs("Looking at layers"):
        from clothes.report.activations_page import write_look
    page = out or Path(f"{photo.stem}-layers.html")
    write_look(photo, model=model or BUNDLED, out=page)
    print(page)
