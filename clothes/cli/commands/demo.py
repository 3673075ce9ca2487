"""`clothes demo`: every step on the starter pictures, as a user would write it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import clothes
from clothes.cli.commands.evaluation import render_evaluation
from clothes.cli.extras import require
from clothes.cli.output import note, print_files, quote
from clothes.cli.pictures import draw_run

if TYPE_CHECKING:
    from clothes.training.callbacks import TrainingCallback

app = typer.Typer(rich_markup_mode=None)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")] = Path("clothes-demo"),
) -> None:
    """Try every step on 2,000 small pictures: a minute, offline.

    Example: clothes demo
    """
    require("The demo", "train")
    from clothes.cli.displays import training_display

    folder = free_folder(out)
    if folder != out:
        note(f"{out} is in use and stays as it is.")
    if is_interrupted(folder):
        note(f"Continuing the demo in {folder}.")
    else:
        note(f"2,000 pictures of Fashion-MNIST go into {folder / 'photos'}; then check, split, train, evaluate.")
    try:
        with training_display() as display:
            result = run_demo(folder, callback=display, on_check=lambda report: note(f"{report}\n"))
    except (typer.Abort, OSError):
        note(f"Continue with:  clothes demo --out {quote(folder)}")
        raise
    render_demo(result, folder, pictures=draw_run(result.run.path, "png"))


@dataclass(frozen=True)
class Demo:
    """The results of a demo; `answers` are two test pictures as (true class, prediction)."""

    run: "clothes.Run"
    evaluation: "clothes.Evaluation"
    answers: "tuple[tuple[str, clothes.Prediction], ...]"


def run_demo(out: Path, *, callback: "TrainingCallback", on_check: "Callable[[clothes.CheckReport], None]") -> Demo:
    """Runs check, split, train, evaluate and predict on the starter pictures in `out`.

    Continues an interrupted demo.
    """
    from clothes.collection.public_datasets import starter

    photos = starter(out / "photos")
    on_check(clothes.check(photos))
    split = clothes.split(photos)
    split.write(photos / "split.csv")

    if (out / "run" / "run.json").exists():
        run = clothes.train(photos, out=out / "run", resume=True, callback=callback)
    else:
        config = clothes.Config.for_photos(longer_side=28)
        run = clothes.train(photos, out=out / "run", config=config, callback=callback)
    evaluation = clothes.evaluate(run.path)

    classifier = clothes.load(run.path)
    test = split.part("test")
    shown = (test[0], test[len(test) // 2])
    answers = tuple((row.label, classifier.predict(photos / row.photo)) for row in shown)
    return Demo(run, evaluation, answers)


def render_demo(result: Demo, folder: Path, *, pictures: list[Path]) -> None:
    """Prints the evaluation, two answers, the files and the next command."""
    from clothes.inference.confidence import percent

    render_evaluation(result.evaluation)
    print()
    for truth, answer in result.answers:
        print(f"{answer.photo}: {answer.label} {percent(answer.confidence)} (true class: {truth})")
    print()
    print_files(
        {
            "photos and split": folder / "photos",
            "model": result.run.path / "bundle",
            "accuracy and val_accuracy": pictures[0],
            "confusion matrix": pictures[1],
            "answer to each test photo": result.run.path / "predictions.csv",
        }
    )
    low, high = result.evaluation.interval
    print(
        f"\nTest accuracy {percent(result.evaluation.accuracy)} (95 % interval {percent(low)} to {percent(high)}) on "
        f"{result.evaluation.photos} pictures the model never saw."
    )
    print(f"Open the web page with:  clothes serve --model {quote(result.run.path / 'bundle')}")


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
