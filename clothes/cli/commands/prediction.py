"""`clothes predict`: of some photos here, of any number on Ray."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

import clothes
from clothes.cli.options import AsJson, ModelOption, photos_of, read_list, require
from clothes.cli.output import note, note_first, note_skipped, show, show_json
from clothes.cli.progress import Pace, with_progress
from clothes.cli.signals import hint_if_stopped
from clothes.errors import PhotoError, PhotosError
from clothes.system.csv_files import slashed
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.inference.many.task import Task
    from clothes.photos.folders import Skipped

app = typer.Typer(rich_markup_mode=None)
T = TypeVar("T")
_FEW = 3  # photos that are looked at twice
_GOES_ON = "The answers so far are kept: the same command goes on."


@app.command()
def predict(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO", help="Photos, folders or globs; - reads names from stdin.")
    ],
    model: ModelOption = None,
    top: Annotated[int | None, typer.Option(metavar="K", min=1, help="Show the K best classes. [default: 3]")] = None,
    as_json: AsJson = False,
    outfit: Annotated[
        bool, typer.Option("--outfit", help="With --engine: every garment of each photo, not one label.")
    ] = False,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(help="Answer any number of photos on Ray: of a folder, a bucket, or a text or Parquet list."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="With --engine: a folder or bucket for the answers, in Parquet.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="auto|HOST:PORT|ray://...", help="With --engine: a cluster. [default: this computer]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --engine: at most so many. [default: one a processor]")
    ] = None,
) -> None:
    """Recognise the clothes in photos.

    The text about a few photos says if one shows several garments: `clothes outfit` names them all.

    Example: clothes predict shirt.jpg "summer/*.jpg" --top 1

    A million photos, on one machine or many; the same command goes on after a stop:
    clothes predict s3://shop/photos --engine ray --out answers
    """
    if engine:
        if len(photos) != 1 or out is None or top or as_json:
            raise typer.BadParameter("needs one PHOTO and --out, and takes no --top and --json", param_hint="--engine")
        predict_on_ray(photos[0], model, out, address, workers, outfit=outfit)
        return
    if outfit:
        raise typer.BadParameter("needs --engine ray. For photos here there is: clothes outfit", param_hint="--outfit")
    if out is not None or address is not None or workers is not None:
        raise typer.BadParameter("need --engine ray", param_hint="--out, --address and --workers")
    show_answers(
        photos,
        clothes.load(model).predict_many,
        lambda answer: _to_dict(answer, top),
        lambda answer: _to_line(answer, top or 3),
        as_json,
        each=_outfit_hint() if model is None and not as_json and _are_few_files(photos) else lambda answer: None,
    )


def _are_few_files(photos: list[str]) -> bool:
    return len(photos) <= _FEW and all(map(os.path.isfile, photos))


def _outfit_hint() -> Callable[["clothes.Prediction"], None]:
    """Returns what notes that a photo shows several garments. A label for all of them says little."""
    from clothes.outfits.several import FirstLook

    first_look = functools.cache(FirstLook)  # loaded after the answer is shown

    def hint(answer: "clothes.Prediction") -> None:
        photo = str(answer.photo)
        if first_look().shows_several(photo):
            note(f"{photo} shows several garments. Try:  clothes outfit {quote(photo)}")

    return hint


def predict_on_ray(
    source: str, model: Path | None, out: str, address: str | None, workers: int | None, *, outfit: bool
) -> None:
    """Answers the photos of a source that have no answer yet. The exit status is 1 if some could not be tried."""
    require("clothes predict --engine ray", "ray")
    from clothes.inference.many.answers import open_answers
    from clothes.inference.many.ray_engine import answer_missing

    task = _task(model, outfit=outfit)
    with open_answers(out, source, task) as (answers, skipped), hint_if_stopped(lambda: _GOES_ON):
        note_first([f"Skipped {item.path}: {item.reason}" for item in skipped], "like that")
        total, missing, unread = sum(answers.parts), answers.count_missing(), 0
        if missing and address is None:
            note("Ray is started on this computer, and ends with this command.")
        failed, pace = list[str](), Pace(total, missing)
        for part in answer_missing(answers, task, address=address, workers=workers):
            unread += part.unread
            failed += filter(None, [part.failed])
            pace.add(part.photos)
        missing = answers.count_missing()
    show(f"{total - missing:,} of {counted(total, 'photo')} answered, in {out}.")
    if unread:
        note(f"{unread:,} of them could not be read: the column code says why.")
    if missing:
        note(f"Error: no answer yet to {counted(missing, 'photo')}. {' '.join(failed[:1])}", _GOES_ON)
        raise typer.Exit(1)


def _task(model: Path | None, *, outfit: bool) -> "Task":
    """Returns what is asked about each photo. What is wrong with the model is said here, not by every worker."""
    from clothes.inference.bundle import read_bundle
    from clothes.inference.classifier import BUNDLED, BUNDLED_OUTFIT
    from clothes.inference.many.task import LabelTask

    if not outfit:
        bundle = read_bundle(model if model is not None else BUNDLED)
        clothes.Classifier(bundle)
        return LabelTask.of(bundle)
    from clothes.outfits.many import OutfitTask

    bundle = read_bundle(model if model is not None else BUNDLED_OUTFIT)
    clothes.OutfitParser(bundle)
    return OutfitTask.of(bundle, read_bundle(BUNDLED))


def show_answers(
    photos: list[str],
    answer_many: Callable[[list[Path]], Iterator[T | PhotoError]],
    to_dict: Callable[[T], dict[str, Any]],
    to_line: Callable[[T], str],
    as_json: bool,
    *,
    each: Callable[[T], None] = lambda answer: None,
) -> None:
    """Shows the answer about each photo of files, folders, globs and - as a line of text or of JSON.

    `each` is called with every answer, and may raise PhotoError. The exit status is 1 if a photo could not be read.
    Raises PhotosError if there is no photo.
    """
    paths, skipped = find_photos(photos)
    note_skipped(skipped)
    if not paths:
        raise PhotosError(f"No photo in {', '.join(photos)}. Name photos, folders of photos, or - for a list on stdin.")
    failed = False
    for answer in with_progress(answer_many(paths), "Reading the photos", len(paths)):
        if isinstance(answer, PhotoError):
            failed = True
            if as_json:
                show_json({"photo": answer.photo, "error": answer.reason, "code": answer.code}, indent=None)
            else:
                note(f"Error: {answer}")
            continue
        if as_json:
            show_json(to_dict(answer), indent=None)
        else:
            show(to_line(answer))
        try:
            each(answer)
        except PhotoError as error:  # it was removed meanwhile
            failed = True
            note(f"Error: {error}")
    if failed:
        raise typer.Exit(1)


def _to_dict(answer: "clothes.Prediction", top: int | None) -> dict[str, Any]:
    return {
        "photo": answer.photo,
        "label": answer.label,
        "confidence": answer.confidence,
        "known": answer.known,
        "scores": dict(list(answer.scores.items())[:top]),
    }


def _to_line(answer: "clothes.Prediction", top: int) -> str:
    from clothes.inference.confidence import percent

    best = ", ".join(f"{name} {percent(score)}" for name, score in list(answer.scores.items())[:top])
    return f"{answer.photo}: {best}" if answer.known else f"{answer.photo}: not sure; at best {best}"


def find_photos(arguments: list[str]) -> "tuple[list[Path], list[Skipped]]":
    """The photos of files, folders, globs and - (names on stdin), and the skipped files."""
    from clothes.photos.folders import list_photos

    found: list[Path] = []
    skipped: list[Skipped] = []
    names = [name for argument in arguments for name in (_listed() if argument == "-" else [argument])]
    for path in [path for name in names for path in _expand(name)]:
        if os.path.isdir(path):  # noqa: PTH112 - Path's own raises in a locked folder
            photos_of(path, " Give it by --model.")
            photos, others = list_photos(path)
            found += photos
            skipped += others
        else:
            found.append(Path(path))
    return found, skipped


def _listed() -> list[str]:
    """The names on stdin, which may have the separators of another system."""
    return [name if os.path.lexists(name) else slashed(name) for name in read_list(Path("-"))]


def _expand(name: str) -> list[str]:
    """The paths that match a glob. A name that exists, and a glob without a match, stand for themselves.

    The folder `sale [2024]` in `sale [2024]/*.jpg` stands for itself too.
    """
    from glob import escape, glob, has_magic

    if not has_magic(name) or os.path.lexists(name):
        return [name]
    folder = next((parent for parent in Path(name).parents if os.path.lexists(parent)), Path())
    pattern = str(Path(escape(str(folder))) / Path(name).relative_to(folder))
    return sorted(glob(pattern, recursive=True)) or [name]  # noqa: PTH207 - absolute ones too
