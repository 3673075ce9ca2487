"""How well an export agrees with its bundle, how well it must, and the pictures on which they are compared."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from clothes.collection.public_datasets import starter_pictures
from clothes.errors import ExportError, PhotoError, PhotosError
from clothes.exporting.drawn_outfits import draw_outfits
from clothes.inference.bundle import Bundle
from clothes.inference.classifier import TOLERANCE
from clothes.inference.run import find_run
from clothes.photos import decode
from clothes.photos.folders import OTHER, list_photos
from clothes.system.plurals import counted
from clothes.system.terminal_text import utf8

PICTURES = 100


class Limits(NamedTuple):
    """The least share of equal labels on pictures, the largest difference of a score, and that of a box's side."""

    agreement: float
    difference: float
    box: float = 0.0


EQUAL = Limits(1.0, TOLERANCE)  # copies of the bundle's model
CONVERTED = Limits(0.95, 0.25)  # the bundle computes with 8 bits, a converted export in float32
IN_BROWSER = Limits(0.95, 0.1)  # the bundle's model, on pixels that a browser decodes
OUTFITS_IN_BROWSER = Limits(0.95, 0.1, 0.02)
CONVERTED_CELLS = Limits(0.9, 1.0)  # as CONVERTED, each cell of a map: along an edge, and on odd pictures, both guess

T = TypeVar("T")


class Pictures(NamedTuple):
    """Pictures to compare on: a description, photos for the decoder, and their squares uint8 (N, size, size, 3)."""

    what: str
    photos: Sequence[decode.Photo]
    squares: np.ndarray


Scorer = Callable[[Pictures], np.ndarray]  # -> probabilities float32 (N, classes), or (N, rows, columns, classes)


@dataclass(frozen=True)
class Agreement:
    """The answers of an export and its bundle for some pictures.

    `agreement` is the share of equal labels, of a map of equal cells, `difference` the largest difference of a score.
    Of outfits, pictures with the same garments agree, and `box` is the largest distance of the sides of a garment's two
    boxes, as a share of the picture's longer side.
    """

    what: str
    pictures: int
    agreement: float
    difference: float
    box: float | None = None


def compare(what: str, scores: np.ndarray, expected: np.ndarray) -> Agreement:
    """Compares the scores (N, ..., classes) of an export with those of its bundle. NaN equals nothing."""
    equal = (scores.argmax(axis=-1) == expected.argmax(axis=-1)) & np.isfinite(scores).all(axis=-1)
    agreement = float(equal.mean())
    return Agreement(what, len(scores), agreement, float(np.abs(scores - expected).max()))


def require_equality(format_name: str, difference: float) -> None:
    """Raises ExportError if a score differs from the Keras network that was converted. Passes NaN."""
    if difference > TOLERANCE:
        raise ExportError(
            f"The {format_name} export is wrong: a score differs by {difference:.2g} from the network that it was made "
            f"from ({TOLERANCE:g} is allowed), so it is not kept. Please report this with `clothes info`."
        )


def require_agreement(format_name: str, agreements: Sequence[Agreement], limits: Limits) -> None:
    """Raises ExportError if an export answers differently from its bundle."""
    least, largest, farthest = limits
    are_near = [item.difference <= largest and (item.box or 0) <= farthest for item in agreements]  # false for NaN
    if agreements[-1].agreement >= least and all(are_near):
        return
    found = "; ".join(
        f"{item.what}: {item.agreement:.0%} equal labels, largest difference of a score {item.difference:.2g}"
        + (f", of a box {item.box:.2%} of the longer side" if item.box is not None else "")
        for item in agreements
    )
    raise ExportError(
        f"The {format_name} export does not agree with its bundle, so it is not kept. {found}. Required are "
        f"{least:.0%} equal labels on pictures, and differences up to {largest:g}. If the bundle is for other photos "
        "than these, name some: --photos DIR."
    )


def comparison_pictures(bundle: Bundle, photos: Path | None) -> Pictures:
    """Returns up to 100 pictures.

    They come from the folder `photos`, else from the bundle's run (never its test part) and the starter pictures. For
    a bundle of outfits, which has no run, they are drawn. Raises PhotosError for a folder without readable photos.
    """
    if photos is not None:
        given = _decode(bundle, _spread(list_photos(photos)[0]), PICTURES)
        if not given:
            raise PhotosError(f"No photo in {photos} can be read. Name a folder of photos: --photos DIR.")
        return _pictures(f"{counted(len(given), 'photo')} of {utf8(photos.name)}", given)
    if bundle.finds_outfits:
        return _pictures(f"{PICTURES} drawn outfits", _decode(bundle, draw_outfits(PICTURES), PICTURES))
    found: list[tuple[decode.Photo, np.ndarray]] = []
    if run := find_run(bundle.path):
        parts = [_spread(run.split.part(part)) for part in ("validation", "train")]
        listed = (run.photos / row.photo for rows in parts for row in rows if row.label != OTHER)
        found = _decode(bundle, listed, PICTURES)
    starters = PICTURES - len(found)
    names = [f"{counted(len(found), 'photo')} of the run"] if found else []
    names += [counted(starters, "starter picture")] if starters else []
    found += _decode(bundle, starter_pictures(PICTURES), starters)
    return _pictures(", ".join(names), found)


def _spread(items: Sequence[T]) -> list[T]:
    """Reorders items so that the first ones come from everywhere in the list, such as from all classes."""
    step = max(1, len(items) // PICTURES)
    return [item for first in range(step) for item in items[first::step]]


def _decode(bundle: Bundle, photos: Iterable[decode.Photo], most: int) -> list[tuple[decode.Photo, np.ndarray]]:
    """Returns the first readable photos, and their squares for the bundle."""
    found: list[tuple[decode.Photo, np.ndarray]] = []
    for photo in photos:
        if len(found) == most:
            break
        with suppress(PhotoError):
            found.append((photo, decode.read_square(photo, bundle.image_size)))
    return found


def _pictures(what: str, found: Sequence[tuple[decode.Photo, np.ndarray]]) -> Pictures:
    return Pictures(what, [photo for photo, _ in found], np.array([square for _, square in found]))
