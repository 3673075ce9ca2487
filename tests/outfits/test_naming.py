"""How both networks' answers about a region are joined."""

import numpy as np
import pytest

from clothes.outfits.kinds import CLASSES
from clothes.outfits.naming import NOT_ASKED, Crop, Naming, Scene
from clothes.outfits.regions import Region

NAMING = Naming(
    naming=(1.0, 1.0),
    certainty=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5),
    least_area=0.003,
    shown=0.4,
    shown_worn=0.2,
    known=0.5,
)
WORN, LAID = Scene(0.05, 3), Scene(0.001, 1)


def region(kind: str, **strengths: float) -> Region:
    values = np.zeros(len(CLASSES), np.float32)
    for name, strength in strengths.items():
        values[CLASSES.index(name)] = strength
    return Region(kind, np.ones((8, 8), bool), values, 0.1)


def test_names_are_what_both_networks_find_likely() -> None:
    found = NAMING.names(region("lower", pants=0.6, skirt=0.3), CLASSES, Crop({"pants": 0.2, "skirt": 0.7}, 0.9))
    assert list(found) == ["skirt", "pants"]
    assert found["skirt"] == pytest.approx(0.3 * 0.7 / (0.3 * 0.7 + 0.6 * 0.2), abs=0.01)


def test_a_kind_that_the_classifier_does_not_know_has_the_map_s_names() -> None:
    assert NAMING.names(region("bag", bag=0.8), CLASSES, NOT_ASKED) == {"bag": 1.0}


def test_a_crop_that_the_classifier_takes_for_another_thing_lowers_the_confidence() -> None:
    shirt, scores = region("inner", shirt=0.9), {"shirt": 0.9, "t-shirt": 0.1}
    names = NAMING.names(shirt, CLASSES, Crop(scores, 0.9))
    sure, even, other = (
        NAMING.confidence(names, shirt, CLASSES, Crop(scores, share), LAID) for share in (0.9, 0.5, 0.1)
    )
    assert sure > even > other
    assert NAMING.confidence(names, shirt, CLASSES, NOT_ASKED, LAID) == even


def test_other_regions_beside_it_raise_the_confidence_and_a_person_lowers_what_is_asked_of_it() -> None:
    shirt = region("inner", shirt=0.9)
    names = NAMING.names(shirt, CLASSES, NOT_ASKED)
    alone, beside, among_many, in_a_crowd = (
        NAMING.confidence(names, shirt, CLASSES, NOT_ASKED, Scene(0.001, count)) for count in (1, 2, 4, 9)
    )
    assert alone < beside < among_many == in_a_crowd
    assert NAMING.least(WORN) == NAMING.shown_worn < NAMING.least(LAID) == NAMING.shown
