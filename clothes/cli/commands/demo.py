"""`clothes demo`: every step on the starter pictures, as a user would write it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import clothes
from clothes.cli.commands.evaluation import render_evaluation
from clothes.cli.options import require
from clothes.cli.output import note, show, show_files
from clothes.cli.signals import hint_if_stopped
from clothes.report.run_plots import draw_run
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.training.callbacks import TrainingCallback

app = typer.Typer(rich_markup_mode=None)
_EPOCHS = 15  # half of the default for pictures of this size: twice as many take two thirds longer, and hardly help


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")] = Path("clothes-demo"),
) -> None:
    """Try every step on 2,000 small pictures: a minute, offline.

    Example: clothes demo
    """
    require("The demo", "train", "report")
    from clothes.cli.live_display import training_display

    folder = free_folder(out)
    if folder != out:
        note(f"{out} is in use and stays as it is.")
    if is_interrupted(folder):
        note(f"Continuing the demo in {folder}.")
    else:
        note(f"2,000 pictures of Fashion-MNIST go into {folder / 'photos'}; then check, split, train, evaluate.")
    hint = f"Continue with:  clothes demo --out {quote(folder)}"
    with hint_if_stopped(lambda: hint), training_display() as display:
        run, evaluation = run_steps(folder, display)
    render_demo(run, evaluation, folder)


def run_steps(out: Path, callback: "TrainingCallback") -> "tuple[clothes.Run, clothes.Evaluation]":
    """Runs check, split, train and evaluate on the starter pictures in `out`. Continues an interrupted demo."""
    from clothes.collection.public_datasets import starter

    photos = starter(out / "photos")
    note(*f"{clothes.check(photos)}\n".split("\n"))
    clothes.split(photos).write(photos / "split.csv")
    resume = (out / "run" / "run.json").exists()
    config = None if resume else clothes.Config.for_photos(28).changed({"train": {"epochs": _EPOCHS}})
    run = clothes.train(photos, out=out / "run", config=config, resume=resume, callback=callback)
    return run, clothes.evaluate(run.path)


def render_demo(run: "clothes.Run", evaluation: "clothes.Evaluation", folder: Path) -> None:
    from clothes.inference.confidence import percent

    render_evaluation(evaluation)
    classifier, test = clothes.load(run.path), run.split.part("test")
    show("")
    for row in (test[0], test[len(test) // 2]):
        answer = classifier.predict(folder / "photos" / row.photo)
        show(f"{answer.photo}: {answer.label} {percent(answer.confidence)} (true class: {row.label})")
    show("")
    history, confusion = draw_run(run.path, "png")
    show_files(
        {
            "photos and split": folder / "photos",
            "model": run.path / "bundle",
            "accuracy and val_accuracy": history,
            "confusion matrix": confusion,
            "answer to each test photo": run.path / "predictions.csv",
        }
    )
    low, high = evaluation.interval
    show(
        "",
        f"Test accuracy {percent(evaluation.accuracy)} (95 % interval {percent(low)} to {percent(high)}) on "
        f"{counted(evaluation.photos, 'picture')} the model never saw.",
        f"Open the web page with:  clothes serve --model {quote(run.path / 'bundle')}",
    )


def free_folder(wanted: Path) -> Path:
    """The wanted folder if it is free or holds an interrupted demo, else the first such one with -2, -3 and so on."""
    folder, number = wanted, 1
    while not (_is_free(folder) or is_interrupted(folder)):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def is_interrupted(folder: Path) -> bool:
    """Whether a demo in this folder was started and not finished."""
    from clothes.collection.public_datasets import holds_starter

    return holds_starter(folder / "photos") and not (folder / "run" / "evaluation.json").exists()


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
