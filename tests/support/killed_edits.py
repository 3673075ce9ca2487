"""Kills edits and intakes of the studio at each Nth line that they run, and looks at what the next start makes of it.

    python -m tests.support.killed_edits FOLDER 7 move rename      # at every seventh line of these acts

Each time all photos must be there, before or after the act and nothing between, with their rows; and what was done must
be undone by one undo. Prints JSON: `kills`, and `finished`, after how many of them the act was done.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clothes.collection import photo_store, provenance
from clothes.studio import history, journal, moves, shelves, tables, unsorted
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake
from clothes.studio.project import Project
from clothes.system import files
from tests.support.killed_collecting import kill_at_line, killed
from tests.support.pictures import photo
from tests.support.studio import ids, make_project, make_zip, origins, parts, photos

WATCHED = (history, journal, moves, shelves, tables, unsorted, photo_store, provenance, files)


def take_in(project: Project) -> None:
    with Intake(project) as intake:
        intake.add_zip(make_zip(project.root / "a.zip", {f"{name}.png": photo(70 + i) for i, name in enumerate(NAMES)}))


def take_groups(project: Project) -> None:
    (project.root / "table").write_text("photo,person\nbar/000.png,Ann\nbar/001.png,Ann\n")
    Edits(project).take_groups(project.root / "table", "people.csv")


NAMES = ("loose", "hat/1", "hat/2", "bar/1")
ACTS: dict[str, Callable[[Project], object]] = {
    "move": lambda project: Edits(project).move(["photos/bar/000.png", "photos/bar/001.png"], "frame"),
    "new": lambda project: Edits(project).move(["photos/bar/000.png", "unsorted/a.png"], "hat"),
    "unsort": lambda project: Edits(project).move(ids(project, "bar"), None),
    "remove": lambda project: Edits(project).remove([*ids(project, "bar"), "unsorted/a.png"]),
    "rename": lambda project: Edits(project).rename_class("bar", "Rock"),
    "merge": lambda project: Edits(project).merge_classes("bar", "frame"),
    "drop": lambda project: Edits(project).remove_class("frame"),
    "add": lambda project: Edits(project).add_class("hat"),
    "undo": lambda project: Edits(project).undo(),
    "redo": lambda project: Edits(project).redo(),
    "take in": take_in,
    "groups": take_groups,
}


def state(project: Project) -> tuple[Any, ...]:
    found = photos(project)
    classes = sorted(path.name for path in project.photos.iterdir() if path.is_dir())
    groups = project.private / "people.csv"
    people = groups.read_text() if groups.exists() else ""
    return found, parts(project), origins(project.photos), origins(project.unsorted), classes, people


def begin(folder: Path) -> Project:
    """A project in which everything was done before: a step to undo, and one to redo."""
    project = make_project(folder, each=2, split=True)
    make_project(folder)  # opening it again changes nothing
    with Intake(project) as intake:
        intake.add_file("b.png", photo(60))
    (project.unsorted / "a.png").write_bytes(photo(61))
    edits = Edits(project)
    edits.merge_classes("square", "bar")
    edits.move([ids(project, "frame")[0], ids(project, None)[1]], "bar")
    edits.undo()
    return project


def main(folder: Path, step: int, acts: list[str]) -> None:
    kills = finished = 0
    template = begin(folder / "template").root
    (folder / "into").mkdir()
    for act in acts:
        shutil.copytree(template, folder / "after")
        after_project = Project.open(folder / "after")
        before = state(after_project)
        ACTS[act](after_project)
        after, line = state(after_project), 1
        assert before != after
        while True:
            root = shutil.copytree(template, folder / "into" / "project")
            child = lambda *_, act=act, root=root: ACTS[act](Project.open(root))  # noqa: E731
            dies = killed(root, root, prepare=kill_at_line(line, WATCHED), act=child)
            project = Project.open(root)
            edits = Edits(project)
            now = state(project)
            if act == "take in":
                check_intake(before, now, after)
            else:
                assert now in (before, after), (act, line)
            assert not list(root.rglob(".making-*")), (act, line)
            assert not any(path.stat().st_size for path in root.rglob(".collecting.csv")), (act, line)
            if now != before:
                (edits.undo if act != "undo" else edits.redo)()
                undone = state(project)
                assert undone[:2] == before[:2] and undone[4:] == before[4:], (act, line)
            shutil.rmtree(root)
            kills, finished, line = kills + dies, finished + (dies and now == after), line + step
            if not dies:
                break
        shutil.rmtree(folder / "after")
    print(json.dumps({"kills": kills, "finished": finished}))


def check_intake(before: tuple[Any, ...], now: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    """Photos are added one after the other: some of them may be there, each whole and with its row."""
    assert before[0].items() <= now[0].items() <= after[0].items()
    assert now[1] == before[1]
    assert now[2].items() <= after[2].items() and now[3].items() <= after[3].items()
    new = now[0].keys() - before[0].keys()
    assert new == {f"photos/{name}" for name in now[2].keys() - before[2].keys()} | {
        f"unsorted/{name}" for name in now[3].keys() - before[3].keys()
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(ACTS))
