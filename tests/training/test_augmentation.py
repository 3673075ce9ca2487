"""Each augmentation has its effect and no other."""

import numpy as np
import pytest

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from clothes.config import Augmentation
from clothes.photos.decode import LETTERBOX_GRAY, letterbox
from clothes.training.augmentation import augment

STILL = Augmentation(flip=False, rotation=0, zoom=(1, 1), stretch=0, shear=0, shift=0, color=0, gray=0, erase=0)


def test_no_augmentation_changes_nothing() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    assert np.array_equal(augment(pictures, STILL, np.random.default_rng(0)), pictures)


def test_some_pictures_change_as_they_do_among_all() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (12, 24, 24, 3), dtype=np.uint8)
    pictures[::2, :4] = pictures[::2, -4:] = LETTERBOX_GRAY
    config = Augmentation(turn=0.3, gray=0.3, erase=0.5, border="any", degrade=0.7)
    whole = augment(pictures, config, np.random.default_rng(3))
    for some in (slice(0, 6), slice(6, 12), slice(5, 6)):
        assert np.array_equal(augment(pictures, config, np.random.default_rng(3), only=some), whole[some])


def test_flips_and_shifts_are_exact() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 3), dtype=np.uint8)
    config = Augmentation(**{**vars(STILL), "flip": True})
    flips = [augment(pictures, config, np.random.default_rng(i))[0] for i in range(20)]
    flipped = [np.array_equal(out, pictures[0, :, ::-1]) for out in flips]
    assert all(f or np.array_equal(out, pictures[0]) for f, out in zip(flipped, flips, strict=True))
    assert 4 <= sum(flipped) <= 16
    shifted = augment(pictures, Augmentation(**{**vars(STILL), "shift": 0.1}), np.random.default_rng(1))[0]
    assert set(map(tuple, shifted.reshape(-1, 3))) <= set(map(tuple, pictures.reshape(-1, 3)))


def test_turns_are_exact_quarter_turns() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (60, 24, 24, 3), dtype=np.uint8)
    out = augment(pictures, Augmentation(**{**vars(STILL), "turn": 0.75}), np.random.default_rng(0))
    turns = [
        [np.array_equal(turned, np.rot90(picture, k)) for k in range(4)]
        for turned, picture in zip(out, pictures, strict=True)
    ]
    assert all(map(any, turns))
    assert (np.sum(turns, axis=0) >= 8).all()


def test_each_change_changes_something_and_keeps_shape_and_type() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)
    for name, value in {
        "rotation": 20.0,
        "zoom": (0.7, 0.8),
        "stretch": 0.3,
        "shear": 0.3,
        "color": 0.4,
        "gray": 1.0,
        "erase": 1.0,
    }.items():
        out = augment(pictures, Augmentation(**{**vars(STILL), name: value}), np.random.default_rng(0))
        assert out.shape == pictures.shape and out.dtype == np.uint8
        assert all(not np.array_equal(a, b) for a, b in zip(out, pictures, strict=True)), name
        if name == "gray":
            assert (out[..., 0] == out[..., 2]).all()


def test_a_degraded_photo_has_lost_detail() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), dtype=np.uint8)
    out = augment(pictures, Augmentation(**{**vars(STILL), "degrade": 1.0}), np.random.default_rng(0))
    assert out.shape == pictures.shape
    assert all(a.std() < b.std() for a, b in zip(out, pictures, strict=True))
    half = augment(pictures, Augmentation(**{**vars(STILL), "degrade": 0.5}), np.random.default_rng(0))
    assert 5 < sum(np.array_equal(a, b) for a, b in zip(half, pictures, strict=True)) < 25


def test_the_letterbox_gets_another_border_and_the_photo_stays() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (24, 12, 3), dtype=np.uint8)
    boxed = letterbox(photo, 24)
    config = Augmentation(**{**vars(STILL), "border": "any"})
    changed = augment(np.stack([boxed] * 60), config, np.random.default_rng(0))
    assert all(np.array_equal(picture[:, 6:18], photo) for picture in changed)
    left = {picture[:, :6].tobytes() for picture in changed}
    drawn, mirrored = np.repeat(photo[:, :1], 6, axis=1), photo[:, 5::-1]
    white, gray = np.full((24, 6, 3), 255, np.uint8), boxed[:, :6]
    assert {border.tobytes() for border in (drawn, mirrored, white, gray)} <= left
    assert len(left) > 10  # and many a colour
    empty = np.full((1, 24, 24, 3), 127, np.uint8)
    assert np.array_equal(augment(empty, config, np.random.default_rng(0)), empty)


def test_the_changes_grow_in_the_first_epochs() -> None:
    full = Augmentation(warmup=0.4, erase=0.5, rotation=20)
    assert full.after(0) == full.times(0)
    assert full.after(0.2) == full.times(0.5)
    assert full.after(0.4) == full.after(0.99) == full
    assert Augmentation(warmup=0).after(0) == Augmentation(warmup=0)
