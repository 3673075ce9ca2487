"""Collecting folders: whole photos, each once, nothing overwritten, nothing like a test photo; and any kill."""

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

import clothes
from clothes.collection.collect import collect_folder
from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import COLUMNS, Origin
from clothes.errors import PhotoError, PhotosError, SplitError
from clothes.photos.class_names import class_name
from clothes.photos.folders import OTHER
from tests.support.photo_folders import below, reasons, rows
from tests.support.pictures import draw, encode, jpeg, make_photos, smooth

KILLS = os.environ.get("CLOTHES_KILLS", "20")


# --- folders ---


def test_a_folder_is_copied_byte_by_byte_under_names_of_its_content(tmp_path: Path) -> None:
    source = make_photos(tmp_path / "mine", each=4)
    (source / "bar" / "000.png").rename(source / "bar" / "Foto 1.JPEG")  # a PNG all the same
    before = below(source)
    result = collect_folder(source, into=tmp_path / "photos")
    assert result.new == {"bar": 4, "frame": 4, "square": 4}
    assert (result.already, result.refused) == ({}, ())
    table = rows(tmp_path / "photos")
    assert tuple(table[0]) == COLUMNS
    assert {row["origin"]: row["sha256"] for row in table} == {
        f"mine/{name}": hashlib.sha256(data).hexdigest() for name, data in before.items()
    }
    for row in table:
        assert hashlib.sha256((tmp_path / "photos" / row["file"]).read_bytes()).hexdigest() == row["sha256"]
        assert row["file"] == f"{row['origin'].split('/')[1]}/{row['sha256'][:16]}.png"
    assert below(source) == before
    assert len(below(tmp_path / "photos")) == 13
    assert str(tmp_path) not in (tmp_path / "photos" / "sources.csv").read_text()


def test_photos_are_counted_by_the_folder_that_they_are_in(tmp_path: Path) -> None:
    (tmp_path / "photos" / "Bar").mkdir(parents=True)
    source = make_photos(tmp_path / "mine", each=2, shapes=("bar",))
    assert collect_folder(source, into=tmp_path / "photos", label="bar").new == {"Bar": 2}
    assert collect_folder(source, into=tmp_path / "photos", label="BAR").already == {"Bar": 2}


def test_what_is_there_already_is_not_copied_twice(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=3)  # put there by hand, under other names
    source = make_photos(tmp_path / "mine", each=4)
    (source / "bar" / "again.png").write_bytes((source / "bar" / "003.png").read_bytes())
    (source / "frame" / "odd.png").write_bytes((source / "bar" / "001.png").read_bytes())
    result = collect_folder(source, into=tmp_path / "photos")
    assert (result.new, result.already) == (
        {"bar": 1, "frame": 1, "square": 1},
        {"bar": 4, "frame": 3, "square": 3},
    )
    assert reasons(result) == {"frame/odd.png": "it is there already, but not as frame: bar/001.png"}
    before = below(tmp_path / "photos")
    assert collect_folder(source, into=tmp_path / "photos").new == {}
    assert below(tmp_path / "photos") == before


def test_plain_photos_need_a_class_and_a_phone_folder_has_any_depth(tmp_path: Path) -> None:
    (tmp_path / "phone" / "DCIM" / "100APPLE").mkdir(parents=True)
    (tmp_path / "phone" / "1.jpg").write_bytes(jpeg(smooth(1), 90))
    deep = tmp_path / "phone" / "DCIM" / "100APPLE"
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(smooth(2), "JPEG", exif=exif)
    (deep / "IMG_0002.JPG").write_bytes(turned)
    (deep / "IMG_0003.MOV").write_bytes(b"film")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "1.jpg").write_bytes(turned)
    with pytest.raises(PhotosError, match=r"no class folders.*Or name the class of them all: --class\."):
        collect_folder(tmp_path / "loose", into=tmp_path / "photos")
    assert not (tmp_path / "photos").exists()
    result = collect_folder(tmp_path / "phone", into=tmp_path / "photos", label="jacket")
    assert result.new == {"jacket": 2}
    assert reasons(result) == {"DCIM/100APPLE/IMG_0003.MOV": "not a photo by its name"}
    stored = tmp_path / "photos" / "jacket" / f"{hashlib.sha256(turned).hexdigest()[:16]}.jpg"
    assert stored.read_bytes() == turned
    assert clothes.check(tmp_path / "photos").odd_files == ()


