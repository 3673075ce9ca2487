"""Groups by person from a table: in one part, wherever the photos are moved, and never by a split that tears them."""

import itertools
import os
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from clothes.errors import SplitError
from clothes.photos.split_file import Split
from clothes.studio.edits import Edits
from clothes.studio.grouping import update_split
from clothes.studio.intake import Intake
from clothes.studio.moves import UnfinishedError
from clothes.studio.project import Project
from clothes.studio.tables import Exchange, table_path
from tests.support.pictures import photo
from tests.support.studio import below, ids, make_project, parts, photos


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
    told = Edits(project).take_groups(table, "people.csv")
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
    Edits(project).take_groups(path, "table.csv")
    rows = {row.photo: row for row in update_split(project).rows}
    joined = [row for row in rows.values() if "Ann" in row.group]
    assert len(joined) == 4 and len({row.part for row in joined}) == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "photo,person\nnone.png,Ann\n", "photo,person\nbar/1.png\n"])
def test_another_table_is_refused_and_changes_nothing(project: Project, tmp_path: Path, text: str) -> None:
    (tmp_path / "upload").write_text(text)
    Edits(project)
    before = below(project.root)
    with pytest.raises(SplitError, match=r"people\.csv"):
        Edits(project).take_groups(tmp_path / "upload", "people.csv")
    assert below(project.root) == before


def tables(project: Project) -> dict[str, bytes]:
    """What says how the photos are shared out."""
    paths = [*(table_path(project, name) for name in TABLES), project.root / "groups.csv"]
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def test_a_table_is_undone_and_done_again_with_its_split_also_after_a_restart(project: Project, table: Path) -> None:
    update_split(project)
    Edits(project).move(ids(project, "bar")[:1], "frame")
    before, told = tables(project), parts(project)
    Edits(project).take_groups(table, "people.csv")
    assert told != parts(project) == {}
    update_split(project)
    after = tables(project)
    assert after["people.csv"] and after["groups.csv"] and after["split.csv"] != before["split.csv"]
    assert Edits(project).history.next()[0] == "Groups of people.csv taken"

    assert Edits(Project.open(project.root)).undo() == "Undone: Groups of people.csv taken."
    assert tables(project) == before | {"groups.csv": b"photo,group\n"} and parts(project) == told
    update_split(project)  # which stays as it is
    assert parts(project) == told
    Edits(Project.open(project.root)).redo()
    assert tables(project) == after

    assert "forgotten" in Edits(project).forget_groups()
    assert "people.csv" not in tables(project) and not parts(project)
    Edits(project).undo()
    assert tables(project) == after
    for _ in range(2):
        Edits(project).undo()  # the table, and the move before it
    assert parts(project)["bar/000.png"][0] == "bar"


def test_a_second_table_takes_the_place_of_the_first_and_gives_it_back(
    project: Project, table: Path, tmp_path: Path
) -> None:
    edits = Edits(project)
    edits.take_groups(table, "people.csv")
    update_split(project)
    first = tables(project)
    (tmp_path / "other.csv").write_text("photo,shop\nbar/000.png,A\nframe/000.png,A\n")
    edits.take_groups(tmp_path / "other.csv", "shops.csv")
    assert parts_by_group(update_split(project))["A"]
    edits.undo()
    assert tables(project) == first
    edits.redo()
    assert len((project.private / "people.csv").read_text().splitlines()) == 2


TABLES = ("people.csv", "parts.csv", "split.csv")
SOME = [names for number in range(4) for names in itertools.combinations(TABLES, number)]


@pytest.mark.parametrize("there", SOME)
@pytest.mark.parametrize("kept", SOME)
@pytest.mark.parametrize("is_undone", [False, True])
def test_an_exchange_that_was_interrupted_anywhere_is_finished_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], kept: tuple[str, ...], is_undone: bool
) -> None:
    for wanted in itertools.count(1):
        project = Project.open(tmp_path / str(wanted))
        folders = [project.private / "trash" / "7" / name for name in ("before", "after")]
        come, leave = folders if is_undone else folders[::-1]
        come.mkdir(parents=True)
        for name in there:
            table_path(project, name).write_text("present")
        for name in kept:
            (come / name).write_text("kept")
        exchange, done, rename = Exchange.of(project, "trash/7", is_undone), 0, os.rename

        def failing(*arguments: object, wanted: int = wanted, rename: Callable[..., None] = rename) -> None:
            nonlocal done
            done += 1
            if done == wanted:
                raise OSError(5, "no")
            rename(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", failing)
            try:
                exchange.carry_out(project)
            except UnfinishedError:
                exchange.carry_out(project)
        assert {name for name in TABLES if table_path(project, name).exists()} == {*kept}
        assert all(table_path(project, name).read_text() == "kept" for name in kept)
        assert {path.name: path.read_text() for path in leave.glob("*")} == dict.fromkeys(there, "present")
        if done < wanted:
            break
    assert wanted == len(there) + len(kept) + 1
