"""The split and the defaults of a training."""

import dataclasses
from pathlib import Path

import pytest

import clothes
from clothes.errors import SplitError
from clothes.training import plan
from tests.support.pictures import draw, make_photos


def test_photos_decide_the_defaults(tmp_path: Path) -> None:
    small = clothes.split(make_photos(tmp_path / "small", each=10))
    assert plan.typical_side(small) == 48
    for label in ("a", "b"):
        (tmp_path / "large" / label).mkdir(parents=True)
        for i in range(10):
            draw("bar", i, size=(200, 300)).save(tmp_path / "large" / label / f"{i}.jpg")
    assert plan.typical_side(clothes.split(tmp_path / "large")) == 64


def test_others_alone_do_not_make_a_validation_part(tmp_path: Path) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    rows = tuple(
        dataclasses.replace(row, label="_other", part="validation") if row.label == "frame" else row
        for row in split.rows
        if row.part == "train"
    )
    with pytest.raises(SplitError, match="The validation part is empty"):
        plan.check_split(dataclasses.replace(split, rows=rows))
