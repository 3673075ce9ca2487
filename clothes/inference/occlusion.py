"""Which part of a photo decided: the picture with random parts covered, and what covering each part changed.

Works on any model, from its answers alone. Random covers as in RISE (Petsiuk et al., 2018), a linear model of what they
do as in LIME (Ribeiro et al., 2016). benchmarks/heatmaps.py compares it with others and measures how true it is.
"""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

_CELLS = 36  # that the photo is divided into
_COVERS = 80  # pictures, each with another half of the cells covered
_RIDGE = 20.0  # how strongly cells of little evidence are held at zero
_SCALE = np.array([[255, 214, 0], [240, 80, 20], [190, 0, 60]], dtype=np.float32)  # from warm to hot


@dataclass(frozen=True)
class Explanation:
    """Which parts of a photo speak for `label`.

    `picture` is the photo as the network sees it, uint8 (H, W, 3); `heatmap` float (H, W) is how much each pixel speaks
    for the label: the fall of its log-odds when the cell there is covered. Below zero it speaks against it.
    """

    label: str
    picture: np.ndarray
    heatmap: np.ndarray

    def overlay(self, size: int | None = None) -> Image.Image:
        """The photo in grey, warm where it speaks for the label, hot where it does most; its longer side `size`."""
        heat = np.clip(self.heatmap / max(float(self.heatmap.max()), 1e-9), 0, 1)[..., None]
        place = heat[..., 0] * (len(_SCALE) - 1)
        color = np.stack([np.interp(place, range(len(_SCALE)), _SCALE[:, c]) for c in range(3)], axis=-1)
        gray = np.asarray(Image.fromarray(self.picture).convert("L"))[..., None]
        alpha = 0.65 * np.clip(heat * 2 - 0.3, 0, 1)  # what is hardly warm stays grey
        mixed = Image.fromarray((gray * (1 - alpha) + color * alpha).astype(np.uint8))
        if size is None:
            return mixed
        scale = size / max(mixed.size)
        return mixed.resize([max(1, round(side * scale)) for side in mixed.size], Image.Resampling.BICUBIC)


def covered(picture: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """The picture with its mean colour wherever `cover`, (H, W) from 0 to 1, is 1."""
    weight = np.asarray(cover, dtype=np.float32)[..., None]
    mean = picture.mean(axis=(0, 1), dtype=np.float32)
    return np.round(picture * (1 - weight) + mean * weight).astype(np.uint8)


def find_heatmap(picture: np.ndarray, score: Callable[[Iterable[np.ndarray]], Sequence[float]]) -> np.ndarray:
    """How much each pixel of a picture, uint8 (H, W, 3), speaks for what `score` measures: float32 (H, W).

    `score` gives the probability of one class for each of many such pictures. The same picture gives the same heatmap.
    """
    height, width = picture.shape[:2]
    rows = min(height, max(1, round(math.sqrt(_CELLS * height / width))))
    columns = min(width, max(1, round(_CELLS / rows)))
    noise = np.random.default_rng(0).random((_COVERS, rows * columns))
    covers = np.argsort(noise, axis=1).argsort(axis=1) < rows * columns // 2  # half of the cells, each another half
    grids = covers.reshape(-1, rows, columns)
    scores = np.clip(score(covered(picture, np.clip(_enlarged(grid, picture), 0, 1)) for grid in grids), 1e-7, 1 - 1e-7)
    fall = -np.log(scores / (1 - scores))
    parts = covers - covers.mean(axis=0)
    effects = np.linalg.solve(parts.T @ parts + _RIDGE * np.eye(parts.shape[1]), parts.T @ (fall - fall.mean()))
    return _enlarged(effects.reshape(rows, columns), picture)


def _enlarged(grid: np.ndarray, picture: np.ndarray) -> np.ndarray:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(Image.fromarray(grid.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))


def to_jpeg(image: Image.Image, quality: int = 80) -> bytes:
    """A picture as JPEG, without EXIF."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
