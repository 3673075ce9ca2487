"""Class folders as people have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clothes.errors import PhotosError
from clothes.photos.folders import class_folder, list_class_folders, list_photos
from tests.support.permissions import let_others_enter


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_class_folders_in_any_script_with_folders_inside(tmp_path: Path) -> None:
    touch(tmp_path / "裙子" / "1.jpg", tmp_path / "Hüte" / "alt" / "2.JPG", tmp_path / "قميص" / "صورة.png")
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("Hüte", "قميص", "裙子")
    assert [photo.path for photo in listing.photos] == ["Hüte/alt/2.JPG", "قميص/صورة.png", "裙子/1.jpg"]
    assert listing.parts == ()
    assert listing.skipped == ()


def test_parts_by_every_name_people_use(tmp_path: Path) -> None:
    touch(*(tmp_path / part / "hat" / "1.jpg" for part in ("train", "val", "test")))
    assert list_class_folders(tmp_path).parts == ("train", "validation", "test")
    (tmp_path / "val").rename(tmp_path / "valid")
    assert [photo.part for photo in list_class_folders(tmp_path).photos] == ["test", "train", "validation"]


def test_a_class_may_be_called_test_where_there_is_no_train(tmp_path: Path) -> None:
    touch(tmp_path / "test" / "1.jpg", tmp_path / "hat" / "1.jpg")
    assert list_class_folders(tmp_path).classes == ("hat", "test")


def test_training_and_testing_are_parts(tmp_path: Path) -> None:
    touch(*(tmp_path / part / "hat" / "1.jpg" for part in ("Training", "testing")))
    listing = list_class_folders(tmp_path)
    assert (listing.classes, listing.parts) == (("hat",), ("train", "test"))


@pytest.mark.parametrize("parts", [("test", "val"), ("train", "dev"), ("validation",)])
def test_parts_that_cannot_be_classes_are_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    touch(*(tmp_path / part / "hat" / "1.jpg" for part in parts))
    with pytest.raises(PhotosError, match=r"train must be there.*Rename those, or name the folder"):
        list_class_folders(tmp_path)


def test_what_is_skipped_is_listed_with_its_reason(tmp_path: Path) -> None:
    touch(
        tmp_path / "hat" / "1.jpg",
        tmp_path / "hat" / "notes.txt",
        tmp_path / "hat" / ".DS_Store",
        tmp_path / "hat" / ".ipynb_checkpoints" / "1-checkpoint.jpg",
        tmp_path / "__MACOSX" / "1.jpg",
        tmp_path / "loose.jpg",
        tmp_path / "video.mov",
        tmp_path / "sources.csv",
        tmp_path / ".collecting.csv",  # there while photos are collected
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "hat" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    listing = list_class_folders(tmp_path)
    assert [photo.path for photo in listing.photos] == ["hat/1.jpg"]
    assert {item.path: item.reason for item in listing.skipped} == {
        "__MACOSX": "hidden",
        "empty": "a class folder without photos",
        "hat/.DS_Store": "hidden",
        "hat/.ipynb_checkpoints": "hidden",
        "hat/gone.jpg": "a link to nothing",
        "hat/notes.txt": "not a photo by its name",
        "loose.jpg": "lies outside the class folders",
        "video.mov": "not a photo by its name",
    }


def test_a_link_back_up_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    touch(root / "hat" / "1.jpg", root / "shoe" / "2.jpg", tmp_path / "elsewhere" / "3.jpg")
    (root / "hat" / "again").symlink_to(root / "hat")
    (root / "hat" / "up").symlink_to(root)
    (root / "hat" / "above").symlink_to(tmp_path)
    (root / "all").symlink_to(root)
    listing = list_class_folders(root)
    assert [(photo.path, photo.label) for photo in listing.photos] == [("hat/1.jpg", "hat"), ("shoe/2.jpg", "shoe")]
    assert [item.path for item in listing.skipped] == ["all", "hat/above", "hat/again", "hat/up"]
    assert {item.reason for item in listing.skipped} == {"a link that leads back to a folder above it"}


def test_a_link_to_itself_is_a_link_to_nothing(tmp_path: Path) -> None:
    touch(tmp_path / "hat" / "1.jpg")
    for path in (tmp_path / "x", tmp_path / "hat" / "folder", tmp_path / "hat" / "2.jpg"):
        path.symlink_to(path.name)
    listing = list_class_folders(tmp_path)
    assert [photo.path for photo in listing.photos] == ["hat/1.jpg"]
    assert {item.path: item.reason for item in listing.skipped} == dict.fromkeys(
        ["hat/2.jpg", "hat/folder", "x"], "a link to nothing"
    )


def test_folders_linked_to_each_other_do_not_multiply(tmp_path: Path) -> None:
    names = [f"class{i}" for i in range(8)]
    for name in names:
        touch(tmp_path / name / "1.jpg")
        for other in names:
            if other != name:
                (tmp_path / name / f"to-{other}").symlink_to(tmp_path / other)
    listing = list_class_folders(tmp_path)
    assert len(listing.photos) == 16  # each once as itself and once through the first link to it
    assert any("another link led to" in item.reason for item in listing.skipped)


def test_linked_folders_and_photos_elsewhere_are_used(tmp_path: Path) -> None:
    touch(tmp_path / "store" / "hats" / "1.jpg", tmp_path / "store" / "2.jpg")
    (tmp_path / "photos" / "shoe").mkdir(parents=True)
    (tmp_path / "photos" / "hat").symlink_to(tmp_path / "store" / "hats")
    (tmp_path / "photos" / "shoe" / "2.jpg").symlink_to(tmp_path / "store" / "2.jpg")
    assert [photo.path for photo in list_class_folders(tmp_path / "photos").photos] == ["hat/1.jpg", "shoe/2.jpg"]


def test_very_deep_folders_are_left(tmp_path: Path) -> None:
    touch(tmp_path / "hat" / "1.jpg", tmp_path.joinpath("hat", *["d"] * 60) / "2.jpg")
    listing = list_class_folders(tmp_path)
    assert [photo.path for photo in listing.photos] == ["hat/1.jpg"]
    assert [item.reason for item in listing.skipped] == ["more than 40 folders deep"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take such names")
def test_a_name_that_is_no_text_is_skipped_and_can_be_printed(tmp_path: Path) -> None:
    touch(tmp_path / "hat" / "1.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path / "hat") + b"/k\xe4se.jpg")).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfctze")).mkdir()
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("hat",)
    assert [item.path for item in listing.skipped] == ["hat/k\\xe4se.jpg", "m\\xfctze"]
    assert str(listing.skipped).encode()


def test_train_alone_is_a_part_and_not_a_class(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "hat" / "1.jpg", tmp_path / "train" / "shoe" / "2.jpg")
    listing = list_class_folders(tmp_path)
    assert (listing.classes, listing.parts) == (("hat", "shoe"), ("train",))
    touch(tmp_path / "train" / "3.jpg")  # now it looks like a class
    assert list_class_folders(tmp_path).classes == ("train",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "No photo below"),
        (lambda root: touch(root / "a.jpg", root / "b.jpg"), "2 photos but no class folders"),
        (lambda root: touch(root / "hat" / "readme.md"), "No photo below"),
    ],
)
def test_a_folder_without_class_folders_is_explained(tmp_path: Path, make: object, message: str) -> None:
    make(tmp_path)  # type: ignore[operator]
    with pytest.raises(PhotosError, match=message):
        list_class_folders(tmp_path)


def test_missing_folder_and_file_instead(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="There is no folder"):
        list_class_folders(tmp_path / "none")
    touch(tmp_path / "file")
    with pytest.raises(PhotosError, match="is a file"):
        list_class_folders(tmp_path / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_no_permission_is_said(tmp_path: Path) -> None:
    """In a process of another user when the tests run as root, whom no permission stops."""
    touch(tmp_path / "photos" / "hat" / "1.jpg", tmp_path / "photos" / "shoe" / "2.jpg")
    code = (
        "import os, sys, clothes.photos.folders, clothes.photos.decode\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "root = sys.argv[1]\n"
        "try: print(clothes.photos.folders.list_class_folders(root).skipped)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "try: clothes.photos.decode.read(root + '/shoe/2.jpg')\n"
        "except Exception as error: print(error.code)\n"
    )
    let_others_enter(tmp_path)
    locked, photo = tmp_path / "photos" / "hat", tmp_path / "photos" / "shoe" / "2.jpg"
    locked.chmod(0)
    photo.chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "photos")],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            cwd="/",
        )
    finally:
        locked.chmod(0o755)
        photo.chmod(0o644)
    assert "the folder cannot be read (Permission denied)" in done.stdout, done.stderr
    assert "no-permission" in done.stdout


def test_list_photos_of_any_folder(tmp_path: Path) -> None:
    touch(tmp_path / "b.jpg", tmp_path / "deep" / "a.png", tmp_path / "x.pdf", tmp_path / "split.csv")
    photos, skipped = list_photos(tmp_path)
    assert photos == [tmp_path / "b.jpg", tmp_path / "deep" / "a.png"]
    assert [item.path for item in skipped] == ["x.pdf"]


@pytest.mark.parametrize("above", ["data", "data/photos", "a/b/c/d"])
@pytest.mark.parametrize("part", ["", "train/"])
def test_class_folders_below_single_folders_are_the_classes(tmp_path: Path, above: str, part: str) -> None:
    touch(*(tmp_path / above / f"{part}{name}" / "1.jpg" for name in ("hat", "shirt")), tmp_path / "readme.txt")
    if part:
        touch(tmp_path / above / "test" / "hat" / "2.jpg")
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("hat", "shirt")
    assert listing.parts == (("train", "test") if part else ())
    assert all((tmp_path / photo.path).is_file() for photo in listing.photos)
    assert listing.notes == (f"The class folders are those in {above}.",)
    into = tmp_path / above / part
    assert (class_folder(tmp_path, "hat"), class_folder(tmp_path, "coat")) == (into / "hat", into / "coat")


def test_what_lies_beside_and_above_the_class_folders_is_listed(tmp_path: Path) -> None:
    touch(*(tmp_path / "data" / name / "1.jpg" for name in ("hat", "shirt")), tmp_path / "loose.jpg")
    touch(tmp_path / "data" / "notes.txt")
    (tmp_path / "empty").mkdir()
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("hat", "shirt")
    assert {item.path: item.reason for item in listing.skipped} == {
        "data/notes.txt": "not a photo by its name",
        "empty": "a class folder without photos",
        "loose.jpg": "lies outside the class folders",
    }


@pytest.mark.parametrize("paths", [("hat/1.jpg", "hat/old/2.jpg"), ("hat/old/1.jpg",), ("hat/1.jpg",)])
def test_one_class_stays_one(tmp_path: Path, paths: tuple[str, ...]) -> None:
    touch(*(tmp_path / path for path in paths))
    listing = list_class_folders(tmp_path)
    assert (listing.classes, len(listing.photos), listing.notes) == (("hat",), len(paths), ())
    assert class_folder(tmp_path, "shoe") == tmp_path / "shoe"


@pytest.mark.parametrize("loose", ["photos/1.jpg", "photos/hat/1.jpg", "train/photos/1.jpg", "train/photos/hat/1.jpg"])
def test_a_single_folder_of_folders_that_counts_as_one_class_is_told(tmp_path: Path, loose: str) -> None:
    above = "train/photos" if loose.startswith("train") else "photos"
    touch(*(tmp_path / above / name / "1.jpg" for name in ("hat", "shirt")), tmp_path / loose)
    listing = list_class_folders(tmp_path)
    if loose != "photos/hat/1.jpg":  # then hat and shirt are the classes
        assert listing.classes == ("photos",)
        assert "Class folders that hold folders: 1 of 1, such as photos (hat, shirt)" in listing.notes[0]


def test_folders_that_may_be_classes_in_a_class_folder_are_told(tmp_path: Path) -> None:
    touch(*(tmp_path / shop / name / "1.jpg" for shop in ("north", "south") for name in ("hat", "shirt")))
    touch(tmp_path / "coat" / "1.jpg")
    (note,) = list_class_folders(tmp_path).notes
    assert note.startswith("Class folders that hold folders: 2 of 3, such as north (hat, shirt)")


def test_class_folders_below_a_folder_beside_a_class_are_told(tmp_path: Path) -> None:
    touch(*(tmp_path / "data" / "photos" / name / "1.jpg" for name in ("hat", "shirt")), tmp_path / "coat" / "1.jpg")
    (note,) = list_class_folders(tmp_path).notes
    assert "data (photos/hat, photos/shirt). Each counts as one class" in note


def test_a_class_is_found_without_a_look_into_every_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else collecting many classes takes the square of their number."""
    touch(*(tmp_path / f"class{i}" / "1.jpg" for i in range(50)))
    entered: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: entered.append(path) or scandir(path))
    assert class_folder(tmp_path, "Class7") == tmp_path / "class7"
    assert len(entered) < 10
