"""The outfit parser as a static page: every garment is named in the visitor's browser, with its place and colours.

Compared with the bundle are the garments of whole pictures, not the outputs of its model: the page's own code decides
them, too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from clothes.errors import PhotoError
from clothes.exporting.agreement import Agreement, Pictures
from clothes.exporting.source_bundle import Source
from clothes.exporting.web_page import Content, files_of, write_page
from clothes.exporting.web_runtime import integrity
from clothes.inference.bundle import MODEL
from clothes.inference.litert import LiteModel
from clothes.models.litert_head import fix_batch
from clothes.outfits import colors
from clothes.outfits.kinds import KINDS, UPPER
from clothes.outfits.outfit_parser import Garment, OutfitParser, load_outfit
from clothes.photos import decode
from clothes.system.threads import map_in_threads

_PARTS = (
    *("answers.js", "outfit_parser.js", "view.js", "regions.js", "naming.js", "colors.js", "drawing.js"),
    *("own_words.js", "outfit.css"),
)
_CLASSIFIER = "classifier.tflite"
_MEASURED = ("photos", "f1", "flat_exact", "empty_claimed")


class Found(NamedTuple):
    """A garment as it is compared: `box` are shares of the picture's longer side."""

    label: str
    known: bool
    colors: tuple[str, ...]
    confidence: float
    box: tuple[float, ...]

    @classmethod
    def of(cls, garment: Garment, longer_side: int) -> Self:
        names = tuple(color.name for color in garment.colors)
        box = tuple(value / longer_side for value in garment.box)
        return cls(garment.label, garment.known, names, garment.confidence, box)


Finder = Callable[[Pictures], list[list[Found] | None]]  # of each picture all garments; None if it cannot be read


def outfit_to_web(source: Source, folder: Path) -> Finder:
    """Writes the page. Its finder asks the page in Chromium, or without one both copied models in Python.

    Raises ExportError without LiteRT.js.
    """
    parser = load_outfit(source.bundle.path)
    classifier = parser.classifier.model.data
    models = {MODEL: fix_batch(parser.model.data, only=(b"regions",)), _CLASSIFIER: fix_batch(classifier)}
    files = models | {colors.NAMES.name: colors.NAMES.read_bytes()}
    content = Content("Whole outfit", tuple(f"outfit/{part}" for part in _PARTS), files, _describe(parser, models))
    visit = write_page(source, folder, content)
    if visit is None:
        source.notes.append(
            "There is no Chromium here, so the page was not opened: neither its code nor its LiteRT.js were checked, "
            "only that its two models are those of the bundles."
        )
        parser.model, parser.classifier.model = _RegionsModel(models[MODEL]), LiteModel(models[_CLASSIFIER])
        return _finder(parser)
    source.notes.append(
        "The page itself was asked, in Chromium: the names of all garments of a picture, which of them are sure, and "
        "their colours are those that Python gives, or the picture is not counted as the same."
    )
    return lambda pictures: _read(visit.rows(files_of(pictures)))


class _RegionsModel(LiteModel):
    """The page's model, which has no scores of the whole photo: the page does not show them."""

    def run_all(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        cells = super().run_all(picture)["regions"]
        return {"regions": cells, "scores": np.zeros(cells.shape[-1], np.float32)}


def bundle_finder(source: Source) -> Finder:
    """Returns the finder of the bundle itself."""
    return _finder(load_outfit(source.bundle.path))


def _finder(parser: OutfitParser) -> Finder:
    def find(photo: bytes) -> list[Found] | None:
        try:
            pixels = decode.read(photo)
        except PhotoError:
            return None
        return [Found.of(garment, max(pixels.shape)) for garment in parser.garments(pixels)]

    return lambda pictures: list(map_in_threads(find, files_of(pictures)))


def _read(rows: Iterable[Sequence[str]]) -> list[list[Found] | None]:
    """Reads the rows of the page's CSV file: one or more a photo."""
    found: list[list[Found] | None] = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        own = list(group)
        found.append(None if own[0][-1] else [_read_row(row) for row in own if row[3]])
    return found


def _read_row(row: Sequence[str]) -> Found:
    _, width, height, label, confidence, known, left, top, right, bottom, _, names, *_ = row
    side = max(int(width), int(height))
    box = tuple(int(value) / side for value in (left, top, right, bottom))
    return Found(label, known == "true", tuple(filter(None, names.split("; "))), float(confidence), box)


def compare_outfits(
    what: str, found: Sequence[list[Found] | None], expected: Sequence[list[Found] | None]
) -> Agreement:
    """Compares the garments that an export finds with those of its bundle.

    Differences are those of the pictures whose garments agree.
    """
    pairs = [(sorted(one or []), sorted(other or [])) for one, other in zip(found, expected, strict=True)]
    equal = [
        one is not None and [each[:3] for each in pair[0]] == [each[:3] for each in pair[1]]
        for one, pair in zip(found, pairs, strict=True)
    ]
    matched = [each for pair, same in zip(pairs, equal, strict=True) if same for each in zip(*pair, strict=True)]
    difference = max((abs(one.confidence - other.confidence) for one, other in matched), default=0.0)
    box = max((float(np.abs(np.subtract(one.box, other.box)).max()) for one, other in matched), default=0.0)
    return Agreement(what, len(pairs), float(np.mean(equal)), difference, box)


def _describe(parser: OutfitParser, models: dict[str, bytes]) -> dict[str, Any]:
    """Returns what the page needs to answer, and what it says of its accuracy."""
    measured = parser.info["outfit"].get("measured", {})
    return {
        "classes": list(parser.classes),
        "image_size": parser.image_size,
        "model": integrity(models[MODEL]),
        "kinds": KINDS,
        "upper": UPPER,
        "outfit": asdict(parser.naming),
        "classifier": {
            "classes": list(parser.classifier.classes),
            "image_size": parser.classifier.image_size,
            "model": integrity(models[_CLASSIFIER]),
        },
        "measured": {key: measured[key] for key in _MEASURED} if measured.keys() >= set(_MEASURED) else None,
    }
