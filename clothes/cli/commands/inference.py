"""`clothes predict`, `info`, `verify` and `export`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

import clothes
from clothes.cli.options import AsJson, BundleFolder, ModelOption, read_list
from clothes.cli.output import note, note_skipped, show, show_json, show_result, show_table
from clothes.cli.progress import progress_bars, with_progress
from clothes.errors import PhotoError, PhotosError
from clothes.system.csv_files import slashed
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.inference.bundle import Bundle
    from clothes.photos.folders import Skipped

app = typer.Typer(rich_markup_mode=None)
T = TypeVar("T")


@app.command()
def predict(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO", help="Photos, folders or globs; - reads names from stdin.")
    ],
    model: ModelOption = None,
    top: Annotated[int | None, typer.Option(metavar="K", min=1, help="Show the K best classes. [default: 3]")] = None,
    as_json: AsJson = False,
) -> None:
    """Recognise the clothes in photos.

    Example: clothes predict shirt.jpg "summer/*.jpg" --top 1
    """
    show_answers(
        photos,
        clothes.load(model).predict_many,
        lambda answer: _to_dict(answer, top),
        lambda answer: _to_line(answer, top or 3),
        as_json,
    )


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

    `each` is called with every answer. The exit status is 1 if a photo could not be read. Raises PhotosError if there
    is no photo.
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
        each(answer)
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


@app.command()
def info(bundle: BundleFolder, as_json: AsJson = False) -> None:
    """Show the classes, size, accuracy and origin of a bundle.

    Example: clothes info runs/shirts/bundle
    """
    from clothes.inference.bundle import read_bundle

    found = read_bundle(bundle)
    if as_json:
        show_json(found.info)
    else:
        render_info(found)


def render_info(bundle: "Bundle") -> None:
    about = bundle.info
    size = sum(path.stat().st_size for path in bundle.path.iterdir() if path.is_file())
    photos = about.get("photos", {})
    rows = {
        "name": about.get("name", ""),
        "created": about.get("created", ""),
        "classes": f"{len(bundle.classes)}: {', '.join(bundle.classes)}",
        "image size": f"{bundle.image_size} x {bundle.image_size} pixels",
        "trained on": ", ".join(f"{count:,} {part}" for part, count in photos.items()) + " photos",
        "fingerprint": about.get("fingerprint", "")[:16],
        "network": about.get("config", {}).get("model", {}).get("architecture", ""),
        **_origin(about),
        **(_measured(about) if bundle.finds_outfits else _accuracies(about.get("metrics", {}))),
        "size": f"{size / 1e6:.1f} MB in {bundle.path}",
        "versions": ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items()),
    }
    show(*(f"{name:20} {value}" for name, value in rows.items()))


def _origin(about: dict[str, Any]) -> dict[str, str]:
    """The rows that say how long it was trained and with which teacher, or what a quick model was built on."""
    others = {
        row: f"{about[name].get('name', '')}, {about[name].get('sha256', '')[:16]}"
        for name, row in (("trunk", "built on"), ("teacher", "teacher"))
        if name in about
    }
    if "built on" in others:
        return others
    epochs = about.get("epochs", {})
    if "steps" in epochs:
        return {"training": f"{epochs['steps']:,} steps, seed {about.get('seed')}"}
    training = f"{epochs.get('trained')} epochs, the best {epochs.get('best')}, seed {about.get('seed')}"
    return {"training": training, **others}


def _measured(about: dict[str, Any]) -> dict[str, str]:
    """The rows of a bundle of outfits: its task, and how good it is on validation photos."""
    from clothes.inference.confidence import percent

    rows, measured = {"task": "the garments of an outfit"}, about["outfit"].get("measured", {})
    texts = {
        "f1": "garments of worn outfits, micro F1",
        "flat_exact": "photos of one garment laid flat: exactly that one found",
        "empty_claimed": "photos without clothing: some found",
    }
    found = [f"{percent(measured[key])} {text}" for key, text in texts.items() if key in measured]
    return rows | ({"validation": "; ".join(found)} if found else {})


def _accuracies(metrics: dict[str, Any]) -> dict[str, str]:
    from clothes.inference.confidence import percent

    found = {"test accuracy": "not measured yet: clothes evaluate"} if "test" not in metrics else {}
    for part, result in metrics.items():
        low, high = result["interval"]
        accuracy = f"{percent(result['accuracy'])} ({percent(low)} to {percent(high)}) on {result['photos']:,} photos"
        found = {f"{part} accuracy": accuracy} | found
    return found


@app.command()
def verify(bundle: BundleFolder, as_json: AsJson = False) -> None:
    """Check that a copy of a bundle is complete and unchanged.

    Compares the checksum of every file, the answers to the golden samples, the classes and the versions. The exit
    status is 1 if a check fails.

    Example: clothes verify runs/shirts/bundle
    """
    result = clothes.verify(bundle)
    show_result(result, render_verification, as_json)
    if not result.holds:
        raise typer.Exit(1)


def render_verification(result: "clothes.Verification") -> None:
    width = max(len(finding.what) for finding in result.findings)
    show(*(f"{'good' if each.holds else 'BAD ':4}  {each.what:{width}}  {each.found}" for each in result.findings))
    verdict = "is complete and answers as it was made to" if result.holds else "is damaged or changed: do not use it"
    show("", f"{result.path} {verdict}.")


ExportFormat = Literal["onnx", "litert", "saved-model", "keras", "space", "web"]


@app.command()
def export(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    export_format: Annotated[ExportFormat, typer.Option("--format", help="The format to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="ONNX with 8-bit weights: a quarter of the size.")] = False,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos to compare them on. [default: of the run, or starter pictures]"),
    ] = None,
    runtime: Annotated[
        str, typer.Option(metavar="local|cdn|DIR", help="LiteRT.js of a web page: inside, linked, or from a folder.")
    ] = "local",
    as_json: AsJson = False,
) -> None:
    """Convert a bundle for phones, browsers, servers or a Space.

    The export is kept only if it answers like the bundle on the golden samples and on 100 pictures. export.json beside
    the model lists the classes in order and how a photo is prepared. All formats except litert, space and web need the
    weights of the bundle. The base installation writes litert and web; space needs the extra serve, onnx the extra
    export. A web page takes LiteRT.js from npm, and is checked in Chromium if there is one.

    Example: clothes export runs/shirts --format onnx --out shirts-onnx
    """
    from clothes.inference.run import find_run

    with progress_bars() as bars:
        progress = bars.to("Exporting")
        result = clothes.export(
            bundle, to=export_format, out=out, int8=int8, photos=photos, runtime=runtime, progress=progress
        )
    show_result(result, render_export, as_json)
    run = find_run(bundle) if photos is None else None
    if run and "photos of the run" not in result.compared[-1].what:
        note(f"No photo of the run can be read in {run.photos}, which {run.path / 'run.json'} names: see --photos.")
    if export_format == "space":
        note(f"Next:  hf upload USER/NAME {quote(out)} --repo-type space")
    if export_format == "web":
        note(f"Next, open http://localhost:8000 after:  python -m http.server --directory {quote(out)}")


def render_export(result: "clothes.Export") -> None:
    from clothes.inference.confidence import percent

    show_table(
        ["compared with the bundle", "same answers", "largest difference of a score"],
        [[item.what, percent(item.agreement), f"{item.difference:.2g}"] for item in result.compared],
    )
    if result.conversion is not None:
        show(f"Largest difference of a score from the Keras network: {result.conversion:.2g}")
    show(*result.notes)
    show("", *(result.path / name for name in (*result.files, "export.json")))
