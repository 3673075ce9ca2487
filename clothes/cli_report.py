"""The command `clothes report`: what a result is worth, and why."""

from pathlib import Path
from typing import Annotated

import typer

from clothes.console import needs, progress_bars


def report(run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was evaluated.")]) -> None:
    """Write one page that says how good a run is, where it fails and why; it needs no network.

    Example: clothes report runs/shirts
    """
    from clothes.runs import Run

    with needs("The report"):
        from clothes.report import write_report
    with progress_bars() as bars:
        print(write_report(Run.open(run), progress=bars.show))
