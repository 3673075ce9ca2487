"""Occlusion heatmaps: the photo is predicted with random parts covered; the change of the score tells what counts.

Works on any model, from its scores alone. Random covers as in RISE (Petsiuk et al., 2018); a ridge regression of their
effect as in LIME (Ribeiro et al., 2016). benchmarks/heatmaps.py measures it and compares it with other methods.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

_CELLS = 36  # of the grid over the photo
_COVERS = 80  # predicted pictures, each with a random half of the cells covered
_RIDGE = 20.0  # regularization: cells of little evidence stay near zero
_COLORS = np.array([[255, 214, 0], [240, 80, 20], [190, 0, 60]], dtype=np.float32)  # from warm to hot


@dataclass(frozen=True)
class Explanation:
    """Which parts of a photo speak for `label`.

    `picture` is the photo as the network sees it, uint8 (H, W, 3). `heatmap`, float (H, W), is the fall of the label's
    log-odds if the cell there is covered: above zero a pixel speaks for the label, below zero against it.
    """

    label: str
    picture: np.ndarray
    heatmap: np.ndarray

    def overlay(self, size: int | None = None) -> Image.Image:
        """Returns the photo in grey, coloured where it speaks for the label; `size` is its longer side in pixels."""
        heat = np.clip(self.heatmap / max(float(self.heatmap.max()), 1e-9), 0, 1)
        steps = range(len(_COLORS))
        color = np.stack([np.interp(heat * steps[-1], steps, _COLORS[:, c]) for c in range(3)], axis=-1)
        gray = np.asarray(Image.fromarray(self.picture).convert("L"))[..., None]
        alpha = 0.65 * np.clip(heat[..., None] * 2 - 0.3, 0, 1)  # cold pixels stay grey
        mixed = Image.fromarray((gray * (1 - alpha) + color * alpha).astype(np.uint8))
        if size is None:
            return mixed
        scale = size / max(mixed.size)
        return mixed.resize([max(1, round(side * scale)) for side in mixed.size], Image.Resampling.BICUBIC)


def find_heatmap(picture: np.ndarray, score: Callable[[Iterable[np.ndarray]], Sequence[float]]) -> np.ndarray:
    """Computes the heatmap float32 (H, W) of a picture uint8 (H, W, 3) for the class that `score` measures.

    `score` returns the probability of one class for each of many pictures. Deterministic.
    """
    height, width = picture.shape[:2]
    rows = min(height, max(1, round(math.sqrt(_CELLS * height / width))))
    columns = min(width, max(1, round(_CELLS / rows)))
    noise = np.random.default_rng(0).random((_COVERS, rows * columns))
    covers = np.argsort(noise, axis=1).argsort(axis=1) < rows * columns // 2
    grids = covers.reshape(-1, rows, columns)
    scores = np.clip(score(covered(picture, np.clip(_resized(grid, picture), 0, 1)) for grid in grids), 1e-7, 1 - 1e-7)
    fall = -np.log(scores / (1 - scores))
    centred = covers - covers.mean(axis=0)
    ridge = _RIDGE * np.eye(centred.shape[1])
    effects = np.linalg.solve(centred.T @ centred + ridge, centred.T @ (fall - fall.mean()))
    return _resized(effects.reshape(rows, columns), picture)


def covered(picture: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Blends a picture with its mean colour; `cover` (H, W) is the weight of that colour, 0 to 1."""
    weight = np.asarray(cover, dtype=np.float32)[..., None]
    mean = picture.mean(axis=(0, 1), dtype=np.float32)
    return np.round(picture * (1 - weight) + mean * weight).astype(np.uint8)


def _resized(grid: np.ndarray, picture: np.ndarray) -> np.ndarray:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(Image.fromarray(grid.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
