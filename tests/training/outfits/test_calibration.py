"""What makes a parser sure, and which garments it shows, fitted on validation photos."""

from dataclasses import replace

import numpy as np
import pytest

from clothes.outfits.kinds import CLASSES
from clothes.outfits.naming import NOT_ASKED, Crop, Scene
from clothes.outfits.regions import Region
from clothes.training.outfits.calibration import START, Candidate, Judged, _fit_certainty, measure

WORN, LAID = Scene(0.05, 3), Scene(0.0, 3)


def candidate(truth: str | None, strength: float = 0.8) -> Candidate:
    strengths = np.zeros(len(CLASSES), np.float32)
    strengths[CLASSES.index("bag")] = strength
    return Candidate(Region("bag", np.ones((2, 2), bool), strengths, 0.1), NOT_ASKED, truth)


def photo(kind: str, *candidates: Candidate, scene: Scene = LAID) -> Judged:
    return Judged(candidates, frozenset(one.truth for one in candidates if one.truth), kind, scene)


def confidence(photos: list[Judged], one: Candidate, scene: Scene) -> float:
    naming = replace(START, certainty=_fit_certainty(START, photos, CLASSES))
    names = naming.names(one.region, CLASSES, Crop({}, 0.5))
    return naming.confidence(names, one.region, CLASSES, NOT_ASKED, scene)


def test_few_regions_of_other_things_count_as_much_as_many_garments() -> None:
    many = [photo("street", *[candidate("bag")] * 10) for _ in range(10)]
    same = confidence([*many, photo("empty", candidate(None), candidate(None))], candidate("bag"), LAID)
    assert same == pytest.approx(0.5, abs=0.02)


def test_a_person_in_the_photo_makes_the_parser_surer_if_that_was_so() -> None:
    photos = [photo("street", *[candidate("bag")] * 3, scene=WORN) for _ in range(20)]
    photos += [photo("empty", *[candidate(None)] * 3) for _ in range(20)]
    assert confidence(photos, candidate("bag"), WORN) > 0.9
    assert confidence(photos, candidate("bag"), LAID) < 0.1


def test_what_is_shown_has_its_own_threshold_where_a_person_is() -> None:
    answers = [
        (photo("street", candidate("bag"), scene=WORN), [("bag", 0.3)]),
        (photo("flat", candidate("bag")), [("bag", 0.5)]),
        (photo("empty", candidate(None)), [("bag", 0.3)]),
    ]
    perfect = {"f1": 1.0, "flat_exact": 1.0, "empty_claimed": 0.0}
    assert measure(answers, replace(START, shown=0.4, shown_worn=0.2)) == perfect
    assert measure(answers, replace(START, shown=0.2, shown_worn=0.2)) == perfect | {"empty_claimed": -1.0}
    assert measure(answers, replace(START, shown=0.4, shown_worn=0.4)) == perfect | {"f1": 0.0}
