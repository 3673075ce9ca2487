"""Groups by person from a table: in one part, wherever the photos are moved, and never by a split that tears them."""

import random
from collections import defaultdict
from pathlib import Path

import pytest

from clothes.errors import SplitError
from clothes.photos.split_file import Split
from clothes.studio.edits import Edits
from clothes.studio.grouping import update_split
from clothes.studio.intake import Intake
from clothes.studio.people import take_people
from clothes.studio.project import Project
from tests.support.pictures import photo
from tests.support.studio import below, ids, make_project, photos


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "mine", each=10, split=True)


@pytest.fixture
def table(project: Project, tmp_path: Path) -> Path:
    """Five people, each with six photos of any class."""
    names = [name.removeprefix("photos/") for name in sorted(photos(project))]
    random.Random(1).shuffle(names)
    lines = [f"{name},person {number % 5}" for number, name in enumerate(names)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["photo,person", *lines, "bar/none.png,person 1"]))
    return path


def parts_by_group(result: Split) -> dict[str, set[str]]:
    found = defaultdict(set)
    for row in result.rows:
        found[row.group].add(row.part)
    return dict(found)


def test_photos_of_a_person_are_in_one_part_wherever_they_move(project: Project, table: Path) -> None:
    before = photos(project)
    told = take_people(project, table, "people.csv")
    assert told[0].startswith("5 groups in people.csv") and "1 photo named in people.csv not found" in told[1]
    assert "shared out anew" in told[-1]
    result = update_split(project)
    groups = parts_by_group(result)
    assert len(result.rows) == 30 and all(len(parts) == 1 for parts in groups.values())
    assert set().union(*groups.values()) == {"train", "validation", "test"}
    edits = Edits(project)
    edits.move(ids(project, "bar")[:3], "square")
    edits.undo()
    edits.move(ids(project, "frame")[:3], "bar")
    with Intake(project) as intake:
        intake.add_file("new.png", photo(900), "bar")
    later = update_split(project)
    assert len(later.rows) == 31
    assert all(len(parts) == 1 for group, parts in parts_by_group(later).items() if group)
    kept = {row.sha256: row.part for row in result.rows}
    assert all(kept.get(row.sha256, row.part) == row.part for row in later.rows)
    assert set(before.values()) < set(photos(project).values())


def test_a_person_and_a_burst_are_joined(project: Project, tmp_path: Path) -> None:
    with Intake(project) as intake:
        frames = intake.add_burst([photo(900 + n) for n in range(3)], "bar", burst="1")
    path = tmp_path / "table.csv"
    name = frames[0].id.removeprefix("photos/")  # type: ignore[union-attr]
    path.write_text(f"photo;group\n{name};Ann\nsquare/{sorted((project.photos / 'square').iterdir())[0].name};Ann\n")
    take_people(project, path, "table.csv")
    rows = {row.photo: row for row in update_split(project).rows}
    joined = [row for row in rows.values() if "Ann" in row.group]
    assert len(joined) == 4 and len({row.part for row in joined}) == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "photo,person\nnone.png,Ann\n", "photo,person\nbar/1.png\n"])
def test_another_table_is_refused_and_changes_nothing(project: Project, tmp_path: Path, text: str) -> None:
    (tmp_path / "upload").write_text(text)
    before = below(project.root)
    with pytest.raises(SplitError, match=r"people\.csv"):
        take_people(project, tmp_path / "upload", "people.csv")
    assert below(project.root) == before
