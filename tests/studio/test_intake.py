"""Taking photos in: each file is added or refused with a reason, to its class or to the unsorted ones, in one step."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clothes.errors import PhotoError, PhotosError
from clothes.inference.confidence import Prediction
from clothes.photos.split import split
from clothes.photos.split_file import Split
from clothes.studio import intake as intake_module
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake, suggest
from clothes.studio.project import Project
from clothes.studio.shelves import Added, Refused
from tests.support.pictures import encode, jpeg, make_photos, photo, png_header, smooth
from tests.support.studio import below, counts, ids, make_project, make_zip, origins, photos


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open(tmp_path / "mine")


def reasons(refused: list[Refused]) -> dict[str, str]:
    return {item.name: item.reason for item in refused}


def test_files_are_stored_unchanged_each_once(project: Project, tmp_path: Path) -> None:
    (tmp_path / "2.png").write_bytes(photo(2))
    with Intake(project) as intake:
        first = intake.add_file("1.PNG", photo(1), "hat")
        second = intake.add_file("2.png", tmp_path / "2.png")
        again = intake.add_files([("x.png", photo(1)), ("y.png", photo(2))])
    assert isinstance(first, Added) and isinstance(second, Added)
    assert [(first.new, first.id[:11]), (second.new, second.id[:9])] == [(True, "photos/hat/"), (True, "unsorted/")]
    assert again == [Added(first.id, new=False), Added(second.id, new=False)]
    assert photos(project) == {
        name: hashlib.sha256(photo(i)).hexdigest() for i, name in ((1, first.id), (2, second.id))
    }
    assert set(origins(project.photos).values()) == {"1.PNG"} and set(origins(project.unsorted).values()) == {"2.png"}
    assert (tmp_path / "2.png").read_bytes() == photo(2)


def test_each_refused_file_has_its_reason(project: Project) -> None:
    make_project(project.root, each=8)
    (project.photos / "bar" / "tested.png").write_bytes(encode(smooth(1), "PNG"))
    rows = split(project.photos).rows
    rows = tuple(replace(row, part="test") if row.photo == "bar/tested.png" else row for row in rows)
    Split(project.photos, rows).write(project.photos / "split.csv")
    with Intake(project) as intake:
        intake.add_file("loose.png", photo(500))
        outcomes = intake.add_files(
            [
                ("text.png", b"no picture"),
                ("empty.png", b""),
                ("cut.png", photo(3)[:200]),
                ("bomb.png", png_header(60_000, 60_000)),
                ("gone.png", Path("/nowhere/gone.png")),
                ("other.png", (project.photos / "frame" / "000.png").read_bytes()),
                ("near.jpg", jpeg(smooth(1), 60)),
                ("loose again.png", photo(500)),
                ("good.png", photo(501)),
            ],
            "bar",
        )
    *refused, good = outcomes
    assert all(isinstance(item, Refused) for item in refused) and isinstance(good, Added)
    found = reasons(refused)  # type: ignore[arg-type]
    assert len(found) == 8
    for name, words in {
        "text.png": "not a picture",
        "empty.png": "no bytes|empty",
        "cut.png": "ends|damaged|truncated",
        "bomb.png": "pixels",
        "gone.png": "exist|no such",
        "other.png": "not as bar: frame/000.png",
        "near.jpg": "looks like bar/tested.png, a photo of the test part",
        "loose again.png": "among the unsorted photos already",
    }.items():
        assert any(word in found[name] for word in words.split("|")), (name, found[name])
    assert counts(project)["bar"] == 10


def test_a_class_is_found_however_it_is_spelt_and_impossible_ones_are_refused(project: Project) -> None:
    with Intake(project) as intake:
        for number, label in enumerate(["T-Shirt", "t-shirt", "T SHIRT", "Ro\u0308cke", "Röcke", "röcke"]):
            assert isinstance(intake.add_file("x.png", photo(number), label), Added)
        for label in ("", "..", "a/b", "train", "CON", ".hidden", "x" * 200):
            with pytest.raises(PhotosError, match="No class can be called"):
                intake.add_file("x.png", photo(9), label)
    assert counts(project) == {"T-Shirt": 3, "Röcke": 3}


def test_what_one_intake_adds_is_one_step(project: Project) -> None:
    make_project(project.root, each=1)
    Edits(project).add_class("hat")
    before = photos(project)
    with Intake(project) as intake:
        intake.add_files([(f"{i}.png", photo(i + 50)) for i in range(3)], "hat")
        intake.add_burst([photo(60), photo(61)], "bag")
        intake.add_file("x.png", photo(70))
    assert Edits(project).undo() == "Undone: 6 photos added."
    assert photos(project) == before
    assert counts(project) == {"bar": 1, "frame": 1, "hat": 0, "square": 1}
    assert Edits(project).redo() == "Done again: 6 photos added."
    assert counts(project) == {"bag": 2, "bar": 1, "frame": 1, "hat": 3, "square": 1}
    assert Edits(project).history.next() == ("6 photos added", "")


# --- zip files and folders ---


@pytest.mark.parametrize("wrapper", ["", "photos/", "Export 2024/data/photos/"])
def test_a_zip_file_sorts_itself_by_its_class_folders(project: Project, tmp_path: Path, wrapper: str) -> None:
    files = {
        f"{wrapper}{label}/{i}.png": photo(i + 10 * n) for n, label in enumerate(("hat", "Röcke")) for i in range(3)
    }
    others = {f"{wrapper}hat/note.txt": b"x", f"{wrapper}hat/broken.jpg": b"x", "__MACOSX/hat/._1.png": b"x"}
    path = make_zip(tmp_path / "mine.zip", {**files, **others, "loose.png": photo(90)})
    seen: list[tuple[int, int]] = []
    with Intake(project) as intake:
        result = intake.add_zip(path, progress=lambda done, total: seen.append((done, total)))
        again = intake.add_zip(path)
    assert counts(project) == {"hat": 3, "Röcke": 3}
    assert [name.partition("/")[0] for name in result.added].count("unsorted") == 1
    assert (len(result.added), result.already, result.problem) == (7, [], "")
    assert (again.added, len(again.already)) == ([], 7)
    assert {name.rpartition("/")[2] for name in reasons(result.refused)} == {"note.txt", "broken.jpg", "._1.png"}
    assert seen == [(done, 8) for done in range(1, 9)]
    assert f"mine.zip/{wrapper}hat/0.png" in origins(project.photos).values()


def test_a_zip_file_whose_folders_are_unclear_is_unsorted_with_a_note(project: Project, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "upload-17", {f"pictures/mine/{i}.png": photo(i) for i in range(2)})
    with Intake(project) as intake:
        result = intake.add_zip(path, name="trip.zip")
    assert len(ids(project, None)) == 2
    assert "trip.zip" in result.notes[0] and "unsorted" in result.notes[0] and str(path) not in result.notes[0]


def test_harmful_and_broken_zip_files_are_refused_whole(project: Project, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"no zip")
    make_zip(tmp_path / "up.zip", {"../../x.png": photo(1)})
    with Intake(project) as intake:
        for name in ("no.zip", "up.zip", "gone.zip"):
            with pytest.raises(PhotosError):
                intake.add_zip(tmp_path / name)
    assert photos(project) == {}
    assert Edits(project).undo() == "There is nothing to undo."


def test_a_stopped_zip_keeps_what_was_added_as_one_step(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_CHUNK_SECONDS", 0.0001)  # a photo or so at a time
    path = make_zip(
        tmp_path / "a.zip", {f"{label}/{i}.png": photo(i + 40 * (label == "b")) for label in "ab" for i in range(9)}
    )
    seen: list[int] = []
    with Intake(project) as intake:
        result = intake.add_zip(path, progress=lambda done, _: seen.append(done), stop=lambda: len(seen) == 12)
    assert len(result.added) == sum(counts(project).values()) == 12
    assert Edits(project).undo() == "Undone: 12 photos added."
    assert photos(project) == {} and counts(project) == {}


def test_a_full_disk_ends_a_batch_and_says_what_is_kept(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [(f"{i}.png", photo(i)) for i in range(8)]
    path = make_zip(tmp_path / "a.zip", {f"hat/{name}": data for name, data in files})
    real, synced = os.fsync, 0

    def fill(file: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 9:
            raise OSError(28, "No space left on device")
        real(file)

    with Intake(project) as intake:
        monkeypatch.setattr(os, "fsync", fill)
        result = intake.add_zip(path)
        refused = intake.add_files(files[-2:], "hat")
        monkeypatch.undo()
        assert "No space left" in result.problem
        assert 0 < len(result.added) < 8
        assert all("No space left" in reason for reason in reasons(refused).values()) and len(refused) == 2  # type: ignore[arg-type]
        assert set(ids(project, "hat")) == set(result.added)
        assert len(intake.add_zip(path).added) == 8 - len(result.added)
    assert counts(project) == {"hat": 8}
    while Edits(project).undo() != "There is nothing to undo.":
        pass
    assert photos(project) == {}


def test_a_folder_of_this_computer_is_copied_by_its_classes(project: Project, tmp_path: Path) -> None:
    source = make_photos(tmp_path / "source", each=2)
    (source / "loose.png").write_bytes(photo(900))
    (source / "bar" / "x.doc").write_text("x")
    before = below(source)
    with Intake(project) as intake:
        result = intake.add_folder(source)
    assert counts(project) == {"bar": 2, "frame": 2, "square": 2}
    assert (len(ids(project, None)), reasons(result.refused).keys()) == (1, {"bar/x.doc"})
    assert below(source) == before
    with Intake(project) as intake:
        assert len(intake.add_folder(source / "bar", "Riegel").refused) == 3  # there already, but as bar
        (source / "loose.png").write_bytes(photo(902))
        assert len(intake.add_folder(source, "hat").added) == 1  # the others are there, in their classes
        (tmp_path / "few").mkdir()
        (tmp_path / "few" / "1.png").write_bytes(photo(901))
        assert intake.add_folder(tmp_path / "few").notes
        with pytest.raises(PhotosError, match="No photo"):
            intake.add_folder(project.runs)
    assert (len(ids(project, None)), len(ids(project, "hat"))) == (2, 1)


# --- suggestions ---


class ByShape:
    """Recognises drawn photos by their names in `shapes`, and is not sure of others."""

    def __init__(self, shapes: dict[str, str]) -> None:
        self.shapes = shapes

    def predict_many(self, paths: Iterable[Path]) -> Iterator[Prediction | PhotoError]:
        for path in paths:
            if path.suffix == ".jpg":
                yield PhotoError(path.name, "damaged", "it is damaged")
            else:
                shape = self.shapes.get(path.name, "bar")
                yield Prediction(shape, 0.9, {shape: 0.9}, known=path.name in self.shapes)


def test_suggestions_sort_unsorted_photos_and_accepting_them_is_one_step(project: Project) -> None:
    Edits(project).add_class("Frame")
    with Intake(project) as intake:
        added = intake.add_files([(f"{i}.png", photo(i)) for i in range(6)])
        names = [Path(item.id).name for item in added]  # type: ignore[union-attr]
        (project.unsorted / "broken.jpg").write_text("x")
        known = dict(zip(names, ["frame", "bar", "frame", "bar"], strict=False))
        found = suggest(project, ByShape(known))  # type: ignore[arg-type]
        expected = {"Frame": names[0:4:2], "bar": names[1:4:2]}
        assert found == {label: sorted(f"unsorted/{name}" for name in names) for label, names in expected.items()}
    assert Edits(project).sort(found.items()) == "2 photos moved to Frame; 2 photos moved to bar."
    assert counts(project) == {"Frame": 2, "bar": 2}
    Edits(project).undo()
    assert counts(project) == {"Frame": 0}
    assert len(ids(project, None)) == 7
