"""Batches of changed photos with their targets: one warp for photo and mask, then light and noise as a phone gives.

A target says of each cell of 8 x 8 pixels which classes it may have, one bit a class: more than one along an edge and
where nobody labelled it. NumPy and OpenCV alone, and a function of the random generator, as `training.augmentation`.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from clothes.outfits.kinds import CLASSES, GARMENTS
from clothes.photos.decode import LETTERBOX_GRAY
from clothes.training.outfits.examples import UNLABELLED, Example

CELL = 8  # pixels
_SHARE = 0.35  # of a cell: the least with which a class counts in it
_SMALLEST = 0.004  # share of the picture: the least with which a garment is present
_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_WARP_MASK = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
_FILL = len(CLASSES)  # the code in a warped mask of what lies beside the photo
_FIRST = CLASSES.index(GARMENTS[0])


class Batch(NamedTuple):
    """Pictures uint8 (N, H, W, 3), cells int32 (N, H / 8, W / 8) of bits, garments float32 (N, garments)."""

    pictures: np.ndarray
    cells: np.ndarray
    present: np.ndarray


def make_batches(
    examples: Sequence[Example], mix: dict[str, int], shape: tuple[int, int], rng: np.random.Generator
) -> Iterator[Batch]:
    """Yields batches without end: as many changed photos of each kind as `mix` says, each kind in a random order.

    Among photos with one known garment, rare garments come as often as frequent ones, by the square root.
    """
    pools: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        pools[example.kind].append(example)
    drawn = {kind: _in_turn(pools[kind], rng) for kind in mix if pools[kind]}
    while True:
        chosen = [next(drawn[kind]) for kind, count in mix.items() if kind in drawn for _ in range(count)]
        yield stack([changed(example, shape, rng) for example in chosen])


def _in_turn(pool: list[Example], rng: np.random.Generator) -> Iterator[Example]:
    while True:
        yield from (pool[i] for i in rng.permutation(len(pool)))


def stack(samples: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Batch:
    return Batch(*(np.stack(column) for column in zip(*samples, strict=True)))


def changed(
    example: Example, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns one randomly changed photo as a picture of this height and width, with its cells and its garments."""
    matrix = _random_matrix(example, shape, rng)
    fill = [LETTERBOX_GRAY] * 3 if rng.random() < 0.5 else rng.integers(0, 256, 3).tolist()
    picture, mask = _warped(example, matrix, shape, fill)
    if rng.random() < 0.8:
        picture = cv2.LUT(picture, _light(rng))
    if rng.random() < 0.06:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.2:
        picture = _degraded(picture, rng)
    return picture, *_targets(example, mask)