def test_heic_of_a_phone(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC needs the extra 'heic'")
    (tmp_path / "phone").mkdir()
    pillow_heif.from_pillow(smooth(3)).save(tmp_path / "phone" / "IMG_0001.HEIC")
    collect_folder(tmp_path / "phone", into=tmp_path / "photos", label="hat")
    (stored,) = (tmp_path / "photos" / "hat").iterdir()
    assert stored.suffix == ".heic"
    assert stored.read_bytes() == (tmp_path / "phone" / "IMG_0001.HEIC").read_bytes()


def test_what_is_no_photo_is_listed_with_its_reason(tmp_path: Path) -> None:
    source = make_photos(tmp_path / "mine", each=1)
    bad = {"page.jpg": b"<html>", "cut.jpg": jpeg(smooth(1), 90)[:-3000], "empty.png": b"", "notes.txt": b"x"}
    for name, data in bad.items():
        (source / "bar" / name).write_bytes(data)
    (source / "bar" / "link.jpg").symlink_to(source / "nowhere")
    result = collect_folder(source, into=tmp_path / "photos")
    assert reasons(result) == {
        "bar/page.jpg": "this is not a picture of a known format",
        "bar/cut.jpg": "the picture ends too early (an interrupted copy?)",
        "bar/empty.png": "the file is empty",
        "bar/notes.txt": "not a photo by its name",
        "bar/link.jpg": "a link to nothing",
    }
    assert sum(result.new.values()) == 3


def test_part_folders_of_a_source_are_pooled_and_those_of_photos_are_kept(tmp_path: Path) -> None:
    for i, part in enumerate(("train", "test")):
        make_photos(tmp_path / "set" / part, each=2, seed=1000 * i)
    assert collect_folder(tmp_path / "set", into=tmp_path / "flat").new == {"bar": 4, "frame": 4, "square": 4}
    assert sorted(path.name for path in (tmp_path / "flat").iterdir()) == ["bar", "frame", "sources.csv", "square"]
    for part in ("Train", "validation", "test"):  # empty, made beforehand
        (tmp_path / "parts" / part).mkdir(parents=True)
    collect_folder(make_photos(tmp_path / "more", each=2, seed=5000), into=tmp_path / "parts")
    assert {row["file"].rpartition("/")[0] for row in rows(tmp_path / "parts")} == {
        "Train/bar",
        "Train/frame",
        "Train/square",
    }
    assert clothes.check(tmp_path / "parts").photos == 6


def test_folders_that_may_be_classes_are_told(tmp_path: Path) -> None:
    for i, shop in enumerate(("north", "south")):
        make_photos(tmp_path / "shops" / shop, each=1, seed=1000 * i)
    result = collect_folder(tmp_path / "shops", into=tmp_path / "photos")
    assert result.new == {"north": 3, "south": 3}
    (note,) = result.notes
    assert "Class folders that hold folders: 2 of 2, such as north (bar, frame, square)" in note
    assert result.to_dict()["notes"] == (note,)


def test_classes_are_met_whatever_their_case_and_form(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Hüte")
    (tmp_path / "photos" / decomposed).mkdir(parents=True)
    for i, label in enumerate(("Hüte", decomposed, "hüte")):
        (tmp_path / "mine" / label).mkdir(parents=True)
        draw("bar", i).save(tmp_path / "mine" / label / "1.png")
    result = collect_folder(tmp_path / "mine", into=tmp_path / "photos")
    assert sum(result.new.values()) == 3
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == sorted([decomposed, "sources.csv"])
    assert collect_folder(tmp_path / "mine", into=tmp_path / "photos").refused == ()


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", ".hidden", "__cache", "a/b", "../up", "/etc", "a\\b", "C:x", "a\0b", "a\nb", "a\x1b[2J"),
        *(
            "a\u202eb",
            "\u200b",
            "\ud800",
            "x" * 101,
            "字" * 34,
            "hat ",
            " hat",
            "hat.",
            "CON",
            "nul.txt",
            "lpt1",
            "COM²",
        ),
        *("what?", "a*", "a|b", "<b>", 'say "hat"', "train", "Test", "VALIDATION", "val"),
    ],
)
def test_a_class_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(PhotosError, match=r"No class can be called .*: .*\. Give it another name\."):
        class_name(name)
    with pytest.raises(PhotosError):
        collect_folder(make_photos(tmp_path / "mine", each=1) / "bar", into=tmp_path / "photos", label=name)
    with Store(tmp_path / "photos") as store, pytest.raises(PhotosError):
        store.put(examine(encode(draw("bar", 0), "PNG"), name="x"), name, Origin("x"))
    assert list(below(tmp_path / "photos")) == ["sources.csv"]


@pytest.mark.parametrize(
    "name", [OTHER, "hat", "T-shirt", "裙子", "قميص", "O'Neill & co", "_mine", "-x", "a.b", "x" * 100]
)
def test_a_class_has_any_proper_name(name: str) -> None:
    assert class_name(unicodedata.normalize("NFD", name)) == unicodedata.normalize("NFC", name)


# --- the test part ---


def test_what_looks_like_a_test_photo_is_refused_once_there_is_a_split(tmp_path: Path) -> None:
    photos, more = tmp_path / "photos", tmp_path / "more" / "hat"
    (photos / "hat").mkdir(parents=True)
    more.mkdir(parents=True)
    for i in range(30):
        (photos / "hat" / f"{i:02}.jpg").write_bytes(jpeg(smooth(i), 95))
        (more / f"poor-{i:02}.jpg").write_bytes(jpeg(smooth(i), 40))
    (more / "new.jpg").write_bytes(jpeg(smooth(100), 90))
    (more / "same.jpg").write_bytes(jpeg(smooth(0), 95))
    split = clothes.split(photos)
    split.write(photos / "split.csv")
    tests = {row.photo for row in split.part("test")}
    assert len(tests) == 6
    bars: list[tuple[str, int, int]] = []
    result = collect_folder(tmp_path / "more", into=photos, progress=lambda *step: bars.append(step))
    assert reasons(result) == {
        f"hat/poor-{name[4:6]}.jpg": f"it looks like {name}, a photo of the test part, and would make the test too easy"
        for name in tests
    }
    assert (result.new, result.already) == ({"hat": 25}, {"hat": 1})
    assert [step for step in bars if step[0] == "Looking at the test photos"][-1][1:] == (6, 6)
    assert sum(step[0] == "Looking at the test photos" for step in bars) == 6  # once each
    assert len(rows(photos)) == 25


def test_what_looks_like_a_photo_in_a_test_folder_is_refused_too(tmp_path: Path) -> None:
    for part, i in (("train", 0), ("test", 1)):
        (tmp_path / "photos" / part / "hat").mkdir(parents=True)
        (tmp_path / "photos" / part / "hat" / "1.jpg").write_bytes(jpeg(smooth(i), 95))
    (tmp_path / "more").mkdir()
    for i in range(2):
        (tmp_path / "more" / f"{i}.jpg").write_bytes(jpeg(smooth(i), 40))
    result = collect_folder(tmp_path / "more", into=tmp_path / "photos", label="hat")
    assert list(reasons(result)) == ["1.jpg"]
    assert [row["file"][:10] for row in rows(tmp_path / "photos")] == ["train/hat/"]


def test_a_damaged_split_stops_it_before_anything_is_stored(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=1)
    (tmp_path / "photos" / "split.csv").write_text("photo\n")
    with pytest.raises(SplitError, match="must begin with the line"):
        collect_folder(make_photos(tmp_path / "mine", each=1, seed=1000), into=tmp_path / "photos")
    assert len(below(tmp_path / "photos")) == 4


def test_the_store_counts_an_address_only_while_its_photo_is_there(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(examine(encode(draw("bar", 0), "PNG"), name="x"), "hat", Origin("https://x.test/1"))
        assert not store.knows("https://x.test/2", "hat")
        assert store.knows("https://x.test/1", "hat")
        with pytest.raises(PhotoError, match="not as shoes"):
            store.knows("https://x.test/1", "shoes")
        next((tmp_path / "hat").iterdir()).unlink()
        with pytest.raises(PhotoError, match="removed since"):
            store.knows("https://x.test/1", "hat")
