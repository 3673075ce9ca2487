"""What the layers see, as a page of its own."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from clothes.errors import ClothesError
from clothes.evaluation.activations import Look, Stage, look
from clothes.inference.classifier import load
from clothes.report.rendering import fill
from clothes.report.thumbnails import LARGE, embedded
from clothes.system.files import write_new

_MAPS, _ACROSS, _TILE = 8, 4, 88  # shown of each stage; in a row; pixels of the longer side
_DARK_TO_BRIGHT = np.array([[20, 16, 60], [112, 31, 129], [205, 64, 113], [253, 159, 108], [252, 253, 191]])


def write_look(photo: str | os.PathLike[str], *, model: str | os.PathLike[str], out: Path) -> None:
    """Writes a page with what the layers of a bundle's network see in a photo. Raises ClothesError when it is there."""
    seen = look(photo, model=model)
    page = fill("look.html", name=Path(photo).name, answer=load(model).predict(photo), **shown(seen))
    try:
        write_new(out, page)
    except FileExistsError:
        raise ClothesError(f"{out} is there already and stays. Name another file: --out FILE.html") from None


def shown(seen: Look) -> dict[str, object]:
    """What the template of the layers is given."""
    picture = Image.fromarray(seen.picture)
    picture.thumbnail((LARGE, LARGE))
    return {"look": seen, "look_picture": embedded(picture), "sheet": sheet}


def sheet(stage: Stage) -> str:
    """The liveliest maps of a stage side by side, as one picture."""
    maps = stage.maps[:_MAPS]
    scale = (_TILE if len(maps) > 1 else 2 * _TILE) / max(maps.shape[1:])
    width, height = (max(1, round(side * scale)) for side in (maps.shape[2], maps.shape[1]))
    whole = Image.new("RGB", (_ACROSS * (_TILE + 4), -(-len(maps) // _ACROSS) * (height + 4)), "white")
    for i, values in enumerate(maps):
        shares = (values - values.min()) / max(float(np.ptp(values)), 1e-9) * (len(_DARK_TO_BRIGHT) - 1)
        colors = [np.interp(shares, range(len(_DARK_TO_BRIGHT)), channel) for channel in _DARK_TO_BRIGHT.T]
        tile = Image.fromarray(np.stack(colors, axis=-1).astype(np.uint8))
        place = (i % _ACROSS * (_TILE + 4), i // _ACROSS * (height + 4))
        whole.paste(tile.resize((width, height), Image.Resampling.NEAREST), place)
    return embedded(whole)
