"""Random changes of training photos: one affine warp, one colour table, one degradation and one erased rectangle each.

NumPy and OpenCV instead of Keras layers: equal on every backend, and a function of the random generator alone, so that
a training can be repeated or resumed to the bit.
"""

import math

import cv2
import numpy as np

from clothes.config import Augmentation
from clothes.photos.decode import LETTERBOX_GRAY
from clothes.training.backgrounds import photo_box

cv2.setNumThreads(0)  # one thread makes the batches; the other cores are for the network
_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_SMALLER, _BLURRED = 0, 1  # kinds of damage; 2 is a JPEG


def augment(
    pictures: np.ndarray, config: Augmentation, rng: np.random.Generator, *, only: slice = slice(None)
) -> np.ndarray:
    """Returns changed copies of uint8 pictures (N, size, size, 3), or of `only` some of them, changed no otherwise."""
    wanted, out = range(len(pictures))[only], np.empty_like(pictures[only])
    matrices = _affine_matrices(len(pictures), pictures.shape[1], config, rng)
    tables = _color_tables(len(pictures), config.color, rng) if config.color else None
    gray = rng.random(len(pictures)) < config.gray
    boxes = _boxes(len(pictures), pictures.shape[1], config.erase, rng)
    mode, color = cv2.BORDER_REPLICATE, (0, 0, 0)
    for i, picture in enumerate(pictures):
        if config.border == "any":
            mode, color = _border(rng)
        damage = _damage(rng) if config.degrade and rng.random() < config.degrade else None
        if i not in wanted:
            continue
        if config.border == "any":
            picture = _with_border(picture, mode, color)
        changed = out[wanted.index(i)]
        cv2.warpAffine(picture, matrices[i], picture.shape[:2], changed, _WARP, mode, color)
        if tables is not None:
            cv2.LUT(changed, tables[i], dst=changed)
        if gray[i]:
            changed[:] = cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY)[..., None]
        if damage:
            changed[:] = _degraded(changed, *damage)
        top, left, height, width, *fill = boxes[i]
        changed[top : top + height, left : left + width] = fill
    return out


def _border(rng: np.random.Generator) -> tuple[int, tuple[int, int, int]]:
    """Returns the border mode of OpenCV and its colour; white and grey are as likely as a random colour."""
    red, green, blue = rng.integers(0, 256, 3).tolist()
    kinds = (
        (cv2.BORDER_REPLICATE, (0, 0, 0)),
        (cv2.BORDER_REFLECT, (0, 0, 0)),
        (cv2.BORDER_CONSTANT, (255, 255, 255)),
        (cv2.BORDER_CONSTANT, (LETTERBOX_GRAY,) * 3),
        (cv2.BORDER_CONSTANT, (red, green, blue)),
    )
    return kinds[rng.integers(len(kinds))]


def _with_border(picture: np.ndarray, mode: int, color: tuple[int, int, int]) -> np.ndarray:
    """Replaces the grey bars of a letterboxed picture by this border."""
    top, bottom, left, right = photo_box(picture)
    if not bottom:
        return picture
    height, width = picture.shape[:2]
    photo = np.ascontiguousarray(picture[top:bottom, left:right])
    return cv2.copyMakeBorder(photo, top, height - bottom, left, width - right, mode, value=color)


def _damage(rng: np.random.Generator) -> tuple[int, float]:
    """Returns what a picture loses by, and how much of it."""
    kind = int(rng.integers(3))
    if kind == _SMALLER:
        return kind, rng.uniform(0.2, 0.7)
    return kind, rng.uniform(0.003, 0.012) if kind == _BLURRED else int(rng.integers(10, 50))


def _degraded(picture: np.ndarray, kind: int, amount: float) -> np.ndarray:
    """Lowers the resolution, blurs, or compresses as a JPEG of low quality."""
    size = picture.shape[:2]
    if kind == _SMALLER:
        return cv2.resize(cv2.resize(picture, None, fx=amount, fy=amount, interpolation=cv2.INTER_AREA), size)
    if kind == _BLURRED:
        return cv2.GaussianBlur(picture, (0, 0), amount * size[0])
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(amount)])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def _affine_matrices(count: int, size: int, config: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Returns (N, 2, 3): maps pixels of the result to the photo, around its centre."""
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation, count))
    if config.turn:
        angle += np.where(rng.random(count) < config.turn, rng.integers(1, 4, count), 0) * (np.pi / 2)
    zoom = np.exp(rng.uniform(math.log(config.zoom[0]), math.log(config.zoom[1]), count))
    stretch = np.exp(rng.uniform(-config.stretch, config.stretch, count))
    shear = rng.uniform(-config.shear, config.shear, count)
    mirror = np.where(rng.random(count) < 0.5, -1, 1) if config.flip else np.ones(count)
    across, down = mirror * zoom * stretch, zoom / stretch
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.empty((count, 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cos * across, (cos * shear - sin) * down
    linear[:, 1, 0], linear[:, 1, 1] = sin * across, (sin * shear + cos) * down
    centre = np.full(2, (size - 1) / 2)
    # Shifts of whole pixels: a flip with a shift stays as sharp as the photos that are predicted.
    shift = np.round(rng.uniform(-config.shift, config.shift, (count, 2)) * size)
    offset = centre - linear @ centre + shift
    return np.concatenate([linear, offset[..., None]], axis=2)


def _color_tables(count: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Returns (N, 1, 256, 3): gamma, tint, brightness and contrast as one look-up table per channel."""

    def draw(scale: float, channels: int = 1) -> np.ndarray:
        return rng.uniform(-strength * scale, strength * scale, (count, 1, 1, channels))

    level = np.linspace(0, 1, 256)[None, None, :, None]
    table = level ** np.exp(draw(1)) * np.exp(draw(0.5, channels=3))
    table = (table + draw(0.5) - 0.5) * np.exp(draw(1)) + 0.5
    return np.round(table.clip(0, 1) * 255).astype(np.uint8)


def _boxes(count: int, size: int, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Returns (N, 7): top, left, height, width, red, green, blue; height 0 erases nothing."""
    sides = (rng.uniform(0.15, 0.5, (count, 2)) * size).astype(int)
    corners = (rng.random((count, 2)) * (size - sides + 1)).astype(int)
    sides[rng.random(count) >= probability] = 0
    return np.concatenate([corners, sides, rng.integers(0, 256, (count, 3))], axis=1)
