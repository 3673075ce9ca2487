"""`clothes check` and `clothes split`."""

import os
from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.cli.options import AsJson, PhotosFolder
from clothes.cli.output import note, note_skipped, show, show_files, show_result, show_table
from clothes.cli.progress import progress_bars
from clothes.errors import SplitError
from clothes.system.terminal_text import quote

app = typer.Typer(rich_markup_mode=None)


@app.command()
def check(photos: PhotosFolder, as_json: AsJson = False) -> None:
    """Find unreadable, tiny and duplicate photos. Changes nothing.

    Also finds near-duplicates, classes with few photos, and photos that tell where they were taken.

    Example: clothes check photos
    """
    with progress_bars() as bars:
        report = clothes.check(photos, progress=bars.to("Reading the photos"))
    show_result(report, lambda found: show(*str(found).split("\n")), as_json)
    if report.photos:
        note(f"Next:  clothes split {quote(photos)}")


@app.command()
def split(
    photos: PhotosFolder,
    ratios: Annotated[
        str | None, typer.Option(metavar="RATIOS", help="Train/test/validation in percent. [default: 70/20/10]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Seed of the split. [default: 0]")] = None,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="photo,group: the photos of a group (person, shop) stay in one part."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write. [default: PHOTOS/split.csv]")
    ] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also copy the photos into train/, test/ and validation/ here.")
    ] = None,
    pool: Annotated[bool, typer.Option("--pool", help="Divide anew even if train/ and test/ folders exist.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing split.")] = False,
) -> None:
    """Divide photos 70/20/10 into train, test and validation parts.

    Near-duplicates stay in one part. If a split exists, its photos keep their parts and new photos are added.

    Example: clothes split photos --groups people.csv
    """
    from clothes.config import SplitConfig
    from clothes.photos.split_file import Split
    from clothes.photos.split_to_folders import copy_parts
    from clothes.training.split_and_config import check_split

    path = out or photos / "split.csv"
    exists = os.path.exists(path)  # noqa: PTH110 - Path's raises in a locked folder
    changed = ratios is not None or seed is not None
    with progress_bars() as bars:
        result = clothes.split(
            photos,
            config=SplitConfig.from_ratios(ratios or "70/20/10", seed=seed or 0) if changed else None,
            groups=groups,
            pool=pool,
            previous=Split.read(path, photos) if exists and not overwrite else None,
            progress=bars.to("Reading the photos"),
        )
    if copy_to is not None:
        copy_parts(result, copy_to)
    result.write(path, overwrite=True)
    render_split(result)
    show_files({"split": path} | ({"copies": copy_to} if copy_to else {}))
    try:
        check_split(result)
    except SplitError as error:
        note(f"Not ready for training: {error}")
    else:
        note(f"Next:  clothes train {quote(photos)}" + (f" --split {quote(out)}" if out else ""))


def render_split(result: "clothes.Split") -> None:
    counts = result.counts()
    names = sorted({row.label for row in result.rows})  # includes _other, which is not a class
    rows = [[name, *(found.get(name, 0) for found in counts.values())] for name in names]
    rows.append(["all", *(sum(found.values()) for found in counts.values())])
    show_table(["class", *counts], rows)
    show("", *result.notes)
    note_skipped(result.skipped)
