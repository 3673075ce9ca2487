"""The pictures on which an export is compared with its bundle."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from clothes.collection.public_datasets import starter_pictures
from clothes.errors import PhotoError, PhotosError
from clothes.inference.bundle import Bundle
from clothes.inference.run import Run
from clothes.photos import decode
from clothes.photos.folders import OTHER, list_photos

PICTURES = 100

T = TypeVar("T")


def comparison_pictures(bundle: Bundle, photos: Path | None) -> tuple[str, np.ndarray]:
    """Returns a description of up to 100 pictures and the pictures, uint8 (N, size, size, 3).

    Of a folder of photos, else of the bundle's run and the starter pictures. Raises PhotosError for a folder without
    readable photos.
    """
    if photos is not None:
        found = _decode(bundle, _spread(list_photos(photos)[0]))
        if not len(found):
            raise PhotosError(f"No photo in {photos} can be read. Name a folder of photos: --photos DIR.")
        return f"{len(found)} photos of {photos.name}", found
    starter = starter_pictures(PICTURES)
    folder = bundle.path.resolve().parent
    if not (folder / "run.json").exists():
        return f"{PICTURES} starter pictures", _decode(bundle, starter)
    found = _of_run(bundle, Run.open(folder))
    missing = PICTURES - len(found)
    if not missing:
        return f"{PICTURES} photos of the run", found
    found = np.array([*found, *_decode(bundle, _spread(starter)[:missing])])
    return f"{PICTURES - missing} photos of the run, {missing} starter pictures", found


def _of_run(bundle: Bundle, run: Run) -> np.ndarray:
    """Validation photos, then train photos of a run; never its test part."""
    rows = [row for part in ("validation", "train") for row in _spread(run.split.part(part)) if row.label != OTHER]
    return _decode(bundle, (run.photos / row.photo for row in rows))


def _spread(items: Sequence[T]) -> list[T]:
    """Reorders items so that the first ones come from everywhere in the list, such as from all classes."""
    step = max(1, len(items) // PICTURES)
    return [item for first in range(step) for item in items[first::step]]


def _decode(bundle: Bundle, photos: Iterable[decode.Photo]) -> np.ndarray:
    """Decodes the first 100 readable photos for the bundle."""

    def readable() -> Iterable[np.ndarray]:
        for photo in photos:
            try:
                yield decode.read_square(photo, bundle.image_size)
            except PhotoError:
                continue

    return np.array(list(islice(readable(), PICTURES)))
