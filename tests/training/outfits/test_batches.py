"""Targets of changed photos: which classes a cell may have, and which garments are in the picture."""

import numpy as np
import pytest

from clothes.outfits.kinds import CLASSES, GARMENTS
from clothes.training.outfits.batches import changed, letterboxed, make_batches
from clothes.training.outfits.examples import UNLABELLED, Example, bits

RED, SHIRT, PANTS = (220, 30, 30), CLASSES.index("shirt"), CLASSES.index("pants")


def example(kind: str = "street", **changes: object) -> Example:
    """A red shirt over blue pants on black, 160 x 120."""
    pixels, mask = np.zeros((160, 120, 3), np.uint8), np.zeros((160, 120), np.uint8)
    pixels[20:80, 30:90], mask[20:80, 30:90] = RED, SHIRT
    pixels[80:150, 40:80], mask[80:150, 40:80] = (30, 30, 220), PANTS
    fields = {"allowed": bits(""), "present": (), "labelled": True} | changes
    return Example(pixels, fields.pop("mask", mask), kind=kind, **fields)  # type: ignore[arg-type]


def names(bit_set: int) -> set[str]:
    return {name for i, name in enumerate(CLASSES) if bit_set >> i & 1}


def test_cells_have_the_class_under_them_and_two_along_an_edge() -> None:
    _, cells, present = letterboxed(example(), 160)  # the photo's left edge lies at 20
    assert names(cells[0, 0]) == names(cells[5, 0]) == {"background"}
    assert names(cells[5, 9]) == {"shirt"}
    assert names(cells[15, 10]) == {"pants"}
    assert names(cells[2, 9]) == {"background", "shirt"}  # half of each
    assert {GARMENTS[i] for i in np.flatnonzero(present)} == {"shirt", "pants"}


def test_unlabelled_pixels_may_be_what_is_allowed() -> None:
    nothing = np.full((160, 120), UNLABELLED, np.uint8)
    tagged = example("tagged", mask=nothing, allowed=bits("background person shirt"), present=(SHIRT,), labelled=False)
    _, cells, present = letterboxed(tagged, 160)
    assert names(cells[10, 10]) == {"background", "person", "shirt"}
    assert names(cells[10, 0]) == {"background"}  # beside the photo
    assert {GARMENTS[i] for i in np.flatnonzero(present)} == {"shirt"}
    assert names(letterboxed(example(mask=nothing), 160)[1][10, 10]) == set(CLASSES)


@pytest.mark.parametrize("kind", ["street", "flat"])
def test_photo_and_mask_are_changed_together(kind: str) -> None:
    """In each changed picture the cells of the shirt are red: 200 pictures, whatever the light."""
    rng, seen = np.random.default_rng(0), 0
    for _ in range(200):
        picture, cells, _ = changed(example(kind, present=(SHIRT, PANTS)), (160, 112), rng)
        assert (picture.shape, picture.dtype, cells.shape) == ((160, 112, 3), np.uint8, (20, 14))
        blocks = picture.reshape(20, 8, 14, 8, 3).mean(axis=(1, 3))
        shirt = blocks[cells == 1 << SHIRT]
        pants = blocks[cells == 1 << PANTS]
        if len(shirt) and len(pants) and np.ptp(picture, axis=-1).max() > 60:  # not a grey one
            seen += 1
            assert shirt[:, 0].mean() > shirt[:, 2].mean() and pants[:, 2].mean() > pants[:, 0].mean()
    assert seen > 100


def test_near_pictures_cut_garments_off_and_say_so() -> None:
    mask = example().mask.copy()
    mask[:140][mask[:140] == PANTS] = 0  # what is left is low in the photo
    rng = np.random.default_rng(1)
    counts = np.array([changed(example(mask=mask), (160, 112), rng)[2].sum() for _ in range(100)])
    assert (counts == 2).mean() > 0.5
    assert (counts < 2).any()


def test_batches_have_their_mix_and_repeat_with_their_seed() -> None:
    pool = [example() for _ in range(3)] + [example("flat", present=(SHIRT,))]
    mix = {"street": 2, "flat": 1, "tagged": 4}  # there is none of the last

    def batches() -> list[np.ndarray]:
        made = make_batches(pool, mix, (96, 64), np.random.default_rng(5))
        return [next(made).pictures for _ in range(3)]

    first = batches()
    assert [len(pictures) for pictures in first] == [3, 3, 3]
    assert all(map(np.array_equal, first, batches()))
