"""`clothes train` and `clothes tune`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import clothes
from clothes.cli.launcher import Workers, join_workers
from clothes.cli.options import AsJson, PhotosFolder, options_in_errors, require
from clothes.cli.output import note, show, show_files, show_json, show_table
from clothes.cli.signals import hint_if_stopped
from clothes.config import QUICK, Config
from clothes.errors import ClothesError
from clothes.report.run_plots import draw_run, draw_search
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.training.search.results import Candidate

app = typer.Typer(rich_markup_mode=None)

_FEW_PHOTOS = 1000  # train photos up to which a training ends with what the quick model reaches

RunOut = Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder. [default: runs/<date>-<time>]")]
SearchOut = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder of the search. [default: tunings/ and a name for PHOTOS]")
]
ModelName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="sequential, quick, efficientnet-lite0 or keras:NAME. [default: sequential]"),
]
Weights = Annotated[
    Literal["imagenet", "none"] | None,
    typer.Option(help="Weights to start from. [default: imagenet if the network has them]"),
]
ConfigFile = Annotated[Path | None, typer.Option(metavar="FILE.json", help="Settings, as in RUN/config.json.")]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split", metavar="FILE", help="The parts of the photos. [default: PHOTOS/split.csv, made if missing]"
    ),
]
Trunk = Annotated[
    Path | None,
    typer.Option(metavar="BUNDLE", help="The bundle that --model quick builds on. [default: the bundled model]"),
]
Folds = Annotated[
    int | None,
    typer.Option(metavar="K", help="With --model quick: learn from validation photos too, cross-validate in K folds."),
]
Teacher = Annotated[
    Path | None,
    typer.Option(
        metavar="BUNDLE", help="Learn from this bundle's answers, too; the word bundled is the bundled model."
    ),
]
EpochsOfTrial = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Epochs of a trial. Few favour settings that learn fast. [default: as for train]"
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(metavar="X", help="Scale of the images in trials; 0.67 saves 40 % of the time. [default: 1]"),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CLOTHES_STORAGE",
        help="A database that several machines share, such as postgresql://HOST/NAME. "
        "The environment variable hides a password.",
    ),
]


@app.command()
@options_in_errors()
def train(
    photos: PhotosFolder,
    out: RunOut = None,
    model: ModelName = None,
    weights: Weights = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Choose image size and epochs to finish in M minutes.")
    ] = None,
    config: ConfigFile = None,
    split_file: SplitFile = None,
    image_size: Annotated[int | None, typer.Option(metavar="N", help="Side of the square images in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Train at most N epochs.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the training, not of the split.")] = None,
    trunk: Trunk = None,
    folds: Folds = None,
    teacher: Teacher = None,
    workers: Workers = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
) -> None:
    """Train a recogniser and write a run folder.

    The run folder holds the bundle (the recogniser), the history and plots. With --model quick it is ready in seconds,
    from twenty photos of each class, and needs no TensorFlow.

    Example: clothes train photos --model efficientnet-lite0 --minutes 30
    """
    settings = Config.read(config) if config else None
    is_quick = QUICK in (model, settings and settings.model.architecture) or bool(resume and out and _is_quick(out))
    if not is_quick:
        require("Training", "train", "report")
    join_workers(photos, workers, is_quick=is_quick)
    from clothes.cli.live_display import training_display

    network = {"architecture": model, "image_size": image_size, "weights": weights}
    earlier = out if resume else None
    with training_display() as display, hint_if_stopped(lambda: _go_on(photos, display.run, earlier, workers)):
        run = clothes.train(
            photos,
            out=out,
            config=settings,
            changes={"model": network, "train": {"epochs": epochs, "seed": seed}},
            split=split_file,
            minutes=minutes,
            trunk=trunk,
            folds=folds,
            teacher=teacher,
            resume=resume,
            overwrite=overwrite,
            callback=display,
        )
    if display.run is None:
        note(f"{run.path} was finished already, on {run.info['finished'][:10]}. Nothing was trained.")
    if run.config.model.architecture == QUICK:
        render_quick_training(run)
    else:
        render_training(run, photos, plot=draw_run(run.path, "png")[0])
    render_next_step(run)


def _is_quick(run: Path) -> bool:
    return clothes.Run.open(run).config.model.architecture == QUICK


def _go_on(photos: Path, run: "clothes.Run | None", earlier: Path | None, workers: int | None) -> str:
    """How to continue this training, or the earlier one; nothing if there is none yet."""
    folder, shared = run.path if run else earlier, f" --workers {workers}" if workers else ""
    return f"Continue with:  clothes train {quote(photos)} --out {quote(folder)} --resume{shared}" if folder else ""


def render_training(run: "clothes.Run", photos: Path, *, plot: Path) -> None:
    info = run.bundle.info
    epochs = info["epochs"]
    show_files({"model": run.path / "bundle", "history": run.path / "history.csv", "plot": plot})
    show(
        f"Validation accuracy {_accuracy(info['metrics']['validation'])}, "
        f"epoch {epochs['best']} of {epochs['trained']}.",
        "Optimistic: this part also chose the epoch.",
    )
    if epochs["trained"] < run.config.train.epochs:
        show(f"Ended before epoch {run.config.train.epochs:,}: the last {run.config.train.patience:,} were no better.")
    if run.config.model.architecture != "sequential":
        return
    if len(run.split.part("train")) <= _FEW_PHOTOS:
        show(*_compare_with_quick(run, photos))
    else:
        show(
            "A network that already knows a million photos often does better:",
            f"    clothes train {quote(photos)} --model efficientnet-lite0",
        )


def _accuracy(metrics: dict[str, Any]) -> str:
    from clothes.inference.confidence import percent

    low, high = map(percent, metrics["interval"])
    return f"{percent(metrics['accuracy'])} (95 % interval {low} to {high}, {counted(metrics['photos'], 'photo')})"


def _compare_with_quick(run: "clothes.Run", photos: Path) -> list[str]:
    """Returns lines that say what the quick model reaches on the same validation photos, in how many seconds."""
    from clothes.inference.confidence import percent
    from clothes.training.callbacks import TrainingCallback
    from clothes.training.quick.quick_training import QuickTraining

    began = time.perf_counter()
    try:
        _, metrics = QuickTraining(None, None).prepare(run.split, run.config, TrainingCallback())
    except ClothesError as error:  # which does not spoil the training
        return [f"The quick model could not be tried on the same photos. {error}"]
    seconds = time.perf_counter() - began
    reached = f"{percent(metrics['validation']['accuracy'])} in {seconds:.1f} s"
    return [
        f"The quick model, on the same validation photos: {reached}.",
        f"    clothes train {quote(photos)} --model quick",
    ]


def render_quick_training(run: "clothes.Run") -> None:
    show_files({"model": run.path / "bundle"})
    metrics = run.bundle.info["metrics"]
    if validation := metrics.get("validation"):
        show(f"Validation accuracy {_accuracy(validation)}.")
    if held_out := metrics.get("cross-validation"):
        show(
            f"Cross-validated accuracy {_accuracy(held_out)}.",
            "Each photo was predicted by a model that did not learn from it.",
        )
    if not metrics:
        show("No accuracy: that takes two train photos of a class that are no near-duplicates.")


def render_next_step(run: "clothes.Run") -> None:
    from clothes.photos.folders import OTHER

    if any(row.label != OTHER for row in run.split.part("test")):
        show(f"Next, measure it on the test part:  clothes evaluate {quote(run.path)}")
    else:
        show(f"There is no test part. Measure it on other photos:  clothes evaluate {quote(run.path)} --photos DIR")


@app.command()
@options_in_errors()
def tune(
    photos: PhotosFolder,
    out: SearchOut = None,
    model: ModelName = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Trials in the whole search. [default: 40]")] = None,
    minutes: Annotated[float | None, typer.Option(metavar="M", help="End the search after M minutes.")] = None,
    epochs: EpochsOfTrial = None,
    scale: Scale = None,
    config: ConfigFile = None,
    split_file: SplitFile = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Search for better settings than the defaults.

    Trains many networks on the train photos and compares them on the validation photos. The same command continues a
    stopped search. With --storage, several processes work on one search.

    Example: clothes tune photos --minutes 45
    """
    if model != QUICK:  # which has nothing to search for
        require("Tuning", "train", "report", "tune")
    from clothes.cli.live_display import search_display

    settings = Config.read(config) if config else None
    hint = "Every trial is kept; the same command continues the search."
    with search_display(minutes) as display, hint_if_stopped(lambda: hint if display.path else ""):
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
    plot = draw_search(result)
    if as_json:
        show_json(result.to_dict())
        return
    render_tuning(result, plot=plot)
    given = f" --split {quote(split_file)}" if split_file else ""
    show(f"Train with it:  clothes train {quote(photos)} --config {quote(result.path / 'config.json')}{given}")


def render_tuning(result: "clothes.Tuning", *, plot: Path) -> None:
    from clothes.inference.confidence import percent

    best, default = result.best, result.default
    tried = {"start": default, "best": best} if default else {"best": best}
    rows: list[list[Any]] = [[name, *(_setting(one, name) for one in tried.values())] for name in best.settings]
    rows.append(["trainings", *(len(one.scores) for one in tried.values())])
    rows.append(["val_accuracy", *(f"{one.score:.3f}" for one in tried.values())])
    show_table(["setting", *tried], rows)
    show("")
    show_files({"config": result.path / "config.json", "trials": result.path / "trials.csv", "plot": plot})
    trials = counted(sum(trial.state in ("done", "pruned") for trial in result.trials), "trial")
    accuracy = f"validation accuracy {percent(best.score)}"
    if default and best.settings == default.settings:
        show(f"In {trials} nothing was better than the settings at the start: {accuracy}.")
        return
    gain = "" if result.gain is None else f", {100 * result.gain:.1f} points more than at the start"
    show(f"Best of {trials}: {accuracy}{gain}.", "Optimistic: the best of many trials was also lucky.")


def _setting(tried: "Candidate", name: str) -> str:
    value: Any = tried.settings[name]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
