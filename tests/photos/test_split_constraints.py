"""What is decided before chance: part folders, an earlier split, files of groups."""

import shutil
from collections import defaultdict
from pathlib import Path

import pytest

import clothes
from clothes.config import SplitConfig
from clothes.errors import SplitError
from clothes.photos.split_file import PARTS
from tests.support.pictures import make_photos
from tests.support.splits import make, parts_of, write_groups


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("split") / "photos", each=30)


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


def test_the_test_folder_does_not_grow_by_look_alikes(tmp_path: Path) -> None:
    photos = make(tmp_path, {"train/dress": 20, "test/dress": 5})
    shutil.copy(photos / "test" / "dress" / "002.png", photos / "train" / "dress" / "copy.png")
    result = clothes.split(photos)
    assert len(result.part("test")) == 5
    assert parts_of(result)["train/dress/copy.png"] != "test"
    assert "1 near-duplicate pair is still in two parts: test/dress/002.png and train/dress/copy.png." in result.notes


def test_the_test_folder_does_not_grow_by_groups(tmp_path: Path) -> None:
    counts = {"train": 30, "validation": 10, "test": 10}
    photos = make(tmp_path / "photos", {f"{part}/dress": count for part, count in counts.items()})
    lines = [(f"{part}/dress/{i:03}.png", f"g{i % 10}") for part, count in counts.items() for i in range(count)]
    result = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", [("photo", "group"), *lines]))
    assert {row.photo for row in result.part("test")} == {f"test/dress/{i:03}.png" for i in range(10)}
    sides = defaultdict(set)
    for row in result.rows:
        if row.part != "test":
            sides[int(row.photo[-7:-4]) % 10].add(row.part)
    assert all(len(parts) == 1 for parts in sides.values())
    assert len(result.part("validation")) in (4, 8)
    assert "10 groups are still in two parts, such as g0." in result.notes


def test_relabelled_and_renamed_photos_keep_their_part(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 20, "hat": 20})
    before = clothes.split(photos)
    make(photos, {"coat": 10}, first=500)
    (photos / "hat" / "000.png").rename(photos / "hat" / "renamed.png")
    (photos / "hat" / "001.png").rename(photos / "dress" / "put-right.png")
    (photos / "hat" / "002.png").unlink()
    after = clothes.split(photos, previous=before)
    new = parts_of(after)
    for photo, part in parts_of(before).items():
        name = {"hat/000.png": "hat/renamed.png", "hat/001.png": "dress/put-right.png"}.get(photo, photo)
        assert new.get(name, part) == part
    assert "hat/002.png" not in new
    assert [after.counts()[part]["coat"] for part in PARTS] == [7, 2, 1]
    assert "39 photos with the part of the earlier split (--overwrite splits anew), 10 new, 1 gone." in after.notes


def test_a_copy_added_later_goes_where_its_look_alike_is(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 20})
    before = clothes.split(photos)
    shutil.copytree(photos / "dress", photos / "dress" / "again")
    after = parts_of(clothes.split(photos, previous=before))
    for photo, part in parts_of(before).items():
        assert after[photo.replace("dress/", "dress/again/")] == part


def test_groups_are_remembered_without_their_file(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"dress": 20})
    lines = [("photo", "group"), *((f"dress/{i:03}.png", f"g{i // 4}") for i in range(20))]
    before = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", lines))
    assert {row.group for row in before.rows} == {f"g{n}" for n in range(5)}
    assert clothes.split(photos, previous=before).rows == before.rows


def test_groups_that_do_not_fit_the_earlier_split_are_refused(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"dress": 20})
    before = clothes.split(photos)
    pairs = [("photo", "group"), *((f"dress/{i:03}.png", f"g{i // 2}") for i in range(20))]
    with pytest.raises(SplitError, match=r"groups of .* would be in two parts, such as g.*--overwrite.*--out"):
        clothes.split(photos, previous=before, groups=write_groups(tmp_path / "groups.csv", pairs))
    fitting = [("photo", "group"), *((row.photo, f"all of {row.part}") for row in before.rows)]
    after = clothes.split(photos, previous=before, groups=write_groups(tmp_path / "groups.csv", fitting))
    assert parts_of(after) == parts_of(before)
    assert {row.group for row in after.rows} == {f"all of {part}" for part in PARTS}


def test_groups_go_on_with_photos_added_later(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"dress": 20})
    lines = [("photo", "group"), *((f"dress/{i:03}.png", f"g{i // 4}") for i in range(20))]
    before = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", lines))
    make(photos, {"hat": 10}, first=100)
    assert "the new photos are in none" in " ".join(clothes.split(photos, previous=before).notes)
    # Only the new ones are named, with a person who is known and one who is not.
    new = [("photo", "group"), *((f"hat/{i:03}.png", "g1" if i < 5 else "new") for i in range(10))]
    after = clothes.split(photos, previous=before, groups=write_groups(tmp_path / "groups.csv", new))
    sides = defaultdict(set)
    for row in after.rows:
        sides[row.group].add(row.part)
    assert sides.keys() == {"g0", "g1", "g2", "g3", "g4", "new"}
    assert all(len(parts) == 1 for parts in sides.values())