def letterboxed(example: Example, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a photo unchanged in a grey square, as it is predicted, with its cells and its garments."""
    height, width = example.mask.shape
    matrix = _matrix((height, width), (size, size), scale=size / max(height, width))
    picture, mask = _warped(example, matrix, (size, size), [LETTERBOX_GRAY] * 3)
    return picture, *_targets(example, mask)


def _warped(
    example: Example, matrix: np.ndarray, shape: tuple[int, int], fill: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    size, constant = shape[::-1], cv2.BORDER_CONSTANT
    pixels = example.pixels
    if np.abs(np.linalg.det(matrix[:, :2])) > 2.5:  # a warp takes single pixels: smooth what it would skip
        pixels = cv2.blur(pixels, (2, 2))
    picture = cv2.warpAffine(pixels, matrix, size, None, _WARP, constant, fill)
    return picture, cv2.warpAffine(example.mask, matrix, size, None, _WARP_MASK, constant, _FILL)


def _random_matrix(example: Example, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A flip, a slight turn, and a zoom: near (half bodies), as it is, or far (small in the picture)."""
    height, width = example.mask.shape
    fit = min(shape[0] / height, shape[1] / width)
    near = (1.1, 2.6) if example.labelled and example.kind != "flat" else (1.0, 1.2)
    low, high = ((0.75, 1.1), near, (0.35, 0.75))[rng.choice(3, p=(0.55, 0.3, 0.15))]
    zoom = math.exp(rng.uniform(math.log(low), math.log(high)))
    angle = math.radians(rng.normal(0, 12 if example.kind == "flat" else 5))
    if example.kind == "flat" and rng.random() < 0.1:
        angle += rng.integers(1, 4) * math.pi / 2
    seen = np.minimum(1, np.array(shape) / (fit * zoom * np.array([height, width])))  # share of the photo's sides
    room = np.maximum(0, 1 - np.array([height, width]) * fit * zoom / np.array(shape))  # share of the picture's
    centre = rng.uniform(seen / 2, 1 - seen / 2) if example.labelled else np.full(2, 0.5)
    shift = rng.uniform(-0.5, 0.5, 2) * room
    return _matrix(
        (height, width), shape, scale=fit * zoom, centre=tuple(centre), shift=tuple(shift), angle=angle,
        stretch=math.exp(rng.uniform(-0.1, 0.1)), mirror=bool(rng.random() < 0.5),
    )  # fmt: skip


def _matrix(
    photo: tuple[int, int],
    picture: tuple[int, int],
    *,
    scale: float,
    centre: tuple[float, float] = (0.5, 0.5),
    shift: tuple[float, float] = (0, 0),
    angle: float = 0,
    stretch: float = 1,
    mirror: bool = False,
) -> np.ndarray:
    """Returns (2, 3): maps pixels of the picture to the photo. `centre` of the photo lies in the picture's centre."""
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    linear = np.array([[cos * stretch, -sin / stretch], [sin * stretch, cos / stretch]])
    if mirror:
        linear[:, 0] *= -1
    middle = (np.array(picture[::-1]) - 1) / 2 + np.array(shift[::-1]) * picture[::-1]
    target = np.array(centre[::-1]) * photo[::-1] - 0.5
    return np.concatenate([linear, (target - linear @ middle)[:, None]], axis=1)


def _light(rng: np.random.Generator) -> np.ndarray:
    """Returns (1, 256, 3): gamma, tint, brightness and contrast; one in six is dark, as photos at night are."""
    level = np.linspace(0, 1, 256)[:, None]
    table = level ** math.exp(rng.uniform(-0.25, 0.25)) * np.exp(rng.uniform(-0.12, 0.12, 3))
    table = (table - 0.5) * math.exp(rng.uniform(-0.3, 0.2)) + 0.5 + rng.uniform(-0.1, 0.1)
    if rng.random() < 1 / 6:
        table = table * rng.uniform(0.25, 0.7)
    return np.round(table.clip(0, 1) * 255).astype(np.uint8)[None]


def _degraded(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lowers the resolution, adds noise, or compresses as a JPEG of low quality."""
    kind = rng.integers(3)
    if kind == 0:
        scale = rng.uniform(0.35, 0.8)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, picture.shape[1::-1])
    if kind == 1:
        noise = rng.normal(0, rng.uniform(3, 12), picture.shape).astype(np.float32)
        return (picture + noise).clip(0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def _targets(example: Example, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cells and the garments of a warped mask."""
    lookup = np.zeros(256, np.int32)
    lookup[: len(CLASSES)] = 1 << np.arange(len(CLASSES))
    lookup[_FILL], lookup[UNLABELLED] = 1, example.allowed
    height, width = mask.shape[0] // CELL, mask.shape[1] // CELL
    cells, most = np.zeros((height, width), np.int32), np.zeros((height, width))
    for code in np.unique(mask):
        share = (mask == code).reshape(height, CELL, width, CELL).mean(axis=(1, 3))
        cells |= np.where((share >= _SHARE) | (share > most), lookup[code], 0)
        cells = np.where(share > 0.65, lookup[code], cells)  # elsewhere, what came before stays allowed
        most = np.maximum(most, share)
    present = np.zeros(len(GARMENTS), np.float32)
    if example.labelled and example.kind != "flat":
        counts = np.bincount(mask.ravel(), minlength=256)[_FIRST : _FIRST + len(GARMENTS)] / mask.size
        present[counts >= _SMALLEST] = 1
    else:
        present[[code - _FIRST for code in example.present]] = 1
    return cells, present
