"""The check finds what is wrong, says it shortly, and touches nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from tests.support.permissions import let_others_enter
from tests.support.pictures import jpeg, make_photos, smooth


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for part, count in (("train", 24), ("test", 3)):
        for c, label in enumerate(("hat", "shoe")):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                smooth(1000 * c + i + (500 if part == "test" else 0)).save(root / part / label / f"{i}.jpg")
    copy = jpeg(smooth(9999), 95)
    (root / "train" / "hat" / "copy.jpg").write_bytes(copy)
    (root / "train" / "hat" / "again.jpg").write_bytes(copy)
    (root / "train" / "shoe" / "copy.jpg").write_bytes(copy)
    (root / "test" / "hat" / "copy.jpg").write_bytes(jpeg(smooth(9999), 60))
    (root / "train" / "hat" / "cut.jpg").write_bytes(copy[:900])
    (root / "train" / "hat" / "page.jpg").write_text("<html>")
    (root / "train" / "hat" / "thumbs.db").write_bytes(b"x")
    Image.new("RGB", (20, 20), "red").save(root / "train" / "shoe" / "tiny.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 400, 3), dtype=np.uint8)).save(
        root / "train" / "shoe" / "long.png"
    )
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    smooth(777).save(root / "train" / "shoe" / "located.jpg", exif=exif)
    (root / "test" / "scarf").mkdir()
    smooth(888).save(root / "test" / "scarf" / "1.jpg")
    return root


def test_everything_wrong_is_found(messy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in messy.rglob("*")}
    report = clothes.check(messy)
    assert {item.path: (item.code, item.reason) for item in report.unreadable} == {
        "train/hat/cut.jpg": ("truncated", "the picture ends too early (an interrupted copy?)"),
        "train/hat/page.jpg": ("not-a-photo", "this is not a picture of a known format"),
    }
    assert [item.path for item in report.odd_files] == ["train/hat/thumbs.db"]
    assert report.tiny == ("train/shoe/tiny.png",)
    assert report.long == ("train/shoe/long.png",)
    assert report.located == ("train/shoe/located.jpg",)
    assert report.untrained == ("scarf",)
    assert "scarf: 1" in report.few
    assert [(a.photo, a.other, a.kind) for a in report.within_class if a.photo.endswith("again.jpg")] == [
        ("train/hat/again.jpg", "train/hat/copy.jpg", "exact")
    ]
    assert {a.other for a in report.across_classes} >= {"train/shoe/copy.jpg"}
    assert {a.photo for a in report.across_parts} == {"test/hat/copy.jpg"}
    assert report.counts["train"] == {"hat": 26, "shoe": 28}
    assert report.photos == sum(sum(part.values()) for part in report.counts.values())
    assert before == {path: path.stat().st_mtime_ns for path in messy.rglob("*")}


def test_the_report_is_short_and_the_json_complete(messy: Path) -> None:
    report = clothes.check(messy)
    text = str(report)
    assert "2 photos that cannot be read" in text
    assert "1 tiny photo (" in text
    assert "1 class in test or validation but not in train" in text
    assert "1 item skipped. Is one of them a photo?" in text
    assert "One of the labels is probably wrong" in text
    assert max(map(len, text.splitlines())) < 140
    assert len(text.splitlines()) < 45
    data = json.loads(json.dumps(report.to_dict()))
    assert {item["code"] for item in data["unreadable"]} == {"truncated", "not-a-photo"}
    assert len(data["across_parts"]) == len(report.across_parts)
    assert str(messy) not in json.dumps(data)


def test_small_pictures_are_no_finding_where_all_are_small(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(25):
            smooth(i + ord(label) * 100, (28, 28)).save(tmp_path / label / f"{i}.png")
    assert str(clothes.check(tmp_path)).endswith("No problem was found.")


def test_examples_are_few_and_names_cannot_move_the_cursor(tmp_path: Path) -> None:
    make_photos(tmp_path, each=20, shapes=("bar", "square"))
    for i in range(9):
        (tmp_path / "bar" / f"bad{i}.jpg").write_bytes(b"")
    (tmp_path / "bar" / "a\x1b[2J\nb.jpg").write_bytes(b"")
    text = str(clothes.check(tmp_path))
    assert "10 photos that cannot be read" in text
    assert "... and 7 more: --json lists all" in text
    assert "\x1b" not in text
    assert "bar/a?[2J?b.jpg: the file is empty" in text


def test_columns_stand_below_each_other_in_any_script(tmp_path: Path) -> None:
    make_photos(tmp_path, each=20, shapes=("bar", "square"))
    (tmp_path / "bar").rename(tmp_path / "连衣裙")
    table = str(clothes.check(tmp_path)).splitlines()[:3]
    assert table[0].index("photos") + len("photos") == len(table[1])
    assert len(table[2]) + 3 == len(table[1])  # three characters that take two columns each


def test_a_class_with_one_photo_and_one_with_none_readable(tmp_path: Path) -> None:
    make_photos(tmp_path, each=20, shapes=("bar",))
    make_photos(tmp_path, each=1, shapes=("frame",))
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "1.jpg").write_bytes(b"")
    report = clothes.check(tmp_path)
    assert report.few == ("frame: 1", "hat: 0")
    assert report.photos == 21
    assert [item.path for item in report.unreadable] == ["hat/1.jpg"]


def test_a_folder_of_only_bad_photos_is_reported_not_raised(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    for name, data in (("a.jpg", b""), ("b.jpg", b"<html>")):
        (tmp_path / "hat" / name).write_bytes(data)
    report = clothes.check(tmp_path)
    assert report.photos == 0
    assert "2 photos that cannot be read" in str(report)
    assert json.dumps(report.to_dict())


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_photo_without_permission_is_listed_and_the_others_go_on(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=20, shapes=("bar", "square"))
    locked = tmp_path / "photos" / "bar" / "000.png"
    locked.chmod(0)
    let_others_enter(tmp_path)
    code = (
        "import os, sys, clothes.photos.checks\n"
        "clothes.photos.checks.check(sys.argv[1])\n"  # imports what another user may not: root's Python
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "report = clothes.photos.checks.check(sys.argv[1])\n"
        "print(report.photos, [(item.path, item.code) for item in report.unreadable])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "photos")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd="/",
        timeout=60,
    )
    assert done.stdout == "39 [('bar/000.png', 'no-permission')]\n", done.stderr


def test_one_class_and_imbalance(tmp_path: Path) -> None:
    make_photos(tmp_path, each=33, shapes=("bar",))
    assert "There is one class only, bar;" in str(clothes.check(tmp_path))
    make_photos(tmp_path, each=3, shapes=("square",))
    report = clothes.check(tmp_path)
    assert report.imbalance == 11
    assert "11 times" in str(report)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take both spellings for one")
def test_the_other_spelling_of_a_class_is_told(tmp_path: Path) -> None:
    make_photos(tmp_path / "train", each=3, shapes=("bar", "square"))
    make_photos(tmp_path / "test", each=2, shapes=("bar",))
    (tmp_path / "test" / "bar").rename(tmp_path / "test" / "BAR")
    report = clothes.check(tmp_path)
    assert report.classes == ("bar", "square")
    assert report.untrained == ()
    assert "BAR and bar are spellings of one class: counted as bar." in str(report)
