"""The audit of a split counts near-duplicates and the leaks of a random split."""

import shutil
from pathlib import Path

import clothes
from clothes.report.dataset_audit import audit
from tests.support.pictures import draw


def test_near_duplicates_and_leaks_of_a_random_split_are_counted(tmp_path: Path) -> None:
    for label, seeds in (("bar", range(30)), ("square", range(100, 130))):
        (tmp_path / label).mkdir()
        for i in seeds:
            draw(label, i).save(tmp_path / label / f"{i}.png")
            shutil.copy(tmp_path / label / f"{i}.png", tmp_path / label / f"{i} again.png")
    split = clothes.split(tmp_path)
    found = audit(split)
    assert len(found.pairs) == 60 and found.leaks == 0
    assert found.random_leaks > 10 and abs(found.random_leaks - split.leaks_prevented) < 10
    assert (found.groups, found.random_torn) == (0, 0)
