"""The photos can be changed while a training reads them for the split, which then is of the photos as they are."""

import threading
from pathlib import Path

import pytest

import clothes
from clothes.errors import PhotosError, SplitError
from clothes.photos.split_file import Split
from clothes.studio import tasks
from clothes.studio.edits import Edits
from clothes.studio.grouping import update_split
from clothes.studio.job_folder import JobFolder
from clothes.studio.project import Project
from clothes.studio.reporter import Reporter
from tests.support.jobs import make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", each=8)


def test_photos_move_while_the_split_reads_them(project: Project) -> None:
    moved = []

    def move(done: int, total: int) -> None:
        if len(moved) < 2:
            photo = f"photos/bar/{len(moved):03}.png"
            mover = threading.Thread(target=Edits(project).move, args=([photo], "frame"))
            mover.start()
            mover.join(10)  # it does not wait for the split
            assert not mover.is_alive()
            moved.append(photo)

    found = update_split(project, progress=move)
    there = {path.relative_to(project.photos).as_posix() for path in project.photos.rglob("*.png")}
    assert {row.photo for row in found.rows} == there
    assert all(row.photo.startswith(f"{row.label}/") for row in found.rows)
    assert sum(row.label == "frame" for row in found.rows) == 10
    assert Split.read(project.photos / "split.csv", project.photos).rows == found.rows
    assert update_split(project).rows == found.rows


def test_a_training_begins_again_if_photos_move_before_they_are_read(project: Project, tmp_path: Path) -> None:
    tries: list[Split] = []

    def train() -> clothes.Run:
        tries.append(Split.read(project.photos / "split.csv", project.photos))
        if len(tries) == 1:
            Edits(project).move(["photos/bar/000.png"], "square")
        for row in tries[-1].rows:
            if not (project.photos / row.photo).exists():
                raise SplitError(f"{row.photo} is in the split but cannot be used.")
        return clothes.Run(tmp_path)

    with Reporter(JobFolder(tmp_path)) as told:
        tasks._with_new_split(project, told, train)
        assert len(tries) == 2

        def fail() -> clothes.Run:
            tries.append(Split(tmp_path, ()))
            raise SplitError("No train photo of bar.")

        with pytest.raises(SplitError, match="No train photo"):  # the photos are the same: it will not help
            tasks._with_new_split(project, told, fail)
        told.end("failed")
    assert len(tries) == 3


def test_the_last_look_lets_nobody_change_a_photo(project: Project) -> None:
    number = 0

    def add(done: int, total: int) -> None:  # another program, which knows no lock
        nonlocal number
        number += 1
        (project.photos / "bar" / f"new-{number}.png").write_bytes((project.photos / "bar" / "000.png").read_bytes())

    with pytest.raises(PhotosError, match="change all this time"):
        update_split(project, progress=add)
    assert not (project.photos / "split.csv").exists()
    assert len(update_split(project).rows) == 24 + number
