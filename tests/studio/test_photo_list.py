"""Listing: pages, counts of photos and garments, thumbnails."""

import io
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from clothes.errors import PhotoError
from clothes.studio import photo_list
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake
from clothes.studio.photo_list import count_photos, list_photos, thumbnail
from clothes.studio.project import Project
from tests.support.pictures import draw, encode, photo, smooth
from tests.support.studio import counts, ids, make_project


def test_pages_hold_each_photo_once_in_order(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", each=7)
    pages = [list_photos(project, "bar", start, 3) for start in (0, 3, 6, 9, -5)]
    assert [len(page.items) for page in pages] == [3, 3, 1, 0, 3]
    assert {page.total for page in pages} == {7}
    found = [item.id for page in pages[:3] for item in page.items]
    assert found == [f"photos/bar/{number:03}.png" for number in range(7)]
    assert list_photos(project, "nothing").total == list_photos(project).total == 0


def test_counts_have_empty_classes_unsorted_photos_and_what_is_skipped(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "mine")
    assert count_photos(project).classes == ()
    Edits(project).add_class("hat")
    assert counts(project) == {"hat": 0}
    make_project(project.root, each=2)
    (project.unsorted / "a.png").write_bytes(photo(1))
    (project.photos / "bar" / "note.doc").write_text("x")
    (project.unsorted / "b.doc").write_text("x")
    found = count_photos(project)
    assert counts(project) == {"bar": 2, "frame": 2, "hat": 0, "square": 2}
    assert found.unsorted == 1
    assert {"bar/note.doc", "unsorted/b.doc"} <= {item.path for item in found.skipped}


def test_frames_of_a_burst_and_near_duplicates_are_one_garment(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "mine")
    with Intake(project) as intake:
        intake.add_burst([photo(seed) for seed in range(5)], "hat")
        intake.add_burst([photo(seed) for seed in range(10, 14)], "hat")
        intake.add_files([("a.png", photo(20)), ("b.png", photo(21))], "hat")
    assert [(found.photos, found.garments) for found in count_photos(project).classes] == [(11, 4)]
    Edits(project).move(ids(project, "hat")[:3], "bag")  # they stay what they are
    assert sum(found.photos for found in count_photos(project).classes) == 11
    groups = {item.group for label in ("hat", "bag") for item in list_photos(project, label).items}
    assert len(groups - {""}) == 2


def test_the_listing_follows_changes_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "mine", each=2)
    for folder, *_ in os.walk(tmp_path):
        os.utime(folder, (1e9, 1e9))
    reads: list[int] = []
    real = photo_list._read
    monkeypatch.setattr(photo_list, "_read", lambda project: (reads.append(1), real(project))[1])
    assert counts(project) == {"bar": 2, "frame": 2, "square": 2}
    list_photos(project, "bar")
    assert len(reads) == 1
    shutil.copy(project.photos / "bar" / "000.png", project.photos / "frame" / "9.png")
    assert counts(project)["frame"] == 3
    shutil.rmtree(project.photos / "bar")
    assert counts(project) == {"frame": 3, "square": 2}


def test_5000_photos_in_20_classes_are_listed_once_for_many_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.open(tmp_path / "mine")
    for label in range(20):
        (project.photos / f"class {label}").mkdir()
        for number in range(250):
            (project.photos / f"class {label}" / f"{number}.jpg").touch()
    for folder, *_ in os.walk(tmp_path):
        os.utime(folder, (1e9, 1e9))
    assert sum(counts(project).values()) == 5000
    monkeypatch.setattr(photo_list, "_read", None)
    assert sum(len(list_photos(project, f"class {label}", 200).items) for label in range(20)) == 1000


def test_a_thumbnail_is_small_without_exif_and_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", each=1)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    (project.photos / "bar" / "big.jpg").write_bytes(encode(smooth(1, (900, 600)), "JPEG", exif=exif))
    data = thumbnail(project, "photos/bar/big.jpg")
    small = Image.open(io.BytesIO(data))
    assert (small.format, max(small.size), small.size[0] < small.size[1]) == ("JPEG", 160, True)
    assert not small.getexif() and b"at home" not in data
    kept = list((project.private / "thumbnails").iterdir())
    assert [path.read_bytes() for path in kept] == [data]
    Edits(project).move(["photos/bar/big.jpg"], "frame")
    assert thumbnail(project, "photos/frame/big.jpg") == data
    assert list((project.private / "thumbnails").iterdir()) == kept
    draw("bar", 5).save(project.photos / "frame" / "big.jpg")  # another photo
    assert thumbnail(project, "photos/frame/big.jpg") != data
    assert max(Image.open(io.BytesIO(thumbnail(project, "photos/frame/big.jpg", 10**9))).size) <= photo_list.SIZES[1]


def test_a_thumbnail_of_what_is_no_photo_or_gone_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", each=1)
    (project.photos / "bar" / "x.png").write_text("nothing")
    for name in ("photos/bar/x.png", "photos/bar/gone.png", "photos/../x.png"):
        with pytest.raises(PhotoError):
            thumbnail(project, name)
