"""Opening a project: new, again, photos in place, folders that cannot be one; ids; one writer at a time."""

import os
import threading
from pathlib import Path

import pytest

from clothes.errors import ClothesError, PhotoError
from clothes.photos.split import split
from clothes.studio import project as project_module
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake
from clothes.studio.project import Project
from clothes.system.locks import folder_lock
from tests.support.pictures import draw, make_photos, photo
from tests.support.studio import below, counts, ids


def test_a_new_project_has_its_folders_and_opens_again(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "new" / "mine")
    assert project.root == tmp_path / "new" / "mine"
    assert all(path.is_dir() for path in (project.photos, project.unsorted, project.runs, project.private))
    make_photos(project.photos, each=1)
    assert Project.open(project.root) == project == Project.open(project.photos)


def test_a_folder_of_a_terminal_user_with_photos_and_runs_is_a_project(tmp_path: Path) -> None:
    make_photos(tmp_path / "work" / "photos", each=1)
    (tmp_path / "work" / "runs").mkdir()
    assert Project.open(tmp_path / "work").photos == tmp_path / "work" / "photos"


@pytest.mark.parametrize("folder", ["shop", "Fotos 2024.é"])
def test_class_folders_are_used_in_place_and_stay_as_they_are(tmp_path: Path, folder: str) -> None:
    source = make_photos(tmp_path / folder, each=2)
    before = below(source)
    project = Project.open(source)
    assert (project.photos, project.root) == (source, tmp_path / f"{folder}-studio")
    assert counts(project) == {"bar": 2, "frame": 2, "square": 2}
    assert Project.open(source) == Project.open(project.root) == project
    assert below(source) == before
    edits = Edits(project)
    edits.remove(ids(project, "bar"))
    edits.rename_class("frame", "Rahmen")
    edits.move(ids(project, "square")[:1], None)
    assert below(source) != before
    assert set(before.values()) == set(below(source).values()) | set(below(project.root).values()) & set(
        before.values()
    )
    for _ in range(3):
        edits.undo()
    assert below(source) == before


@pytest.mark.parametrize("name", ["/", os.fsdecode(b"caf\xe9")])
def test_a_disk_and_a_name_that_is_no_text_are_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClothesError, match="cannot be a project"):
        Project.open(tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_folder_whose_name_is_no_text_is_no_class_and_in_no_way(tmp_path: Path) -> None:
    project = Project.open(tmp_path)
    try:
        (project.photos / os.fsdecode(b"caf\xe9")).mkdir()
    except OSError:
        pytest.skip("this system has text names alone")
    assert counts(project) == {}
    with Intake(project) as intake:
        intake.add_file("a.png", photo(1), "hat")
    assert counts(project) == {"hat": 1}


def test_photos_in_part_folders_stay_in_their_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        make_photos(tmp_path / "shop" / part, each=2, seed=len(part))
    project = Project.open(tmp_path / "shop")
    edits = Edits(project)
    edits.move([name for name in ids(project, "bar") if name.endswith("000.png")], "frame")
    edits.rename_class("square", "Quadrat")
    edits.merge_classes("bar", "Quadrat")
    listed = below(project.photos)
    assert {name.rpartition("/")[0] for name in listed} == {
        f"{p}/{c}" for p in ("train", "test") for c in ("frame", "Quadrat")
    }
    assert sum(name.startswith("test/") for name in listed) == 6
    assert len(split(project.photos).part("test")) == 6
    for _ in range(3):
        edits.undo()
    assert counts(project) == {"bar": 4, "frame": 4, "square": 4}


def test_folders_that_cannot_be_a_project_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    draw("bar", 1).save(tmp_path / "loose" / "1.png")
    with pytest.raises(ClothesError, match=r"cannot be a project.*add these photos on its page"):
        Project.open(tmp_path / "loose")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ClothesError, match=r"file is a file, and a project is a folder\. Choose a folder"):
        Project.open(tmp_path / "file")
    assert {path.name for path in tmp_path.iterdir()} == {"loose", "file"}


def test_a_project_whose_photos_are_gone_or_whose_file_is_damaged_says_so(tmp_path: Path) -> None:
    project = Project.open(make_photos(tmp_path / "shop", each=1))
    project.photos.rename(tmp_path / "elsewhere")
    with pytest.raises(ClothesError, match="Put it back"):
        Project.open(project.root)
    for text in ('{"photos": "/etc"}', '{"photos": "../../etc"}', '{"photos": "runs"}', "x"):
        (project.private / "project.json").write_text(text)
        with pytest.raises(ClothesError, match="Remove it to begin the project anew"):
            Project.open(project.root)


@pytest.mark.parametrize(
    "name",
    [
        *("../x.png", "photos/../../x.png", "photos//etc/x.png", "/etc/x.png", "photos/bar/.x.png", "photos/split.csv"),
        *("trash/1/photos/bar/000.png", "runs/x.png", "photos/bar\0.png", "photos", "photos/.studio/x.png", "C:/x.png"),
        "",
    ],
)
def test_an_id_leads_to_photos_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(PhotoError):
        Project.open(tmp_path / "mine").photo_path(name)


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_module, "_WAIT_SECONDS", 0.1)
    project = Project.open(tmp_path / "mine")
    inside: list[int] = []

    def write() -> None:
        with project.lock(), project.lock():
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with folder_lock(project.private) as is_free:  # as another process
        assert is_free
        with pytest.raises(ClothesError, match="Another studio"), project.lock():
            pass
    with project.lock():
        pass
