"""The commands that prove and pass on what was trained: verify, compare."""

from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.console import AsJson, note, print_table, to_json
from clothes.terminal import plain

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


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run, or the --out of `clothes evaluate`.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, evaluated on the same photos.")],
    as_json: AsJson = False,
) -> None:
    """Which of two runs is better on the same test photos, and whether that may be chance (McNemar's exact test).

    Example: clothes compare runs/first runs/second
    """
    from clothes.prediction import percent

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
