"""`clothes train` and `clothes tune`."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import clothes
from clothes.cli.extras import require
from clothes.cli.options import AsJson, PhotosFolder
from clothes.cli.output import note, print_files, print_json, print_table, quote
from clothes.cli.pictures import draw_run, draw_search

if TYPE_CHECKING:
    from clothes.cli.displays import TrainingDisplay
    from clothes.training.search_results import Candidate

app = typer.Typer(rich_markup_mode=None)


class Weights(StrEnum):
    imagenet = "imagenet"
    none = "none"


ModelName = Annotated[
    str | None, typer.Option(metavar="NAME", help="sequential, efficientnet-lite0 or keras:NAME. [default: sequential]")
]
ConfigFile = Annotated[Path | None, typer.Option(metavar="FILE.json", help="Settings, as in RUN/config.json.")]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", metavar="FILE", help="Which photo is in which part. [default: PHOTOS/split.csv or new]"),
]


@app.command()
def train(
    photos: PhotosFolder,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="[default: runs/<date>-<time>]")] = None,
    model: ModelName = None,
    weights: Annotated[
        Weights | None, typer.Option(help="The first weights. [default: imagenet if the network has them]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Choose image size and epochs to finish in M minutes.")
    ] = None,
    config: ConfigFile = None,
    split_file: SplitFile = None,
    image_size: Annotated[int | None, typer.Option(metavar="N", help="Side of the square images in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Train at most N epochs.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the training, not of the split.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
) -> None:
    """Train a recogniser and write a run folder.

    The run folder holds the bundle (the recogniser), the history and plots.

    Example: clothes train photos --model efficientnet-lite0 --minutes 30
    """
    require("Training", "train")
    from clothes.cli.displays import training_display
    from clothes.config import Config

    settings = Config.read(config) if config else None
    network = {"architecture": model, "image_size": image_size, "weights": weights and weights.value}
    with training_display() as display, _hint_to_resume(display, photos, out if resume else None):
        run = clothes.train(
            photos,
            out=out,
            config=settings,
            changes={"model": network, "train": {"epochs": epochs, "seed": seed}},
            split=split_file,
            minutes=minutes,
            resume=resume,
            overwrite=overwrite,
            callback=display,
        )
    if display.run is None:
        note(f"{run.path} was finished already, on {run.info['finished']}. Nothing was trained.")
    render_training(run, photos, plot=draw_run(run.path, "png")[0])


@contextmanager
def _hint_to_resume(display: "TrainingDisplay", photos: Path, resumed: Path | None) -> Iterator[None]:
    """If the training stops early, prints the command that continues it."""
    try:
        yield
    except (typer.Abort, KeyboardInterrupt, OSError):
        if folder := display.run.path if display.run else resumed:
            note(f"Continue with:  clothes train {quote(photos)} --out {quote(folder)} --resume")
        raise


def render_training(run: "clothes.Run", photos: Path, *, plot: Path) -> None:
    """Prints the files of a run, its validation accuracy and the next command."""
    from clothes.inference.confidence import percent

    info = run.bundle.info
    validation, epochs = info["metrics"]["validation"], info["epochs"]
    low, high = validation["interval"]
    print_files({"model": run.path / "bundle", "history": run.path / "history.csv", "plot": plot})
    print(
        f"Validation accuracy {percent(validation['accuracy'])} (95 % interval {percent(low)} to {percent(high)}), "
        f"epoch {epochs['best']} of {epochs['trained']}.\nOptimistic: this part also chose the epoch."
    )
    if run.config.model.architecture == "sequential":
        print(
            "A network that already knows a million photos often does better:\n"
            f"    clothes train {quote(photos)} --model efficientnet-lite0"
        )
    print(f"Next, measure it on the test part:  clothes evaluate {quote(run.path)}")


@app.command()
def tune(
    photos: PhotosFolder,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="[default: tunings/ and a name for PHOTOS]")] = None,
    model: ModelName = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Of the whole search. [default: 40]")] = None,
    minutes: Annotated[float | None, typer.Option(metavar="M", help="End the search after M minutes.")] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Of a trial; few favour what learns fast. [default: as for train]"),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(metavar="X", help="Scale of the images in trials; 0.67 saves 40 % of the time. [default: 1]"),
    ] = None,
    config: ConfigFile = None,
    split_file: SplitFile = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database that several machines share, such as postgresql://HOST/NAME."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for better settings than the defaults.

    Trains many networks on the train photos and compares them on the validation photos. The same command continues a
    stopped search. With --storage, several processes work on one search.

    Example: clothes tune photos --minutes 45
    """
    require("Tuning", "train", "tune")
    from clothes.cli.displays import search_display
    from clothes.config import Config

    settings = Config.read(config) if config else None
    with search_display(minutes) as display:
        try:
            result = clothes.tune(
                photos,
                out=out,
                trials=trials,
                minutes=minutes,
                config=settings,
                changes={"model": {"architecture": model}},
                split=split_file,
                epochs=epochs,
                scale=1 if scale is None else scale,
                storage=storage,
                callback=display,
            )
        except typer.Abort:
            if display.path:
                note("Every trial is kept; the same command continues the search.")
            raise
    plot = draw_search(result)
    if as_json:
        print_json(result.to_dict())
        return
    render_tuning(result, plot=plot)
    given = f" --split {quote(split_file)}" if split_file else ""
    print(f"Train with it:  clothes train {quote(photos)} --config {quote(result.path / 'config.json')}{given}")


def render_tuning(result: "clothes.Tuning", *, plot: Path) -> None:
    """Prints the best settings beside the first ones, the files of the search and the gain."""
    from clothes.inference.confidence import percent

    best, default = result.best, result.default
    tried = {"start": default, "best": best} if default else {"best": best}
    rows: list[list[Any]] = [[name, *(_setting(one, name) for one in tried.values())] for name in best.settings]
    rows.append(["trainings", *(len(one.scores) for one in tried.values())])
    rows.append(["val_accuracy", *(f"{one.score:.3f}" for one in tried.values())])
    print_table(["setting", *tried], rows)
    print()
    print_files({"config": result.path / "config.json", "trials": result.path / "trials.csv", "plot": plot})
    ended = sum(trial.state in ("done", "pruned") for trial in result.trials)
    accuracy = f"validation accuracy {percent(best.score)}"
    if default and best.settings == default.settings:
        print(f"In {ended} trials nothing was better than the settings at the start: {accuracy}.")
        return
    gain = "" if result.gain is None else f", {100 * result.gain:.1f} points more than at the start"
    print(f"Best of {ended} trials: {accuracy}{gain}.\nOptimistic: the best of many trials was also lucky.")


def _setting(tried: "Candidate", name: str) -> str:
    value: Any = tried.settings[name]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
