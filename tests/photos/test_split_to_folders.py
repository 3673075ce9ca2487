"""Copies of the parts are complete, and overwrite nothing."""

import shutil
import sys
from pathlib import Path

import pytest

import clothes
from clothes.errors import SplitError
from clothes.photos.split_file import Row, Split
from clothes.photos.split_to_folders import copy_parts
from tests.support.pictures import make_photos
from tests.support.splits import make, paint, write_groups


def test_copies_go_into_part_folders_and_overwrite_nothing(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=10)
    split = clothes.split(tmp_path / "photos")
    copy_parts(split, tmp_path / "copies")
    copy_parts(split, tmp_path / "copies")
    again = clothes.split(tmp_path / "copies")
    assert {row.sha256: row.part for row in again.rows} == {row.sha256: row.part for row in split.rows}
    victim = next((tmp_path / "copies" / "test").rglob("*.png"))
    victim.write_bytes(b"mine")
    with pytest.raises(SplitError, match="is another photo"):
        copy_parts(split, tmp_path / "copies")
    assert victim.read_bytes() == b"mine"


def test_nothing_is_copied_when_a_name_is_taken(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path / "photos", {"dress": 10}))
    last = result.rows[-1]
    mine = tmp_path / "copies" / last.part / last.photo
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(SplitError, match="is another photo than"):
        copy_parts(result, tmp_path / "copies")
    assert [path for path in (tmp_path / "copies").rglob("*") if path.is_file()] == [mine]


def test_photos_of_one_name_from_two_parts_both_arrive(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"train/dress": 12, "test/dress": 12})
    result = clothes.split(photos, pool=True)
    copy_parts(result, tmp_path / "copies")
    copy_parts(result, tmp_path / "copies")
    arrived = [path.read_bytes() for path in (tmp_path / "copies").rglob("*.png")]
    assert sorted(arrived) == sorted(path.read_bytes() for path in photos.rglob("*.png"))


def test_photos_of_similar_and_of_long_names_all_arrive(tmp_path: Path) -> None:
    names = ["train/hat/1.png", "test/hat/1.png", "train/hat/1-train.png", f"train/hat/{'a' * 250}.png"]
    rows = [Row(name, "hat", "train", "", str(i)) for i, name in enumerate(names)]
    for row in rows:
        (tmp_path / "photos" / row.photo).parent.mkdir(parents=True, exist_ok=True)
        paint(int(row.sha256)).save(tmp_path / "photos" / row.photo)
    copy_parts(Split(tmp_path / "photos", tuple(rows)), tmp_path / "copies")
    copied = {path.read_bytes() for path in (tmp_path / "copies" / "train" / "hat").iterdir()}
    assert copied == {(tmp_path / "photos" / name).read_bytes() for name in names}


def test_a_copy_that_would_be_in_two_parts_is_refused(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path / "photos", {"dress": 10}))
    photo = result.part("train")[0]
    elsewhere = tmp_path / "copies" / "val" / "dress" / "mine.png"
    elsewhere.parent.mkdir(parents=True)
    shutil.copy(result.root / photo.photo, elsewhere)
    with pytest.raises(SplitError, match=r"mine\.png would now be .*holds the copies of another split"):
        copy_parts(result, tmp_path / "copies")
    assert [path for path in (tmp_path / "copies").rglob("*") if path.is_file()] == [elsewhere]


def test_photos_in_folders_of_a_class_called_test_all_arrive(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"hat": 3, "test/old": 3, "test/new": 3})
    paint(99).save(photos / "test" / "loose.png")
    result = clothes.split(photos)
    copy_parts(result, tmp_path / "copies")
    arrived = [path.read_bytes() for path in (tmp_path / "copies").rglob("*.png")]
    assert sorted(arrived) == sorted(path.read_bytes() for path in photos.rglob("*.png"))


def test_copies_do_not_go_among_the_photos(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path, {"dress": 10}))
    with pytest.raises(SplitError, match="lies among the photos"):
        copy_parts(result, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_photos_below_another_folder_are_split_and_copied(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"data/train/dress": 12, "data/test/dress": 12})
    pooled = clothes.split(photos, pool=True)
    assert clothes.split(photos, previous=pooled).rows == pooled.rows
    assert "The class folders are those in data." in pooled.notes
    lines = [("photo", "group"), *((f"train/dress/{i:03}.png", f"g{i // 4}") for i in range(12))]
    grouped = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", lines))
    assert {row.group for row in grouped.rows if row.photo.startswith("data/train/")} == {"g0", "g1", "g2"}
    copy_parts(pooled, tmp_path / "copies")
    again = clothes.split(tmp_path / "copies")
    assert {row.sha256: row.part for row in again.rows} == {row.sha256: row.part for row in pooled.rows}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take both spellings for one")
def test_two_spellings_of_a_class_are_copied_into_one_folder(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"Dress": 12, "dress": 10})
    result = clothes.split(photos)
    assert result.classes == ("Dress",)
    copy_parts(result, tmp_path / "copies")
    arrived = [path.read_bytes() for path in (tmp_path / "copies").glob("*/Dress/*.png")]
    assert sorted(arrived) == sorted(path.read_bytes() for path in photos.rglob("*.png"))
