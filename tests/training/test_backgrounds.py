"""A garment on a plain background is cut out and laid on another; a photo with any other background stays."""

import cv2
import numpy as np
import pytest

from clothes.photos.decode import letterbox
from clothes.training.backgrounds import cut_garment, replace_backgrounds

SIZE = 64
RNG = np.random.default_rng(0)


def shirt(background: int = 255, height: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A patterned T on an almost plain background, letterboxed, and its mask."""
    mask = np.zeros((height, SIZE), bool)
    mask[12:24, 8:56] = mask[12 : height - 12, 20:44] = True
    photo = np.clip(background + RNG.integers(-4, 5, (height, SIZE, 3)), 0, 255).astype(np.uint8)
    photo[mask] = RNG.integers(40, 200, (int(mask.sum()), 3))
    top = (SIZE - height) // 2
    return letterbox(photo, SIZE), np.pad(mask, ((top, SIZE - height - top), (0, 0)))


@pytest.mark.parametrize("background", [255, 20, 127])
@pytest.mark.parametrize("height", [SIZE, 48])
def test_the_garment_is_cut_out(background: int, height: int) -> None:
    picture, mask = shirt(background, height)
    opacity = cut_garment(picture)
    assert opacity is not None and opacity.shape == (SIZE, SIZE, 1)
    core, outside = (
        cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0,
        cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) == 0,
    )
    assert opacity[core].min() > 0.95
    assert opacity[outside].max() < 0.05


@pytest.mark.parametrize(
    "picture",
    [
        RNG.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8),  # no plain background
        np.full((SIZE, SIZE, 3), 255, np.uint8),  # nothing before it
        np.full((SIZE, SIZE, 3), 127, np.uint8),  # no photo between the bars
        np.pad(RNG.integers(0, 200, (62, 62, 3), dtype=np.uint8), ((1, 1), (1, 1), (0, 0)), constant_values=255),
    ],
    ids=["busy", "empty", "bars", "frame"],
)
def test_other_photos_are_left(picture: np.ndarray) -> None:
    assert cut_garment(picture) is None
    same = replace_backgrounds(picture[None], 1.0, picture[None], np.random.default_rng(0))
    assert np.array_equal(same[0], picture)


def test_a_garment_is_laid_on_photos_and_colours() -> None:
    pictures = np.stack([shirt()[0] for _ in range(60)])
    mask = shirt()[1]
    others = RNG.integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8) * np.array([1, 1, 0], np.uint8)
    out = replace_backgrounds(pictures, 0.5, others, np.random.default_rng(0))
    core = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0
    assert all(np.array_equal(a[core], b[core]) for a, b in zip(out, pictures, strict=True))
    corners = [picture[:8, :8] for picture in out]
    coloured = [len(np.unique(corner.reshape(-1, 3), axis=0)) == 1 for corner in corners]
    kept = [np.array_equal(a, b) for a, b in zip(out, pictures, strict=True)]
    laid = [corner[..., 2].max() == 0 and corner.max() > 0 for corner in corners]  # no blue, as the other photos
    assert sum(laid) >= 10 and sum(coloured) >= 3 and sum(kept) >= 20
    assert sum(laid) + sum(coloured) + sum(kept) == 60
    none = replace_backgrounds(pictures[:9], 1.0, others[:0], np.random.default_rng(0))
    assert all(len(np.unique(picture[:8, :8].reshape(-1, 3), axis=0)) == 1 for picture in none)
