"""One rule tells which names are spellings of one class."""

import sys
from pathlib import Path

import pytest

from clothes.photos.folders import class_folder, list_class_folders


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes both spellings for one")
def test_a_class_spelt_in_two_unicode_forms_is_one(tmp_path: Path) -> None:
    composed, decomposed = "H\u00fcte", "Hu\u0308te"
    touch(tmp_path / "train" / composed / "1.jpg", tmp_path / "test" / decomposed / "2.jpg")
    listing = list_class_folders(tmp_path)
    assert listing.classes == (composed,)
    assert all((tmp_path / photo.path).is_file() for photo in listing.photos)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take both spellings for one")
@pytest.mark.parametrize(
    ("often", "seldom"),
    [
        ("Shirt", "shirt"),
        ("t-shirt", "T shirt"),
        ("T_Shirt", "tshirt"),
        ("Straße", "STRASSE"),
        ("ﬁt", "Fit"),
        ("cap\u200b", "Cap "),
    ],
)
@pytest.mark.parametrize("part", ["", "test"])
def test_two_spellings_are_one_class_and_are_told(tmp_path: Path, often: str, seldom: str, part: str) -> None:
    above = tmp_path / "train" if part else tmp_path
    touch(*(above / often / f"{i}.jpg" for i in range(3)), above / "hat" / "1.jpg", tmp_path / part / seldom / "9.jpg")
    listing = list_class_folders(tmp_path)
    assert listing.classes == tuple(sorted((often, "hat")))
    assert all((tmp_path / photo.path).is_file() for photo in listing.photos)
    (note,) = listing.notes
    assert f"{seldom} and {often} are spellings of one class: counted as {often}." in note
    assert list_class_folders(tmp_path, classes=(seldom, "hat")).classes == tuple(sorted((seldom, "hat")))
    assert class_folder(tmp_path, seldom.swapcase()).parent == above


def test_names_that_differ_in_more_are_two_classes(tmp_path: Path) -> None:
    names = ["1-1", "11", "A1", "A 1", "shirt", "shirts", "_other", "other", "裙子", "裙", "Hute", "Hüte"]
    touch(*(tmp_path / name / "1.jpg" for name in names))
    listing = list_class_folders(tmp_path)
    assert (set(listing.classes), listing.notes) == ({*names} - {"_other"}, ())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take both spellings for one")
def test_a_bundle_that_knows_both_spellings_keeps_them(tmp_path: Path) -> None:
    touch(tmp_path / "Shirt" / "1.jpg", tmp_path / "shirt" / "2.jpg", tmp_path / "_Other" / "3.jpg")
    listing = list_class_folders(tmp_path, classes=("Shirt", "shirt"))
    assert [photo.label for photo in listing.photos] == ["Shirt", "_other", "shirt"]
