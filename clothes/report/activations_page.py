"""The feature maps of a network for one photo, as a page of its own and as a section of the report."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clothes.errors import ClothesError
from clothes.evaluation.activations import Look, Stage, look
from clothes.inference.classifier import load
from clothes.report.rendering import LARGE, embed_image, fill
from clothes.system.files import write_new

_MAPS, _COLUMNS, _TILE, _GAP = 8, 4, 88, 4  # maps of a stage, maps in a row, pixels of a map's longer side, of a gap
_COLORS = np.array([[20, 16, 60], [112, 31, 129], [205, 64, 113], [253, 159, 108], [252, 253, 191]])  # dark to bright


def write_look(photo: str | os.PathLike[str], *, model: str | os.PathLike[str], out: Path) -> None:
    """Writes the page with the feature maps of a photo. Raises ClothesError if the file exists."""
    taken = ClothesError(f"{out} exists and is not replaced. Name another file: --out FILE.html")
    if out.exists():
        raise taken
    shown = show_look(look(photo, model=model))
    page = fill("activations.html", name=Path(photo).name, answer=load(model).predict(photo), look=shown)
    try:
        write_new(out, page)
    except FileExistsError:
        raise taken from None


def show_look(found: Look) -> dict[str, Any]:
    """Returns the network's input and the stages for the macro `feature_maps`, with pictures as data URIs."""
    picture = Image.fromarray(found.picture)
    picture.thumbnail((LARGE, LARGE))
    stages = [{"stage": stage, "picture": draw_maps(stage)} for stage in found.stages]
    return {"picture": embed_image(picture), "stages": stages}


def draw_maps(stage: Stage) -> str:
    """Draws the maps of highest variance in one picture, a data URI."""
    maps = stage.maps[:_MAPS]
    scale = (_TILE if len(maps) > 1 else 2 * _TILE) / max(maps.shape[1:])
    width, height = (max(1, round(side * scale)) for side in (maps.shape[2], maps.shape[1]))
    columns, rows = min(len(maps), _COLUMNS), -(-len(maps) // _COLUMNS)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), "white")
    for i, values in enumerate(maps):
        tile = _colorize(values).resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(tile, (i % _COLUMNS * (width + _GAP), i // _COLUMNS * (height + _GAP)))
    return embed_image(sheet)


def _colorize(values: np.ndarray) -> Image.Image:
    """Colours a map (H, W) from its lowest value, dark, to its highest, bright."""
    steps = (values - values.min()) / max(float(np.ptp(values)), 1e-9) * (len(_COLORS) - 1)
    channels = [np.interp(steps, range(len(_COLORS)), channel) for channel in _COLORS.T]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
