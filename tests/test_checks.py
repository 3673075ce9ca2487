"""The check finds what is wrong, says it shortly, and touches nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from tests.conftest import make_photos
from tests.test_lookalikes import jpeg, smooth


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
    assert {item.path: item.reason.split(" ")[0] for item in report.unreadable} == {
        "train/hat/cut.jpg": "the",
        "train/hat/page.jpg": "this",
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
    assert "cannot be read" in text
    assert "One label of each is probably wrong" in text
    assert max(map(len, text.splitlines())) < 140
    assert len(text.splitlines()) < 45
    data = json.loads(json.dumps(report.to_json()))
    assert len(data["across_parts"]) == len(report.across_parts)
    assert str(messy) not in json.dumps(data)


def test_small_pictures_are_no_finding_where_all_are_small(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(25):
            smooth(i + ord(label) * 100, (28, 28)).save(tmp_path / label / f"{i}.png")
    assert str(clothes.check(tmp_path)).endswith("Nothing wrong was found.")


def test_one_class_and_imbalance(tmp_path: Path) -> None:
    make_photos(tmp_path, each=33, shapes=("bar",))
    assert "There is one class only" in str(clothes.check(tmp_path))
    make_photos(tmp_path, each=3, shapes=("square",))
    report = clothes.check(tmp_path)
    assert report.imbalance == 11
    assert "11 times" in str(report)
