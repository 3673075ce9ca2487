"""Masks drawn within the names that a photo has."""

import numpy as np
import pytest

from clothes.outfits.kinds import CLASSES
from clothes.training.outfits.examples import UNLABELLED
from clothes.training.outfits.tag_masks import mask_of_names, told_by_names

TAGGED = ("dress", "longsleeve", "outwear", "pants", "shirt", "skirt", "t-shirt")


def cells(**probabilities: float) -> np.ndarray:
    """A map of 4 x 3 equal cells; a name's underscore stands for its hyphen."""
    one = np.zeros(len(CLASSES), np.float32)
    for name, probability in probabilities.items():
        one[CLASSES.index(name.replace("_", "-"))] = probability
    return np.tile(one, (4, 3, 1))


def told(seen: np.ndarray, *present: str) -> dict[str, float]:
    values = told_by_names(seen, present, TAGGED)[0, 0]
    return {name: float(value) for name, value in zip(CLASSES, values, strict=True) if value > 0.01}


@pytest.mark.parametrize(
    ("seen", "present", "expected"),
    [
        ({"shirt": 0.7, "t_shirt": 0.1, "person": 0.2}, ["t-shirt"], {"t-shirt": 0.8, "person": 0.2}),
        ({"shirt": 1}, ["t-shirt", "outwear"], {"t-shirt": 1}),  # of its kind first
        ({"shirt": 1}, ["outwear", "pants"], {"outwear": 1}),  # then of a kind in the same place
        ({"skirt": 0.9, "bag": 0.1}, ["dress"], {"dress": 0.9, "bag": 0.1}),  # a bag is never tagged
        ({"skirt": 0.4, "pants": 0.6}, ["shirt"], {}),  # nobody says what is worn there
        ({"dress": 0.8, "shirt": 0.15, "skirt": 0.05}, ["shirt", "skirt"], {"shirt": 0.75, "skirt": 0.25}),
    ],
)
def test_absent_garments_become_present_ones_of_their_place(
    seen: dict[str, float], present: list[str], expected: dict[str, float]
) -> None:
    assert told(cells(**seen), *present) == pytest.approx(expected, abs=0.002)


def test_a_mask_has_the_size_of_its_photo_and_no_class_in_doubt() -> None:
    seen = np.concatenate([cells(t_shirt=0.9, background=0.1), cells(pants=0.9, background=0.1)])
    mask = mask_of_names(seen, ["shirt"], TAGGED, (80, 30))
    assert mask.shape == (80, 30)
    assert mask.dtype == np.uint8
    assert set(mask[:30].ravel()) == {CLASSES.index("shirt")}
    assert set(mask[50:].ravel()) == {UNLABELLED}
