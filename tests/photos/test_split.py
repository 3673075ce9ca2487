"""The split: shares, sameness, groups and look-alikes on one side, folders that are kept."""

import csv
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

import clothes
from clothes.config import SplitConfig
from clothes.errors import PhotosError, SplitError
from clothes.photos.split_copies import copy_parts
from clothes.photos.split_file import PARTS, Split
from tests.support.pictures import SHARED, jpeg, make_photos, smooth


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("split") / "photos", each=30)


def parts_of(split: Split) -> dict[str, str]:
    return {row.photo: row.part for row in split.rows}


def test_70_20_10_of_every_class(photos: Path) -> None:
    counts = clothes.split(photos).counts()
    for name in ("bar", "frame", "square"):
        assert [counts[part][name] for part in PARTS] == [21, 6, 3]


def test_the_same_photos_and_seed_give_the_same_split_anywhere(photos: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(photos, moved)
    assert clothes.split(photos).to_csv() == clothes.split(moved).to_csv()
    other = clothes.split(photos, config=SplitConfig(seed=1))
    assert other.counts() == clothes.split(photos).counts()
    assert parts_of(other) != parts_of(clothes.split(photos))


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_on_one_side_and_shares_hold(photos: Path, tmp_path: Path, seed: int) -> None:
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    groups = {name: f"person {i % 17}" for i, name in enumerate(names)}
    file = tmp_path / "people.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("photo", "person"), *groups.items()])
    split = clothes.split(photos, config=SplitConfig(seed=seed), groups=file)
    sides = defaultdict(set)
    for row in split.rows:
        sides[groups[row.photo]].add(row.part)
        assert row.group == groups[row.photo]
    assert all(len(parts) == 1 for parts in sides.values())
    total = {part: len(split.part(part)) for part in PARTS}
    assert abs(total["train"] - 63) <= 8
    assert total["validation"] > 0 and total["test"] > 0


def test_look_alikes_stay_on_one_side(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(12):
            picture = smooth(i + 100 * ord(label))
            for quality in (95, 60, 40):
                (tmp_path / label / f"{i:02}-{quality}.jpg").write_bytes(jpeg(picture, quality))
    split = clothes.split(tmp_path)
    sides = defaultdict(set)
    for row in split.rows:
        sides[row.photo[:4]].add(row.part)
        assert row.group.startswith("alike-")
    assert len(sides) == 24
    assert all(len(parts) == 1 for parts in sides.values())
    assert split.leaks_prevented > 5
    assert f"{split.leaks_prevented} near-duplicate pairs would have leaked" in " ".join(split.notes)


def test_part_folders_are_kept_and_validation_is_cut_from_train(tmp_path: Path) -> None:
    make_photos(tmp_path / "train", each=32)
    make_photos(tmp_path / "test", each=5)
    split = clothes.split(tmp_path)
    counts = split.counts()
    assert [counts[part]["bar"] for part in PARTS] == [28, 5, 4]
    assert all(row.photo.startswith("test/") == (row.part == "test") for row in split.rows)
    assert "is cut from train" in " ".join(split.notes)
    make_photos(tmp_path / "val", each=2)
    kept = clothes.split(tmp_path)
    assert {row.photo.split("/")[0] for row in kept.part("validation")} == {"val"}
    assert len(kept.part("train")) == 96
    assert "near-duplicate pairs are still in two parts" in " ".join(kept.notes)
    pooled = clothes.split(tmp_path, pool=True)
    assert {row.photo.split("/")[0] for row in pooled.part("train")} == {"train", "test", "val"}


def test_photos_added_later_leave_the_earlier_parts_alone(tmp_path: Path) -> None:
    make_photos(tmp_path, each=20)
    first = clothes.split(tmp_path)
    make_photos(tmp_path, each=30)
    (tmp_path / "bar" / "000.png").rename(tmp_path / "bar" / "renamed.png")
    second = clothes.split(tmp_path, previous=first)
    now, before = parts_of(second), parts_of(first)
    assert now["bar/renamed.png"] == before.pop("bar/000.png")
    assert {name: now[name] for name in before} == before
    assert [second.counts()[part]["bar"] for part in PARTS] == [21, 6, 3]


def test_unreadable_photos_are_left_out_and_listed(tmp_path: Path) -> None:
    make_photos(tmp_path, each=10)
    (tmp_path / "bar" / "bad.jpg").write_text("<html>")
    split = clothes.split(tmp_path)
    assert len(split.rows) == 30
    assert [item.path for item in split.skipped] == ["bar/bad.jpg"]
    for label in ("bar", "frame", "square"):
        for photo in (tmp_path / label).iterdir():
            photo.write_bytes(b"")
    with pytest.raises(PhotosError, match="No readable photo"):
        clothes.split(tmp_path)


def test_a_class_with_one_photo_goes_to_train_and_is_noted(tmp_path: Path) -> None:
    make_photos(tmp_path, each=20, shapes=("bar", "frame"))
    make_photos(tmp_path, each=1, shapes=("square",))
    split = clothes.split(tmp_path)
    assert split.counts()["train"]["square"] == 1
    assert "No test photo of square" in " ".join(split.notes)


def test_written_and_read_again(photos: Path, tmp_path: Path) -> None:
    split = clothes.split(photos)
    path = tmp_path / "split.csv"
    split.write(path)
    split.write(path)
    assert Split.read(path, photos) == split
    assert path.read_text().splitlines()[0] == "photo,class,part,group,sha256"
    with pytest.raises(SplitError, match="another split"):
        clothes.split(photos, config=SplitConfig(seed=3)).write(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the line"),
        ("photo,class\n", "must begin with the line"),
        ("photo,class,part,group,sha256\na.jpg,hat,holdout,,0\n", "line 2"),
        ("photo,class,part,group,sha256\na.jpg,hat,train,,0\na.jpg,hat,test,,0\n", "line 3"),
        ("photo,class,part,group,sha256\n../a.jpg,hat,train,,0\n", "line 2"),
    ],
)
def test_a_damaged_split_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(SplitError, match=message):
        Split.read(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "must begin"), ("file,who\n1,2\n", "must begin"), ("photo,group\nnone.jpg,1\n", "names none of the photos")],
)
def test_a_groups_file_that_does_not_fit_is_explained(photos: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(SplitError, match=message):
        clothes.split(photos, groups=path)


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


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the shared photos are not on this machine")
def test_people_of_clothing_small_stay_together_and_test_is_never_touched() -> None:
    root, people = SHARED / "clothing-dataset-small", SHARED / "clothing-dataset-small-people.csv"
    with people.open() as file:
        person = {row["photo"]: row["person"] for row in csv.DictReader(file)}
    split = clothes.split(root, groups=people)
    assert {row.photo for row in split.part("test")} == {name for name in person if name.startswith("test/")}
    trained = {person[row.photo] for row in split.part("train")}
    assert trained.isdisjoint(person[row.photo] for row in split.part("validation"))
    assert abs(len(split.part("validation")) / (len(split.rows) - 372) - 0.125) < 0.02
