"""Edits: any sequence of them can be undone, also after a restart, and the tables go with the photos."""

import random
from pathlib import Path

import pytest

from clothes.errors import PhotoError, PhotosError
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake
from clothes.studio.photo_list import count_photos
from clothes.studio.project import Project
from tests.support.pictures import photo
from tests.support.studio import counts, everything, ids, make_project, origins, parts, photos

NAMES = ("hat", "Hat", "bar", "BAR", "T-Shirt", "t shirt", "Röcke", "Ro\u0308cke", "帽子")


def edit_at_random(project: Project, chance: random.Random, number: int) -> None:
    """One edit of any kind. Some are refused, as a user's are."""
    edits, classes = Edits(project), [found.label for found in count_photos(project).classes] or ["none"]
    label, other = chance.choice(classes), chance.choice(classes)
    some = [name for name in photos(project) if chance.random() < 0.3]
    act = chance.choice(
        ["move", "move", "unsort", "remove", "rename", "merge", "add", "drop", "take in", "undo", "redo"]
    )
    try:
        if act == "move":
            edits.move(some, chance.choice([other, *NAMES]))
        elif act == "unsort":
            edits.move(some, None)
        elif act == "remove":
            edits.remove(some[:3])
        elif act == "rename":
            edits.rename_class(label, chance.choice(NAMES))
        elif act == "merge":
            edits.merge_classes(label, other)
        elif act == "add":
            edits.add_class(chance.choice(NAMES))
        elif act == "drop":
            edits.remove_class(label)
        elif act == "take in":
            with Intake(project) as intake:
                intake.add_file("x.png", photo(9000 + number), chance.choice([None, other]))
                intake.add_burst([photo(8000 + 10 * number + i) for i in range(2)], label)
        else:
            getattr(edits, act)()
    except (PhotosError, PhotoError):
        pass


def repeat_all(project: Project, act: str) -> int:
    """Undoes or redoes all there is, each time as after a restart. Returns the number of steps."""
    steps = 0
    while not getattr(Edits(project), act)().startswith("There is nothing"):
        steps += 1
    return steps


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 60))])
def test_random_edits_keep_every_photo_and_can_all_be_undone_and_done_again(tmp_path: Path, seed: int) -> None:
    project, chance = make_project(tmp_path / "mine", split=True), random.Random(seed)
    before, table, told = photos(project), parts(project), origins(project.photos)
    part_of = {sha256: part for _, part, sha256 in table.values()}
    for number in range(25):
        known = everything(project)
        edit_at_random(project, chance, number)
        assert everything(project) >= known >= set(before.values())
        assert all(part_of[sha256] == part for _, part, sha256 in parts(project).values())
        assert all(sha256 == photos(project)[f"photos/{name}"] for name, (*_, sha256) in parts(project).items())
        assert len({*origins(project.photos)}) >= len({*table} & {*parts(project)})
    repeat_all(project, "redo")  # what the last edits have undone
    after = photos(project), parts(project), origins(project.photos), origins(project.unsorted), counts(project)
    assert repeat_all(project, "undo")
    assert (photos(project), parts(project), origins(project.photos)) == (before, table, told)
    assert counts(project) == {"bar": 4, "frame": 4, "square": 4}
    assert repeat_all(project, "redo")
    assert (
        photos(project),
        parts(project),
        origins(project.photos),
        origins(project.unsorted),
        counts(project),
    ) == after


def test_an_origin_goes_with_its_photo_to_the_unsorted_ones_and_back(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", split=True)
    edits = Edits(project)
    edits.move(["photos/bar/000.png"], None)
    assert origins(project.unsorted) == {"000.png": "from/bar/000.png"}
    assert "bar/000.png" not in origins(project.photos)
    edits.move(["unsorted/000.png"], "frame")  # where there is a 000.png
    assert origins(project.photos)["frame/000-2.png"] == "from/bar/000.png"
    assert origins(project.unsorted) == {}


def test_a_photo_that_was_unsorted_has_its_part_in_any_class(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", split=True)
    edits, before = Edits(project), parts(project)["bar/001.png"]
    edits.move(["photos/bar/001.png"], None)
    edits.move(["unsorted/001.png"], "hat")
    assert parts(project)["hat/001.png"] == ("hat", *before[1:])
    edits.undo()
    edits.undo()
    assert parts(project)["bar/001.png"] == before


def test_moving_back_gives_a_photo_its_name_and_its_row_again(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", split=True)
    before, edits = parts(project), Edits(project)
    edits.move(["photos/bar/000.png"], None)
    edits.move(["unsorted/000.png"], "bar")
    assert parts(project) == before
    edits.remove(["photos/bar/000.png"])
    edits.move(["photos/frame/000.png"], "bar")  # not under the name of the removed one
    assert set(ids(project, "bar")) == {f"photos/bar/{name}.png" for name in ("000-2", "001", "002", "003")}
