"""`load_outfit(bundle)` -> OutfitParser: photo -> the garments in it, on LiteRT, without TensorFlow."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from clothes.errors import BundleError, PhotoError
from clothes.inference.bundle import Bundle, read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT, Classifier, check_first_probe, load, map_photos, open_model
from clothes.outfits.colors import Color, name_colors
from clothes.outfits.kinds import BACKGROUND, GARMENTS, KINDS, PERSON
from clothes.outfits.naming import NOT_ASKED, Crop, Naming, Scene
from clothes.outfits.regions import Region, find_regions, without_edge
from clothes.outfits.view import Box, View
from clothes.photos import decode

_MARGIN = 0.1  # of a crop, as a share of its sides: the classifier learnt from crops with some
_SMALL = 0.55  # share of the photo's longer side: if people and garments lie in less, they are looked at again, larger
_AROUND = 0.2  # of what is looked at again


@dataclass(frozen=True)
class Garment:
    """A garment in a photo: `box` is left, top, right, bottom in pixels of the upright photo, `area` its share of it.

    `confidence` is the probability that a garment of this label is there; if `known` is false its name is "not sure".
    `scores` holds the probability of each label it may have, highest first. `colors` are those of its own pixels.
    """

    label: str
    confidence: float
    known: bool
    box: Box
    area: float
    colors: tuple[Color, ...]
    scores: dict[str, float]
    _view: View = field(repr=False, compare=False)
    _region: Region = field(repr=False, compare=False)

    def to_dict(self, *, top: int | None = None) -> dict[str, Any]:
        """Returns plain values for JSON, with the `top` best scores."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "known": self.known,
            "box": list(self.box),
            "area": self.area,
            "colors": [asdict(color) for color in self.colors],
            "scores": dict(list(self.scores.items())[:top]),
        }

    @property
    def mask(self) -> np.ndarray:
        """The garment's pixels, bool (H, W) of the upright photo."""
        return self._view.mask(self._region.mask)

    def resized(self, photo_size: tuple[int, int]) -> Self:
        """Returns the garment in a copy of its photo that has this width and height, for drawing."""
        view = self._view.resized(photo_size)
        return replace(self, box=view.box(self._region.box), _view=view)


@dataclass(frozen=True)
class Outfit:
    """All garments of a photo, the largest first, and the probability of each label to be in it, highest first."""

    garments: list[Garment]
    scores: dict[str, float]
    photo: str | None = None


