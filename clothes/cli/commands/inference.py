"""`clothes info`, `verify` and `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import clothes
from clothes.cli.options import AsJson, BundleFolder
from clothes.cli.output import note, show, show_json, show_result, show_table
from clothes.cli.progress import progress_bars
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.inference.bundle import Bundle

app = typer.Typer(rich_markup_mode=None)


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
        "photos": ", ".join(f"{count:,} {part}" for part, count in photos.items()) + " photos",
        "fingerprint": about.get("fingerprint", "")[:16],
        "network": about.get("config", {}).get("model", {}).get("architecture", ""),
        **_origin(about),
        **(_measured(about) if bundle.finds_outfits else _accuracies(about.get("metrics", {}))),
        "size": f"{size / 1e6:.1f} MB in {bundle.path}",
        "versions": ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items()),
    }
    width = max(map(len, rows))
    show(*(f"{name:{width}}  {value}" for name, value in rows.items() if value))


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
        return {"training": f"{counted(epochs['steps'], 'step')}, seed {about.get('seed')}"}
    training = f"{counted(epochs.get('trained', 0), 'epoch')}, the best {epochs.get('best')}, seed {about.get('seed')}"
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
        accuracy = f"{percent(result['accuracy'])} ({percent(low)} to {percent(high)})"
        accuracy += f" on {counted(result['photos'], 'photo')}"
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

    columns = ["compared with the bundle", "same answers", "largest difference of a score"]
    rows = [[item.what, percent(item.agreement), f"{item.difference:.2g}"] for item in result.compared]
    boxes = [item.box for item in result.compared if item.box is not None]
    if boxes:
        columns.append("of a box, of the longer side")
        rows = [[*row, percent(box)] for row, box in zip(rows, boxes, strict=True)]
    show_table(columns, rows)
    if result.conversion is not None:
        show(f"Largest difference of a score from the Keras network: {result.conversion:.2g}")
    show(*result.notes)
    show("", *(result.path / name for name in (*result.files, "export.json")))
