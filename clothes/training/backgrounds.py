"""Lays garments that were photographed on a plain background on other backgrounds: a colour, or another photo."""

import cv2
import numpy as np

from clothes.photos.decode import LETTERBOX_GRAY

_TOLERANCE = 12  # levels of 255 by which a plain background varies
_PLAIN = 0.8  # share of the photo's edge that it covers at least: sleeves and legs may touch the edge
_GARMENT = (0.08, 0.85)  # share of the photo that a garment covers, or the cut is wrong
_PHOTOS = 0.6  # share of the new backgrounds that are photos; the others are colours
_PART = (0.15, 0.5)  # of the side of such a photo
_OUTLINE = 0.006  # of the side: what is cut off all around, as it shines with the old background
_FEATHER = 0.004  # of the side: softens the outline


def replace_backgrounds(
    pictures: np.ndarray, probability: float, others: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns uint8 pictures (N, size, size, 3), some of those on a plain background with another one.

    `others` (M, size, size, 3) are photos to lay garments on, one after the other; without any, only colours are used.
    A part of such a photo is enlarged: shown whole, the things on it would be learned as the garment's class.
    """
    out = pictures.copy()
    chosen = np.flatnonzero(rng.random(len(pictures)) < probability)
    for count, i in enumerate(chosen):
        garment = cut_garment(pictures[i])
        color = rng.integers(0, 256, 3)
        if garment is None:
            continue
        use_photo = len(others) and rng.random() < _PHOTOS
        behind = _part(others[count % len(others)], rng) if use_photo else np.broadcast_to(color, pictures[i].shape)
        out[i] = np.round(garment * pictures[i] + (1 - garment) * behind).astype(np.uint8)
    return out


def _part(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a square part of a letterboxed photo, without its bars, enlarged to its size."""
    size = len(photo)
    top, bottom, left, right = photo_box(photo)
    shorter = min(bottom - top, right - left)
    if not shorter:
        return photo
    side = max(1, round(shorter * rng.uniform(*_PART)))
    top, left = rng.integers((top, left), (bottom - side + 1, right - side + 1))
    return cv2.resize(photo[top : top + side, left : left + side], (size, size))


def cut_garment(picture: np.ndarray) -> np.ndarray | None:
    """Returns the garment of a letterboxed picture (size, size, 3) as opacities float32 (size, size, 1).

    Returns None if its background is not plain. The background is what has its colour and touches the photo's edge.
    """
    top, bottom, left, right = photo_box(picture)
    photo = picture[top:bottom, left:right]
    if min(photo.shape[:2]) < 16:
        return None
    edge = np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]]).astype(int)
    color = np.median(edge, axis=0)
    if (np.abs(edge - color).max(axis=1) <= _TOLERANCE).mean() < _PLAIN:
        return None
    like = (np.abs(photo.astype(int) - color).max(axis=2) <= _TOLERANCE).astype(np.uint8)
    like = cv2.erode(like, np.ones((3, 3), np.uint8), borderValue=1)  # closes thin leaks through the outline
    _, parts = cv2.connectedComponents(like)
    outer = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    background = np.isin(parts, outer[outer > 0]).astype(np.uint8)
    width = 2 * round(_OUTLINE * len(picture)) + 3
    background = cv2.dilate(background, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    garment = np.zeros(picture.shape[:2], np.float32)
    garment[top:bottom, left:right] = 1 - background
    share = garment[top:bottom, left:right].mean()
    if not _GARMENT[0] <= share <= _GARMENT[1]:
        return None
    return np.asarray(cv2.GaussianBlur(garment, (0, 0), max(0.5, _FEATHER * len(picture))))[..., None]


def photo_box(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Returns top, bottom, left and right of the photo within the grey bars of a letterboxed picture."""
    seen = (picture != LETTERBOX_GRAY).any(axis=2)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
