"""The plots of a run folder, beside the files that they show. Imports no plotting library before it draws."""

from pathlib import Path
from typing import TYPE_CHECKING

from clothes.config import QUICK

if TYPE_CHECKING:
    from clothes.training.search.results import Tuning
from clothes.system.plurals import counted


def draw_run(path: Path, ending: str) -> list[Path]:
    """Draws the history of a run and, if it was evaluated, its confusion matrix."""
    from clothes.inference.run import Run
    from clothes.report import plots

    run = Run.open(path)
    drawn = []
    if run.config.model.architecture != QUICK:  # which has no epochs
        drawn.append(plots.save(plots.history(run.history), run.path / f"history.{ending}"))
    if (run.path / "evaluation.json").exists():
        drawn.append(draw_confusion(run.path, ending))
    return drawn


def draw_confusion(folder: Path, ending: str) -> Path:
    """Draws the confusion matrix of an evaluation."""
    from clothes.evaluation.results import read_evaluation
    from clothes.inference.confidence import percent
    from clothes.report import plots

    result = read_evaluation(folder)
    title = f"Accuracy {percent(result['accuracy'])} on {counted(result['photos'], 'test photo')}"
    matrix = plots.confusion(result["classes"], result["confusion"], title=title)
    return plots.save(matrix, folder / f"confusion.{ending}")


def draw_search(result: "Tuning") -> Path:
    """Draws the scores of the trials and the importance of each setting."""
    from clothes.report import plots

    kinds = {"done": "completed", "pruned": "pruned"}
    scores = [(t.number, t.score, "repeated" if t.again else kinds[t.state]) for t in result.trials if t.state in kinds]
    drawn = plots.search(scores, result.importance, default=result.default.score if result.default else None)
    return plots.save(drawn, result.path / "search.png")