def test_another_seed_or_other_ratios_are_refused(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 20, "hat": 20})
    config = SplitConfig(seed=3)
    before = clothes.split(photos, config=config)
    for other in (SplitConfig(), SplitConfig(seed=3, train=60, test=20, validation=20)):
        with pytest.raises(SplitError, match=r"The 40 photos .* would move \d+ of them.*--overwrite.*--out"):
            clothes.split(photos, config=other, previous=before)
    assert clothes.split(photos, config=config, previous=before).rows == before.rows
    make(photos, {"coat": 10}, first=500)
    for same in (config, None):
        after = parts_of(clothes.split(photos, config=same, previous=before))
        assert parts_of(before).items() < after.items()


def test_pooling_a_split_that_keeps_the_folders_is_refused(tmp_path: Path) -> None:
    photos = make(tmp_path, {"train/dress": 20, "test/dress": 10})
    kept, pooled = clothes.split(photos), clothes.split(photos, pool=True)
    with pytest.raises(SplitError, match=r"keeps the test folder as it is \(--pool does not\).*--overwrite.*--out"):
        clothes.split(photos, previous=kept, pool=True)
    make(photos, {"test/hat": 10}, first=500)
    for pool in (True, False):
        after = clothes.split(photos, previous=pooled, pool=pool)
        assert parts_of(pooled).items() < parts_of(after).items()
        assert [after.counts()[part]["hat"] for part in PARTS] == [7, 2, 1]
        assert "are kept" not in " ".join(after.notes)


def test_a_photo_put_into_another_part_is_noted(tmp_path: Path) -> None:
    photos = make(tmp_path, {"train/dress": 20, "test/dress": 10})
    before = clothes.split(photos)
    (photos / "train" / "dress" / "000.png").rename(photos / "test" / "dress" / "moved.png")
    after = clothes.split(photos, previous=before)
    assert parts_of(after)["test/dress/moved.png"] == parts_of(before)["train/dress/000.png"]
    assert "1 photo in another folder than the part of the earlier split, which is kept." in after.notes


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (("photo", "person", "kids"), "{label}/{i:03}.png"),
        (("photo", "shop"), "{label}/{i:03}.png"),
        (("Photo", "extra", "Group"), "train/{label}/{i:03}.png"),  # names from another layout
        (("photo", "group"), "./{label}/{i:03}.png"),
        (("photo", "group"), "{label}\\{i:03}.png"),
    ],
)
def test_group_files_as_people_write_them(tmp_path: Path, head: tuple[str, ...], name: str) -> None:
    photos = make(tmp_path / "photos", {"dress": 30, "hat": 30})
    lines = [head]
    for label in ("dress", "hat"):
        for i in range(30):
            cells = {"photo": name.format(label=label, i=i), "kids": "False", "extra": str(i)}
            lines.append(tuple(cells.get(column.lower(), f"p{i // 2}") for column in head))
    result = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", lines))
    sides = defaultdict(set)
    for row in result.rows:
        assert row.group == f"p{int(row.photo[-7:-4]) // 2}"
        sides[row.group].add(row.part)
    assert all(len(parts) == 1 for parts in sides.values())


def test_a_photo_in_two_groups_joins_them(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"dress": 20})
    lines = [("photo", "group"), *((f"dress/{i:03}.png", f"g{i // 4}") for i in range(20)), ("dress/000.png", "g4")]
    groups = write_groups(tmp_path / "groups.csv", lines)
    for seed in range(5):
        result = clothes.split(photos, groups=groups, config=SplitConfig(seed=seed))
        joined = [row.part for row in result.rows if row.group == "g0+g4"]
        assert len(joined) == 8
        assert len(set(joined)) == 1


def test_what_a_group_file_leaves_out_or_has_too_much_is_said(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"dress": 10})
    lines = [("photo", "group"), ("dress/000.png", "a"), ("dress/001.png", "a"), ("dress/gone.png", "a"), ()]
    result = clothes.split(photos, groups=write_groups(tmp_path / "groups.csv", lines))
    assert "1 photo named in groups.csv not found (or not readable)." in result.notes
    assert "8 photos in no group of groups.csv: each counts as a group of its own." in result.notes
    write_groups(tmp_path / "groups.csv", [("photo", "group"), ("dress/000.png",)])
    with pytest.raises(SplitError, match=r"line 2: 'dress/000\.png' has too few columns"):
        clothes.split(photos, groups=tmp_path / "groups.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "must begin"), ("file,who\n1,2\n", "must begin"), ("photo,group\nnone.jpg,1\n", "names none of the photos")],
)
def test_a_groups_file_that_does_not_fit_is_explained(photos: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(SplitError, match=message):
        clothes.split(photos, groups=path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_group_files_that_a_spreadsheet_saved(tmp_path: Path, encoding: str, delimiter: str) -> None:
    photos = make(tmp_path / "photos", {"Hüte": 20})
    lines = ["photo,group", *(f"Hüte\\{i:03}.png,g{i // 4}" for i in range(20))]
    (tmp_path / "groups.csv").write_bytes("\r\n".join(lines).replace(",", delimiter).encode(encoding))
    assert {row.group for row in clothes.split(photos, groups=tmp_path / "groups.csv").rows} == {
        f"g{n}" for n in range(5)
    }


def test_a_group_file_in_another_encoding_is_explained(tmp_path: Path) -> None:
    photos = make(tmp_path / "photos", {"Hüte": 5})
    (tmp_path / "groups.csv").write_bytes("photo,group\nHüte/000.png,1\n".encode("latin-1"))
    with pytest.raises(SplitError, match=r"groups\.csv cannot be read: it is not text in UTF-8.*in Excel, save"):
        clothes.split(photos, groups=tmp_path / "groups.csv")
