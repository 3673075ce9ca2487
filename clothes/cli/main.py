"""The commands: parse, call, print. With `console` and the `cli_` files, the only place that prints or exits."""

import json
import os
import sys
from contextlib import nullcontext
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import clothes
from clothes.cli import bundles, collect, drive
from clothes.cli import corrections as cli_corrections
from clothes.cli import report as cli_report
from clothes.cli.output import (
    AsJson,
    Auth,
    Host,
    ModelOption,
    Port,
    draw_confusion,
    draw_run,
    draw_search,
    find_photos,
    needs,
    note,
    note_skipped,
    print_address,
    print_evaluation,
    print_files,
    print_table,
    progress_bars,
    quote,
    searching,
    to_json,
    user_and_password,
    watching,
    with_progress,
)
from clothes.errors import ClothesError, MissingExtraError, PhotoError, PhotosError
from clothes.system.text import plain

app = typer.Typer(
    name="clothes",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PhotosFolder = Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder with one folder of photos per class.")]


def main() -> NoReturn:
    """The command line: exit status 0 when all went well, 1 for an error, 2 for wrong usage, 130 or 143 if stopped."""
    for stream in (sys.stdout, sys.stderr):  # names of files may be in any script, or in none
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
        if status == 130:  # where Typer caught the Ctrl-C
            note("Stopped.")
    except ClothesError as error:
        note(f"Error: {error}")
        status = 1
    except (typer.Abort, KeyboardInterrupt) as stopped:
        note("Stopped.")
        status = getattr(stopped, "status", 130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as in `clothes predict ... | head`
        status = 0
    except OSError as error:
        note(f"Error: {error.filename}: {error.strerror}." if error.filename else f"Error: {error}.")
        status = 1
    except Exception as error:
        show = getattr(error, "show", None)  # click's own usage errors
        if show is None:
            raise
        show()
        status = getattr(error, "exit_code", 2)
    sys.exit(status if isinstance(status, int) else 0)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"clothes {clothes.__version__}")
        raise typer.Exit


@app.callback()
def everything(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a pile of photos of clothes to a recogniser you can trust. Start with: clothes demo"""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where it goes; a folder in use is left alone.")] = Path(
        "clothes-demo"
    ),
) -> None:
    """The whole way on 2,000 starter pictures, in about a minute, offline.

    Example: clothes demo
    """
    from clothes.inference.confidence import percent

    with needs("The demo"):
        from clothes.cli.demo import free_folder, is_interrupted, run_demo
    folder = free_folder(out)
    if folder != out:
        note(f"{out} is in use and stays as it is.")
    if is_interrupted(folder):
        note(f"Going on with the demo in {folder}.")
    else:
        note(f"2,000 pictures of Fashion-MNIST go into {folder / 'photos'}; then check, split, train, evaluate.")
    try:
        with watching() as callback:
            result = run_demo(folder, callback=callback, on_check=lambda report: note(f"{report}\n"))
    except (typer.Abort, OSError):
        note(f"Go on with:  clothes demo --out {quote(folder)}")
        raise
    pictures = draw_run(result.run.path, "png")
    print_evaluation(result.evaluation)
    print()
    for truth, answer in result.answers:
        print(f"{answer.photo}: {answer.label} {percent(answer.confidence)} (in truth: {truth})")
    print()
    print_files(
        {
            "photos and split": folder / "photos",
            "model": result.run.path / "bundle",
            "accuracy and val_accuracy": pictures[0],
            "confusion matrix": pictures[1],
            "every test photo's answer": result.run.path / "predictions.csv",
        }
    )
    low, high = result.evaluation.interval
    print(
        f"\nTest accuracy {percent(result.evaluation.accuracy)} (95 % interval {percent(low)} to {percent(high)}) on "
        f"{result.evaluation.photos} pictures the model never saw."
    )
    print(f"Open the web page with:  clothes serve --model {quote(result.run.path / 'bundle')}")


class DataSet(StrEnum):
    fashion_mnist = "fashion-mnist"
    clothing_small = "clothing-small"


@app.command()
def data(
    name: Annotated[DataSet, typer.Argument(help="Which data set.")],
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Where it goes. [default: data/NAME]")] = None,
    source: Annotated[Path | None, typer.Option("--from", metavar="PATH", help="A local copy, used if given.")] = None,
) -> None:
    """A public data set as class folders, from a local copy or its publisher.

    Example: clothes data clothing-small --to photos
    """
    from clothes.collection import public_datasets

    fetch = public_datasets.fashion_mnist if name is DataSet.fashion_mnist else public_datasets.clothing_small
    with progress_bars() as bars:
        folder = fetch(to or Path("data") / name.value, source=source, progress=bars.to(f"Getting {name.value}"))
    print(folder)
    note(f"Next:  clothes check {quote(folder)}")


app.add_typer(collect.app, name="collect")


@app.command()
def check(photos: PhotosFolder, as_json: AsJson = False) -> None:
    """What is wrong with a folder of photos: unreadable, tiny, duplicate, imbalanced. Changes nothing.

    Example: clothes check photos
    """
    with progress_bars() as bars:
        report = clothes.check(photos, progress=bars.to("Looking at the photos"))
    print(to_json(report.to_json()) if as_json else report)
    if not as_json:
        note(f"Next:  clothes split {quote(photos)}")


@app.command()
def split(
    photos: PhotosFolder,
    ratios: Annotated[
        str | None, typer.Option(help="Train, test and validation in percent. [default: 70/20/10]")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, another split. [default: 0]")] = None,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="photo,group: photos of a group (person, shop) stay on one side."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: PHOTOS/split.csv]")] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also copy the photos into train/, test/ and validation/ here.")
    ] = None,
    pool: Annotated[bool, typer.Option("--pool", help="Split anew even where train/ and test/ folders exist.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a split that is there.")] = False,
) -> None:
    """Divide photos 70/20/10 into train, test and validation, look-alikes kept together.

    Photos added later are divided too, and the others keep the part they have.

    Example: clothes split photos --groups people.csv
    """
    from clothes.config import SplitConfig
    from clothes.photos.split_copies import copy_parts
    from clothes.photos.splits import PARTS, Split

    path = out or photos / "split.csv"
    there = os.path.exists(path)  # noqa: PTH110 - Path's raises in a locked folder
    previous = Split.read(path, photos) if there and not overwrite else None
    asked = ratios is not None or seed is not None
    with progress_bars() as bars:
        result = clothes.split(
            photos,
            config=SplitConfig.from_ratios(ratios or "70/20/10", seed=seed or 0) if asked else None,
            groups=groups,
            pool=pool,
            previous=previous,
            progress=bars.to("Looking at the photos"),
        )
    if copy_to is not None:
        copy_parts(result, copy_to)
    result.write(path, overwrite=True)
    counts = result.counts()
    names = sorted({row.label for row in result.rows})  # _other, which is no class, among them
    table = [[name, *(counts[part].get(name, 0) for part in PARTS)] for name in names]
    table.append(["all", *(sum(counts[part].values()) for part in PARTS)])
    print_table(["class", *PARTS], table)
    print()
    for line in result.notes:
        print(line)
    note_skipped(result.skipped)
    print_files({"split": path} | ({"copies": copy_to} if copy_to else {}))
    note(f"Next:  clothes train {quote(photos)}" + (f" --split {quote(out)}" if out else ""))


class Weights(StrEnum):
    imagenet = "imagenet"
    none = "none"


@app.command()
def train(
    photos: PhotosFolder,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="[default: runs/<date>-<time>]")] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="sequential, efficientnet-lite0 or keras:NAME. [default: sequential]"),
    ] = None,
    weights: Annotated[
        Weights | None, typer.Option(help="What the network begins with. [default: imagenet where there are]")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Pick image size and epochs so that it takes no longer.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Settings, such as a run's config.json.")
    ] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split", metavar="FILE", help="[default: PHOTOS/split.csv, made if missing]")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(metavar="N", help="Pixels; photos are fitted into a square.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="At most so many times through the photos.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the training; never changes the split.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
) -> None:
    """Train the CNN and write a run folder: the bundle that predicts, history and plots.

    Example: clothes train photos --model efficientnet-lite0 --minutes 30
    """
    from clothes.config import Config
    from clothes.inference.confidence import percent

    changes: dict[str, dict[str, Any]] = {
        "model": {"architecture": model, "image_size": image_size, "weights": weights and weights.value},
        "train": {"epochs": epochs, "seed": seed},
    }
    with needs("Training"):
        from clothes.training.pipeline import train as train_run

    callback: Any = None
    try:
        with watching() as callback:
            run = train_run(
                photos,
                out=out,
                config=Config.read(config) if config else None,
                changes=changes,
                split=split_file,
                minutes=minutes,
                resume=resume,
                overwrite=overwrite,
                callback=callback,
            )
    except (typer.Abort, OSError):
        place = callback.run.path if callback and callback.run else out if resume else None
        if place is not None:
            note(f"Go on with:  clothes train {quote(photos)} --out {quote(place)} --resume")
        raise
    if callback.run is None:
        note(f"{run.path} was finished already, on {run.info['finished']}. Nothing was trained.")
    pictures = draw_run(run.path, "png")
    validation = run.bundle.info["metrics"]["validation"]
    low, high = validation["interval"]
    print_files({"model": run.path / "bundle", "history": run.path / "history.csv", "plot": pictures[0]})
    print(
        f"Validation accuracy {percent(validation['accuracy'])} (95 % interval {percent(low)} to {percent(high)}), "
        f"epoch {run.bundle.info['epochs']['best']} of {run.bundle.info['epochs']['trained']}. It chose the epoch, "
        "so it flatters."
    )
    if run.config.model.architecture == "sequential":
        print(
            "A network that has seen a million photos learns more from the same ones (transfer learning):\n"
            f"    clothes train {quote(photos)} --model efficientnet-lite0"
        )
    print(f"Next, the honest number:  clothes evaluate {quote(run.path)}")


@app.command()
def tune(
    photos: PhotosFolder,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: a folder in tunings/ for these photos]")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="As for train. [default: sequential]")] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Of the whole study. [default: 40]")] = None,
    minutes: Annotated[float | None, typer.Option(metavar="M", help="End the search after so long.")] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Of a trial. Few of them favour what learns fast. [default: as a training]"
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(metavar="X", help="Size of a trial's pictures; 0.67 saves 40 % of the time. [default: 1]"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="What to begin with. [default: as for train]")
    ] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split", metavar="FILE", help="[default: PHOTOS/split.csv, made if missing]")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database that several machines work in, such as postgresql://HOST/NAME."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search better settings than the defaults, by many trainings, on train and validation photos only.

    The same command goes on where it was stopped. With --storage any number of them work on one study.

    Example: clothes tune photos --minutes 45
    """
    from clothes.config import Config
    from clothes.inference.confidence import percent

    with needs("Tuning"):
        from clothes.training import tuning
    callback: Any = None
    try:
        with searching(minutes) as callback:
            result = tuning.tune(
                photos,
                out=out,
                trials=trials,
                minutes=minutes,
                config=Config.read(config) if config else None,
                changes={"model": {"architecture": model}},
                split=split_file,
                epochs=epochs,
                scale=1 if scale is None else scale,
                storage=storage,
                callback=callback,
            )
    except typer.Abort:
        if callback and callback.path:
            note("Every trial is kept; the same command goes on.")
        raise
    picture = draw_search(result)
    if as_json:
        print(to_json(result.to_dict()))
        return
    best, default = result.best, result.default

    def value(tried: Any, name: str) -> str:
        found = tried.settings[name]
        return f"{found:.4g}" if isinstance(found, float) else str(found)

    columns = {"began with": default, "best": best} if default else {"best": best}
    table = [[name, *(value(tried, name) for tried in columns.values())] for name in best.settings]
    table.append(["trainings", *(str(len(tried.scores)) for tried in columns.values())])
    table.append(["val_accuracy", *(f"{tried.score:.3f}" for tried in columns.values())])
    print_table(["setting", *columns], table)
    print()
    print_files({"config": result.path / "config.json", "trials": result.path / "trials.csv", "plot": picture})
    ended = sum(trial.state in ("done", "pruned") for trial in result.trials)
    if default and best.settings == default.settings:
        print(
            f"In {ended} trials nothing was better than what it began with: validation accuracy {percent(best.score)}."
        )
    else:
        gain = "" if result.gain is None else f", {100 * result.gain:.1f} points more than what it began with"
        print(f"Best of {ended} trials: validation accuracy {percent(best.score)}{gain}. The best of many flatters.")
    given = f" --split {quote(split_file)}" if split_file else ""
    print(f"Train with it:  clothes train {quote(photos)} --config {quote(result.path / 'config.json')}{given}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE", help="A run folder or a bundle.")],
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Class folders to test on. [default: the run's test part]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results on --photos go. [default: evaluations/<date>-<time>]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure accuracy with its 95 % interval, per class, on photos the model never saw.

    Example: clothes evaluate runs/shirts
    """
    from clothes.inference.run import stamp

    if photos is None and out is not None:
        raise typer.BadParameter("goes with --photos; a run keeps its own test part's results", param_hint="--out")
    folder = model if (model / "run.json").exists() else model.resolve().parent
    if photos is not None:
        folder = out or Path("evaluations") / stamp()
    with progress_bars() as bars:
        result = clothes.evaluate(
            model, photos=photos, out=None if photos is None else folder, progress=bars.to("Evaluating")
        )
    try:
        pictures = draw_run(folder, "png") if photos is None else [draw_confusion(folder, "png")]
    except MissingExtraError as error:
        note(f"No pictures: {error}")
        pictures = []
    if as_json:
        print(to_json(result.to_dict()))
        return
    print_evaluation(result)
    note_skipped(result.skipped, where=str(folder / "evaluation.json"))
    print()
    files = {"numbers": folder / "evaluation.json", "answers": folder / "predictions.csv"}
    print_files(files | {path.stem: path for path in pictures})
    print(f"Next, the web page:  clothes serve --model {quote(model)}")


@app.command()
def predict(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="Photos, folders, globs; - reads a list.")],
    model: ModelOption = None,
    top: Annotated[int | None, typer.Option(metavar="K", min=1, help="How many answers a photo. [default: 3]")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what photos show.

    Example: clothes predict shirt.jpg "summer/*.jpg" --top 1
    """
    from clothes.inference.classifier import load
    from clothes.inference.confidence import percent

    classifier = load(model)
    failed = False
    paths, skipped = find_photos(photos)
    note_skipped(skipped)
    if not paths:
        raise PhotosError(f"No photo in {', '.join(photos)}. Name photos, folders of photos, or - for a list on stdin.")
    for answer in with_progress(classifier.predict_many(paths), "Looking at the photos", len(paths)):
        if isinstance(answer, PhotoError):
            failed = True
            if as_json:
                said = {"photo": answer.photo, "error": answer.reason, "code": answer.code}
                print(json.dumps(said, ensure_ascii=False))
            else:
                note(f"Error: {answer}")
            continue
        if as_json:
            scores = dict(list(answer.scores.items())[:top])
            line = {
                "photo": answer.photo,
                "label": answer.label,
                "confidence": answer.confidence,
                "known": answer.known,
                "scores": scores,
            }
            print(json.dumps(line, ensure_ascii=False))
        else:
            best = ", ".join(f"{name} {percent(score)}" for name, score in list(answer.scores.items())[: top or 3])
            print(plain(f"{answer.photo}: {best}" if answer.known else f"{answer.photo}: not sure; at best {best}"))
    if failed:
        raise typer.Exit(1)


@app.command()
def info(bundle: Annotated[Path, typer.Argument(metavar="BUNDLE")], as_json: AsJson = False) -> None:
    """What a bundle is: classes, size, accuracy, dates, versions, what it was made from.

    Example: clothes info runs/shirts/bundle
    """
    from clothes.inference.bundle import read_bundle
    from clothes.inference.confidence import percent

    found = read_bundle(bundle)
    about = found.info
    if as_json:
        print(to_json(about))
        return
    size = sum(path.stat().st_size for path in found.path.iterdir() if path.is_file())
    photos, epochs = about.get("photos", {}), about.get("epochs", {})
    rows = [
        ("name", about.get("name", "")),
        ("made", about.get("created", "")),
        ("classes", f"{len(found.classes)}: {', '.join(found.classes)}"),
        ("pictures", f"{found.image_size} x {found.image_size} pixels"),
        ("made from", ", ".join(f"{count} {part}" for part, count in photos.items()) + " photos"),
        ("photos' hash", about.get("fingerprint", "")[:16]),
        ("network", about.get("config", {}).get("model", {}).get("architecture", "")),
        ("training", f"{epochs.get('trained')} epochs, the best {epochs.get('best')}, seed {about.get('seed')}"),
    ]
    for part, result in about.get("metrics", {}).items():
        low, high = result["interval"]
        text = f"{percent(result['accuracy'])} ({percent(low)} to {percent(high)}) on {result['photos']} photos"
        rows.append((f"{part} accuracy", text))
    if "test" not in about.get("metrics", {}):
        rows.append(("test accuracy", "not measured yet: clothes evaluate"))
    rows.append(("size", f"{size / 1e6:.1f} MB in {found.path}"))
    rows.append(("versions", ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())))
    for name, value in rows:
        print(f"{name:20} {plain(value)}")


@app.command()
def serve(
    model: ModelOption = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
    corrections: Annotated[
        Path | None,
        typer.Option("--collect-corrections", metavar="DIR", help="Let people say what it is, and keep that in DIR."),
    ] = None,
) -> None:
    """Open the web page: drop a photo, read what it is.

    Example: clothes serve --model runs/shirts/bundle
    """
    credentials = user_and_password(auth)
    classifier = clothes.load(model)
    note(f"Model: {classifier.path}")
    if host not in ("127.0.0.1", "localhost", "::1") and auth is None:
        also = f", and put photos into {quote(corrections)}" if corrections else ""
        note(f"Anyone who reaches this machine can use the page{also}. Ask for a password with --auth USER:PASSWORD.")
    with needs("The web page"):
        from clothes.web.corrections import Inbox
        from clothes.web.predict_page import launch
    with Inbox(corrections) if corrections else nullcontext() as inbox:
        launch(classifier, inbox=inbox, host=host, port=port, auth=credentials, on_ready=print_address)
    if corrections:
        note(f"Next:  clothes corrections review {quote(corrections)} --into PHOTOS")


class PictureFormat(StrEnum):
    png = "png"
    svg = "svg"


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    picture_format: Annotated[PictureFormat, typer.Option("--format", help="What to write.")] = PictureFormat.png,
) -> None:
    """Draw a run's history and confusion matrix again.

    Example: clothes plot runs/shirts --format svg
    """
    for path in draw_run(run, picture_format.value):
        print(path)


app.command()(cli_report.report)
app.command()(cli_report.look)
app.add_typer(bundles.app)
app.add_typer(cli_corrections.app, name="corrections")
app.add_typer(drive.app, name="drive")
