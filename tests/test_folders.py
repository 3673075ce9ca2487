"""Class folders as people have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clothes.errors import PhotosError
from clothes.folders import list_class_folders, list_photos


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


def test_what_is_skipped_is_listed_with_its_reason(tmp_path: Path) -> None:
    touch(
        tmp_path / "hat" / "1.jpg",
        tmp_path / "hat" / "notes.txt",
        tmp_path / "hat" / ".DS_Store",
        tmp_path / "hat" / ".ipynb_checkpoints" / "1-checkpoint.jpg",
        tmp_path / "__MACOSX" / "1.jpg",
        tmp_path / "loose.jpg",
        tmp_path / "video.mov",
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


def test_a_link_back_up_ends(tmp_path: Path) -> None:
    touch(tmp_path / "hat" / "1.jpg")
    (tmp_path / "hat" / "again").symlink_to(tmp_path / "hat")
    (tmp_path / "hat" / "up").symlink_to(tmp_path)
    listing = list_class_folders(tmp_path)
    assert "hat/1.jpg" in [photo.path for photo in listing.photos]
    assert len(listing.photos) <= 3
    assert any("leads back" in item.reason for item in listing.skipped)


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
        "import os, sys, clothes.folders, clothes.images\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "root = sys.argv[1]\n"
        "try: print(clothes.folders.list_class_folders(root).skipped)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "try: clothes.images.read(root + '/shoe/2.jpg')\n"
        "except Exception as error: print(error.code)\n"
    )
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    locked, photo = tmp_path / "photos" / "hat", tmp_path / "photos" / "shoe" / "2.jpg"
    locked.chmod(0)
    photo.chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "photos")],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            cwd="/",
        )
    finally:
        locked.chmod(0o755)
        photo.chmod(0o644)
    assert "the folder cannot be read (Permission denied)" in done.stdout, done.stderr
    assert "no-permission" in done.stdout


def test_list_photos_of_any_folder(tmp_path: Path) -> None:
    touch(tmp_path / "b.jpg", tmp_path / "deep" / "a.png", tmp_path / "x.pdf")
    photos, skipped = list_photos(tmp_path)
    assert photos == [tmp_path / "b.jpg", tmp_path / "deep" / "a.png"]
    assert [item.path for item in skipped] == ["x.pdf"]
