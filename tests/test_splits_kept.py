"""Splits that meet something already there: part folders, earlier splits, files, copies, group files."""

import csv
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.config import SplitConfig
from clothes.errors import SplitError
from clothes.splits import PARTS, Split, copy_parts


def paint(seed: int) -> Image.Image:
    """A picture of 6 x 6 coloured fields, unlike that of any other seed."""
    fields = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(fields).resize((48, 48), Image.Resampling.NEAREST)


def make(root: Path, classes: dict[str, int], *, first: int = 0) -> Path:
    """Class folders (name or PART/name -> number of photos), no two pictures alike."""
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            paint(first + i).save(root / name / f"{i:03}.png")
        first += count
    return root


def write_groups(path: Path, lines: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def parts_of(result: Split) -> dict[str, str]:
    return {row.photo: row.part for row in result.rows}


# --- part folders ---


def test_the_test_folder_does_not_grow_by_look_alikes(tmp_path: Path) -> None:
    photos = make(tmp_path, {"train/dress": 20, "test/dress": 5})
    shutil.copy(photos / "test" / "dress" / "002.png", photos / "train" / "dress" / "copy.png")
    result = clothes.split(photos)
    assert len(result.part("test")) == 5
    assert parts_of(result)["train/dress/copy.png"] != "test"
    assert (
        "1 look-alike pair still stand on two sides, such as test/dress/002.png and train/dress/copy.png."
        in result.notes
    )


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
    assert "10 groups still stand on two sides, such as g0." in result.notes


# --- an earlier split ---


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
    assert "39 photos with the part of the earlier split (--overwrite splits anew), 10 new." in after.notes


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


# --- group files ---


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


def test_the_same_photo_in_two_classes_is_kept_together_and_noted(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 12, "skirt": 12})
    shutil.copy(photos / "dress" / "003.png", photos / "skirt" / "also.png")
    for seed in range(5):
        result = clothes.split(photos, config=SplitConfig(seed=seed))
        parts = parts_of(result)
        assert parts["dress/003.png"] == parts["skirt/also.png"]
        assert any("dress/003.png and skirt/also.png" in note and "wrong" in note for note in result.notes)


# --- on disk ---


def test_the_split_is_the_same_in_another_process(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 12, "hat": 12})
    lines = [(f"{name}/{i:03}.png", str(i // 3)) for name in ("dress", "hat") for i in range(12)]
    groups = write_groups(tmp_path / "groups.csv", [("photo", "group"), *lines])
    code = "import clothes, sys; print(clothes.split(sys.argv[1], groups=sys.argv[2]).fingerprint)"
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    found = subprocess.run(
        [sys.executable, "-c", code, photos, groups], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == clothes.split(photos, groups=groups).fingerprint


def test_names_in_any_script_survive_the_file_and_a_spreadsheet(tmp_path: Path) -> None:
    names = ["blue, long.png", 'the "best".png', "платье.png", "ドレス.png", "l'été.png", "=1+1.png"]
    photos = make(tmp_path / "photos", {"dress": 10})
    for i, name in enumerate(names):
        paint(100 + i).save(photos / "dress" / name)
    result = clothes.split(photos)
    result.write(tmp_path / "split.csv")
    assert Split.read(tmp_path / "split.csv", photos) == result
    assert {f"dress/{name}" for name in names} < {row.photo for row in result.rows}
    (tmp_path / "split.csv").write_bytes(b"\xef\xbb\xbf" + result.to_csv().replace("\n", "\r\n").encode())
    assert Split.read(tmp_path / "split.csv", photos) == result


def test_what_is_no_split_is_neither_overwritten_nor_a_traceback(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path / "photos", {"dress": 3}))
    (tmp_path / "photo.bin").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(SplitError, match="holds another split"):
        result.write(tmp_path / "photo.bin")
    assert (tmp_path / "photo.bin").read_bytes() == b"\xff\xd8\xff"
    for where in ("photos", "no/such/folder/split.csv"):
        with pytest.raises(SplitError, match=r"cannot be written to .* Name a place: --out"):
            result.write(tmp_path / where)
    for content in (b"\xff\xfe\x00", b"a\x00b"):
        (tmp_path / "split.csv").write_bytes(content)
        with pytest.raises(SplitError):
            Split.read(tmp_path / "split.csv", tmp_path)


# --- copies ---


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


def test_copies_do_not_go_among_the_photos(tmp_path: Path) -> None:
    result = clothes.split(make(tmp_path, {"dress": 10}))
    with pytest.raises(SplitError, match="lies among the photos"):
        copy_parts(result, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
