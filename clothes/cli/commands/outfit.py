"""`clothes outfit`."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import clothes
from clothes.cli.commands.prediction import show_answers
from clothes.cli.options import AsJson

if TYPE_CHECKING:
    from clothes.outfits.outfit_parser import Garment

app = typer.Typer(rich_markup_mode=None)


@app.command()
def outfit(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO", help="Photos, folders or globs; - reads names from stdin.")
    ],
    model: Annotated[
        Path | None, typer.Option("--model", metavar="BUNDLE", help="A bundle of outfits. [default: the bundled one]")
    ] = None,
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Show the K best names of each garment.")] = 1,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each photo with its garments drawn on it into DIR.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Name every garment in photos, with its place and colour.

    Example: clothes outfit me.jpg --draw drawn
    """
    parser = clothes.load_outfit(model)

    def to_dict(answer: "clothes.Outfit") -> dict[str, Any]:
        garments = [garment.to_dict(top=top) for garment in answer.garments]
        return {"photo": answer.photo, "garments": garments, "scores": answer.scores}

    def to_line(answer: "clothes.Outfit") -> str:
        return _to_line(answer, top)

    def each(answer: "clothes.Outfit") -> None:
        if draw is not None:
            _draw(answer, draw)

    show_answers(photos, parser.parse_many, to_dict, to_line, as_json, each=each)


def _to_line(answer: "clothes.Outfit", top: int) -> str:
    found = ", ".join(_describe(garment, top) for garment in answer.garments)
    return f"{answer.photo}: {found or 'no clothing found'}"


def _describe(garment: "Garment", top: int) -> str:
    from clothes.inference.confidence import percent

    others = [f" or {name} {percent(score)}" for name, score in list(garment.scores.items())[1:top]]
    remarks = [color.name for color in garment.colors[:1]] + ([] if garment.known else ["not sure"])
    remark = f" ({', '.join(remarks)})" if remarks else ""
    return f"{garment.label} {percent(garment.confidence)}{''.join(others)}{remark}"


def _draw(answer: "clothes.Outfit", folder: Path) -> None:
    """Writes the drawing of a photo under a name that no other file has. Raises PhotoError if the photo is gone."""
    from clothes.outfits.drawing import draw_garments
    from clothes.photos import decode
    from clothes.system.files import write_new

    photo = str(answer.photo)
    image = draw_garments(decode.read(photo), answer.garments)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = Path(photo).stem, 1
    while os.path.lexists(path := folder / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")):
        number += 1
    write_new(path, file.getvalue())
