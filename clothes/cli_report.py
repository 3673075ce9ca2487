"""The command `clothes report`: what a result is worth, why, and what to do next."""

from pathlib import Path
from typing import Annotated

import typer

from clothes.console import AsJson, needs, print_files, progress_bars, to_json, watching
from clothes.terminal import plain


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
    from clothes.evaluation import read_evaluation
    from clothes.runs import Run

    opened = Run.open(run)
    read_evaluation(opened.path)  # before a long training
    with needs("The report"):
        from clothes.learning_curve import true_curve
        from clothes.report import write_report
    curve = true_curve(opened, watching=watching) if retrain else None
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