class OutfitParser:
    """A loaded bundle of outfits, and the classifier that names its crops. Thread-safe."""

    def __init__(self, bundle: Bundle, classifier: Classifier | None = None) -> None:
        if not bundle.finds_outfits:
            raise BundleError(f"The bundle {bundle.path} gives a photo one class, no outfit. Use it with clothes.load.")
        if missing := {BACKGROUND, PERSON} - set(bundle.classes):
            raise BundleError(f"The bundle {bundle.path} cannot be used: it has no class {min(missing)}. Train again.")
        self.path, self.classes, self.image_size = bundle.path, bundle.classes, bundle.image_size
        self.info = bundle.info
        """The content of bundle.json."""
        self.naming = Naming.from_info(bundle.info["outfit"])
        self.classifier = classifier or load()
        self.model = open_model(bundle)
        check_first_probe(bundle, self.model)

    def garments(self, photo: decode.Photo) -> list[Garment]:
        """Returns the garments of a photo, as `Classifier.predict` takes it, the largest first. Raises PhotoError.

        An empty list says that there is no clothing.
        """
        return self.parse(photo).garments

    def parse(self, photo: decode.Photo) -> Outfit:
        """Returns the garments of a photo, and what it may hold. Raises PhotoError."""
        pixels = decode.read(photo)
        view, cells, scores = self.look(pixels)
        regions = self.regions(view, cells)
        scene = self.scene(cells, regions)
        found = [self._garment(pixels, view, region, scene) for region in regions]
        shown = [garment for garment in found if garment.confidence >= self.naming.least(scene)]
        shown.sort(key=lambda garment: -garment.area)
        name = os.fspath(photo) if isinstance(photo, str | os.PathLike) else None
        return Outfit(_without_repeats(shown), scores, name)

    def parse_many(self, photos: Iterable[decode.Photo]) -> Iterator[Outfit | PhotoError]:
        """Yields the outfit of each photo, in order; for an unreadable one its PhotoError."""
        return map_photos(self.parse, photos)

    def look(self, pixels: np.ndarray) -> tuple[View, np.ndarray, dict[str, float]]:
        """Returns the view of a photo, its map float32 (h, w, classes), and the scores of the whole photo.

        A person who is small in the photo is looked at from nearer.
        """
        view = View.of(pixels, self.image_size)
        cells, scores = self._run(view)
        garments = [i for i, name in enumerate(self.classes) if name in GARMENTS]
        shown = np.argwhere(cells[..., self.classes.index(BACKGROUND)] < 0.5)
        if len(shown) and (cells[..., garments].sum(axis=-1) > 0.5).any():
            side, (low, high) = len(cells), (shown.min(axis=0), shown.max(axis=0) + 1)
            if max(high - low) / side < _SMALL:
                shares = (low[1] / side, low[0] / side, high[1] / side, high[0] / side)
                view = View.of(pixels, self.image_size, _widened(view.box(shares), view.photo_size, _AROUND))
                cells = self._run(view)[0]
        return view, cells, scores

    def _run(self, view: View) -> tuple[np.ndarray, dict[str, float]]:
        """The map and the scores of a view: the mean of the picture's and of its mirror image's."""
        try:
            seen, mirrored = self.model.run_all(view.picture), self.model.run_all(view.picture[:, ::-1])
            cells = (seen["regions"] + mirrored["regions"][:, ::-1]) / 2
            scores = (seen["scores"] + mirrored["scores"]) / 2
        except KeyError:
            raise BundleError(f"The bundle {self.path} cannot be used: its model has no output for regions.") from None
        if (
            cells.shape != (self.image_size // 8, self.image_size // 8, len(self.classes))
            or not np.isfinite(cells).all()
        ):
            raise BundleError(f"The bundle {self.path} cannot be used: its regions are no probabilities. Train again.")
        inside = np.zeros(cells.shape[:2], bool)
        rows, columns = view.place
        inside[rows.start // 8 : -(-rows.stop // 8), columns.start // 8 : -(-columns.stop // 8)] = True
        cells[~inside] = np.eye(len(self.classes))[self.classes.index(BACKGROUND)]
        order = [i for i in np.argsort(-scores, kind="stable") if self.classes[i] in GARMENTS]
        return cells, {self.classes[i]: float(scores[i]) for i in order}

    def regions(self, view: View, cells: np.ndarray) -> list[Region]:
        """Returns the regions in the map of a view that are large enough in the photo."""
        return find_regions(cells, self.classes, least=self.naming.least_area / view.share)

    def scene(self, cells: np.ndarray, regions: Sequence[Region]) -> Scene:
        """Returns what a map and its regions show as a whole."""
        return Scene(float(cells[..., self.classes.index(PERSON)].mean()), len(regions))

    def crop(self, pixels: np.ndarray, view: View, region: Region) -> Crop:
        """Returns what the classifier says of a region's crop."""
        if not set(KINDS[region.kind]) & set(self.classifier.classes):
            return NOT_ASKED
        left, top, right, bottom = _widened(view.box(region.box), view.photo_size, _MARGIN)
        outputs = self.classifier.outputs(np.ascontiguousarray(pixels[top:bottom, left:right]))
        return Crop(dict(zip(self.classifier.classes, outputs.scores.tolist(), strict=True)), outputs.certainty)

    def _garment(self, pixels: np.ndarray, view: View, region: Region, scene: Scene) -> Garment:
        crop = self.crop(pixels, view, region)
        names = self.naming.names(region, self.classes, crop)
        confidence = self.naming.confidence(names, region, self.classes, crop, scene)
        return Garment(
            label=next(iter(names)),
            confidence=confidence,
            known=confidence >= self.naming.known,
            box=view.box(region.box),
            area=min(1.0, region.area * view.share),
            colors=name_colors(view.pixels(without_edge(region.mask))),
            scores=names,
            _view=view,
            _region=region,
        )


def _widened(box: Box, photo_size: tuple[int, int], share: float) -> Box:
    """Returns a box with a margin on each side, inside the photo."""
    (width, height), (left, top, right, bottom) = photo_size, box
    across, down = round(share * (right - left)), round(share * (bottom - top))
    return max(0, left - across), max(0, top - down), min(width, right + across), min(height, bottom + down)


def _without_repeats(garments: list[Garment]) -> list[Garment]:
    """Drops a garment of the same label as a larger one that it touches, such as an inner layer named as the outer."""
    kept: list[Garment] = []
    for garment in garments:
        if not any(garment.label == other.label and _overlap(garment.box, other.box) > 0.3 for other in kept):
            kept.append(garment)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Returns the area that two boxes share, as a share of the first one's."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down) / ((one[2] - one[0]) * (one[3] - one[1]))


def load_outfit(path: str | os.PathLike[str] | None = None, *, classifier: Classifier | None = None) -> OutfitParser:
    """Loads the parser of a bundle of outfits; without a path, of the bundled one. Raises BundleError.

    Crops are named by this classifier, or by the bundled one.
    """
    return OutfitParser(read_bundle(path if path is not None else BUNDLED_OUTFIT), classifier)
