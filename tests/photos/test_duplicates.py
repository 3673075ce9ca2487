"""A survey reads each photo once, and finds copies and near-duplicates."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from PIL import ImageEnhance

from clothes.photos.decode import inspect
from clothes.photos.duplicates import Pair, Survey, group
from clothes.photos.folders import list_class_folders
from clothes.photos.image_similarity import THUMB
from tests.support.pictures import jpeg, make_photos, smooth


def test_copies_are_found_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    original = smooth(0)
    copies = {
        "a/0.jpg": jpeg(original, 95),
        "a/1-same.jpg": jpeg(original, 95),
        "a/2-poor.jpg": jpeg(original, 30),
        "b/3-half.jpg": jpeg(original.resize((150, 200)), 90),
        "b/4-bright.jpg": jpeg(ImageEnhance.Brightness(original).enhance(1.1), 90),
    }
    for name, data in copies.items():
        (tmp_path / name).write_bytes(data)
    for i in range(1, 30):
        smooth(i).save(tmp_path / "b" / f"other-{i}.jpg")
    with Survey(list_class_folders(tmp_path)) as survey:
        pairs = survey.pairs()
        names = [record.path for record in survey.records]
        liked = {name: survey.like(inspect(copies[name], THUMB)) for name in copies}
        unlike = survey.like(inspect(jpeg(smooth(99), 90), THUMB))
    assert {name: record and record.path in copies for name, record in liked.items()} == dict.fromkeys(copies, True)
    assert unlike is None
    found = {(names[pair.a], names[pair.b]): pair.kind for pair in pairs}
    assert found[("a/0.jpg", "a/1-same.jpg")] == "exact"
    assert sorted({name for pair in found for name in pair}) == sorted(copies)
    assert len(found) == 1 + 6  # the second copy beside the first, and the four different files with each other
    assert group(len(names), pairs) == [[names.index(name) for name in sorted(copies)]]


def test_identical_files_are_cheap_and_one_group(tmp_path: Path) -> None:
    """The picture that a shop shows for "no picture": each with each would be half a million pairs."""
    (tmp_path / "a").mkdir()
    data = jpeg(smooth(0, (90, 90)), 80)
    for i in range(1000):
        (tmp_path / "a" / f"{i}.jpg").write_bytes(data)
    with Survey(list_class_folders(tmp_path)) as survey:
        pairs = survey.pairs()
        groups = group(len(survey.records), pairs)
    assert len(pairs) == 999
    assert groups == [list(range(1000))]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is the system's")
def test_no_room_for_the_small_copies_is_said(tmp_path: Path) -> None:
    make_photos(tmp_path, each=40)
    code = (
        "import resource, sys, clothes.errors, clothes.photos.folders, clothes.photos.duplicates\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "try: clothes.photos.duplicates.Survey(clothes.photos.folders.list_class_folders(sys.argv[1]))\n"
        "except clothes.errors.PhotosError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert "No room" in done.stdout, done.stderr
    assert "TMPDIR" in done.stdout


def test_a_survey_keeps_little_of_a_photo(tmp_path: Path) -> None:
    kept, data = [], jpeg(smooth(0, (90, 90)), 80)
    for count in (200, 400):
        folder = tmp_path / str(count) / "a"
        folder.mkdir(parents=True)
        for i in range(count):
            (folder / f"{i}.jpg").write_bytes(data)
        listing = list_class_folders(folder.parent)
        tracemalloc.start()
        with Survey(listing):
            kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert (kept[1] - kept[0]) / 200 < 600  # bytes: its record, its hash and sizes, and not its 13 kB of pixels


def test_groups_do_not_chain() -> None:
    chain = [Pair(0, 1, "near", 0.1), Pair(1, 2, "near", 0.12), Pair(3, 4, "exact", 0.0)]
    assert group(5, sorted(chain, key=lambda pair: pair.distance)) == [[0, 1], [3, 4]]
    complete = [*chain, Pair(0, 2, "near", 0.13)]
    assert group(5, complete) == [[0, 1, 2], [3, 4]]
    copied = [Pair(0, 4, "exact", 0.0), *complete[:2], complete[3]]  # a copy goes where its original goes
    assert group(5, copied) == [[0, 1, 2, 4]]


def test_unreadable_photos_are_recorded_and_never_alike(tmp_path: Path) -> None:
    make_photos(tmp_path, each=2, shapes=("bar", "square"))
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "bar" / name).write_bytes(b"no photo")
    with Survey(list_class_folders(tmp_path)) as survey:
        errors = {item.path: item.code for item in survey.unreadable}
        assert errors == {"bar/a.jpg": "not-a-photo", "bar/b.jpg": "not-a-photo"}
        assert survey.pairs() == []
