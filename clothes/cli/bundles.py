"""The commands that prove and pass on what was trained: verify, export, compare."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.cli.output import AsJson, needs, note, print_table, progress_bars, quote, to_json
from clothes.system.text import plain

app = typer.Typer(rich_markup_mode=None)

BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle or run folder.")]
_DIFFERENCES_SHOWN = 20


@app.command()
def verify(bundle: BundleFolder, as_json: AsJson = False) -> None:
    """Prove that a copy of a bundle is whole and answers as it did where it was made.

    Every file's hash, every probe picture's answer, classes and versions. Exit status 1 if anything is not as it was.

    Example: clothes verify runs/shirts/bundle
    """
    result = clothes.verify(bundle)
    if as_json:
        print(to_json(result.to_dict()))
    else:
        width = max(len(finding.what) for finding in result.findings)
        for finding in result.findings:
            print(plain(f"{'good' if finding.holds else 'BAD ':4}  {finding.what:{width}}  {finding.found}"))
        verdict = "answers as it did where it was made" if result.holds else "is NOT what it was made as: do not use it"
        print()
        print(plain(f"{result.path} {verdict}."))
    if not result.holds:
        raise typer.Exit(1)


class ExportFormat(StrEnum):
    onnx = "onnx"
    litert = "litert"
    saved_model = "saved-model"
    keras = "keras"
    space = "space"


@app.command()
def export(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    export_format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="ONNX with weights of 8 bits: a quarter of the size.")] = False,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos to compare on. [default: the run's, else starter pictures]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a bundle in another format, for a phone, a browser, a server or a Hugging Face Space.

    It is kept only if it answers as the bundle: on the probes and on 100 pictures. export.json beside the model says
    the classes in order, and what is done to a photo before. All but litert and space need the bundle's weights.

    Example: clothes export runs/shirts --format onnx --out shirts-onnx
    """
    from clothes.inference.confidence import percent

    with needs(f"An export to {export_format.value}"), progress_bars() as bars:
        result = clothes.export(bundle, to=export_format.value, out=out, int8=int8, photos=photos, progress=bars.show)
    if as_json:
        print(to_json(result.to_dict()))
        return
    print_table(
        ["compared with the bundle", "equal labels", "largest difference of a score"],
        [[item.what, percent(item.agreement), f"{item.difference:.2g}"] for item in result.compared],
    )
    if result.conversion is not None:
        print(f"Largest difference from the Keras network it was made of: {result.conversion:.2g}")
    print()
    for name in (*result.files, "export.json"):
        print(plain(str(out / name)))
    if export_format is ExportFormat.space:
        note(f"Next:  hf upload USER/NAME {quote(out)} --repo-type space")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run, or the --out of `clothes evaluate`.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, evaluated on the same photos.")],
    as_json: AsJson = False,
) -> None:
    """Which of two runs is better on the same test photos, and whether that may be chance (McNemar's exact test).

    Example: clothes compare runs/first runs/second
    """
    from clothes.inference.confidence import percent

    result = clothes.compare(first, second)
    if as_json:
        print(to_json(result.to_dict()))
        return
    names = [str(first), str(second)]
    print_table(
        ["run", "accuracy", "95 % interval", "right alone"],
        [
            [name, percent(accuracy), f"{percent(low)} to {percent(high)}", alone]
            for name, accuracy, (low, high), alone in zip(
                names, result.accuracy, result.interval, (result.only_first, result.only_second), strict=True
            )
        ],
    )
    print(
        f"\n{result.photos} photos: both right on {result.both_right}, both wrong on {result.both_wrong}; "
        f"different answers to {len(result.differences)}."
    )
    better = names[result.only_second > result.only_first]
    if result.only_first == result.only_second:
        verdict = "Neither is better."
    elif result.p < 0.05:
        verdict = f"{better} is better; chance alone would seldom do that."
    else:
        verdict = f"{better} did better, but chance alone may do that: more test photos would tell."
    print(plain(f"McNemar's exact test: p = {result.p:.3g}. {verdict}"))
    if result.differences:
        print()
        rows = [[d.photo, d.truth, d.first, d.second] for d in result.differences[:_DIFFERENCES_SHOWN]]
        print_table(["photo", "truth", *names], rows)
    if (more := len(result.differences) - _DIFFERENCES_SHOWN) > 0:
        note(f"... and {more} more: --json lists all")
    if result.left_out:
        note(f"{result.left_out} photos that only one of them was tested on are left out.")
