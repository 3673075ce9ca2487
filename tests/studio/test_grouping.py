"""Bursts are in one part, photos keep their parts, and the split made here is what the command makes."""

import csv
from contextlib import nullcontext
from pathlib import Path

import pytest

from clothes.config import SplitConfig
from clothes.photos.duplicates import Survey
from clothes.photos.folders import list_class_folders
from clothes.photos.split import split
from clothes.photos.split_file import Split
from clothes.studio.edits import Edits
from clothes.studio.grouping import GROUPS, update_split
from clothes.studio.intake import Intake
from clothes.studio.project import Project
from tests.support.pictures import photo
from tests.support.studio import ids, make_project

BURSTS = 6


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Each frame of a burst is another picture, so that nothing but its group keeps it with the others."""
    project = make_project(tmp_path / "mine", each=8)
    with Intake(project) as intake:
        for number in range(BURSTS):
            frames = [photo(1000 + 20 * number + i) for i in range(4)]
            assert len(intake.add_burst(frames, ("hat", "bag")[number % 2])) == 4
    return project


def parts_of_bursts(result: Split, project: Project) -> dict[str, set[str]]:
    with (project.root / GROUPS).open(newline="") as file:
        rows = {row["photo"]: row["group"] for row in csv.DictReader(file)}
    part = {row.photo: row.part for row in result.rows}
    assert len(rows) == 4 * BURSTS and rows.keys() <= part.keys()
    found: dict[str, set[str]] = {}
    for name, group in rows.items():
        found.setdefault(group, set()).add(part[name])
    assert len(found) == BURSTS
    return found


def test_bursts_are_never_on_two_sides_over_100_seeds(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = 0
    with Survey(list_class_folders(project.photos)) as survey:
        monkeypatch.setattr("clothes.photos.split.Survey", lambda *_, **__: nullcontext(survey))  # reads them once
        for seed in range(100):
            config = SplitConfig(seed=seed)
            found = parts_of_bursts(split(project.photos, config=config, groups=project.root / GROUPS), project)
            assert all(len(parts) == 1 for parts in found.values()), seed
            without = parts_of_bursts(split(project.photos, config=config), project)
            torn += any(len(parts) > 1 for parts in without.values())
    assert torn > 90


def test_a_burst_stays_together_when_its_frames_move_and_more_come(project: Project) -> None:
    first = update_split(project)
    with Intake(project) as intake:
        intake.add_burst([photo(5000), photo(5001)], "hat", burst="late")
        update_split(project)
        Edits(project).move(ids(project, "hat")[::2], "bag")
        intake.add_burst([photo(5002), photo(5003)], "bag", burst="late")
    result = update_split(project)
    rows = {row.sha256: row for row in result.rows}
    assert all(rows[row.sha256].part == row.part for row in first.rows)
    with (project.root / GROUPS).open(newline="") as file:
        late = {row["photo"] for row in csv.DictReader(file) if row["group"] == "burst-late"}
    assert len(late) == 4 and len({row.part for row in result.rows if row.photo in late}) == 1


def test_a_split_is_that_of_the_command_and_is_kept_while_it_lists_all_photos(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = split(project.photos, groups=project.root / GROUPS)
    assert update_split(project) == expected == Split.read(project.photos / "split.csv", project.photos)
    monkeypatch.setattr("clothes.studio.grouping.split", None)
    assert update_split(project) == expected
    Edits(project).move(ids(project, "bar")[:2], "frame")
    Edits(project).rename_class("hat", "Hut")
    moved = update_split(project)
    assert [(row.sha256, row.part, row.group) for row in sorted(moved.rows, key=lambda row: row.sha256)] == [
        (row.sha256, row.part, row.group) for row in sorted(expected.rows, key=lambda row: row.sha256)
    ]
    assert moved.classes == ("Hut", "bag", "bar", "frame", "square")


def test_photos_that_come_back_have_their_parts_again(project: Project) -> None:
    before = {row.sha256: row.part for row in update_split(project).rows}
    edits = Edits(project)
    gone = [*ids(project, "bar"), *ids(project, "hat")[:3]]
    edits.remove(gone)
    left = update_split(project)
    assert len(left.rows) == len(before) - len(gone) and all(before[row.sha256] == row.part for row in left.rows)
    with Intake(project) as intake:
        intake.add_file("new.png", photo(7000), "hat")
    update_split(project)
    edits = Edits(project)
    edits.undo()
    edits.undo()
    assert {row.sha256: row.part for row in update_split(project).rows} == before


def test_a_burst_that_a_command_has_torn_is_mended_into_the_strictest_part(project: Project) -> None:
    torn = split(project.photos)  # without the groups
    torn.write(project.photos / "split.csv")
    before = parts_of_bursts(torn, project)
    assert any(len(parts) > 1 for parts in before.values())
    after = parts_of_bursts(update_split(project), project)
    for burst, parts in before.items():
        assert after[burst] == {next(part for part in ("test", "validation", "train") if part in parts)}
    tested = {row.sha256 for row in torn.part("test")}
    assert tested <= {row.sha256 for row in Split.read(project.photos / "split.csv", project.photos).part("test")}
