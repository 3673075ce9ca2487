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
from clothes.cli.main import main
from clothes.config import SplitConfig
from clothes.errors import SplitError
from clothes.photos.split_copies import copy_parts
from clothes.photos.split_file import PARTS, Split
from tests.support.permissions import let_others_enter


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
    with pytest.raises(SplitError, match=r"keeps the test folder as it is, which --pool does not.*--overwrite.*--out"):
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


# --- the command ---


def split_command(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["clothes", "split", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(str(end.value.code))


def test_the_command_leaves_a_split_alone_or_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = make(tmp_path / "photos", {"dress": 20})
    pairs = [("photo", "group"), *((f"dress/{i:03}.png", f"g{i // 2}") for i in range(20))]
    groups = write_groups(tmp_path / "groups.csv", pairs)
    assert split_command(photos, monkeypatch=monkeypatch) == 0
    written = (photos / "split.csv").read_bytes()
    for setting in (["--groups", groups], ["--seed", 1], ["--ratios", "50/30/20"]):
        assert split_command(photos, *setting, monkeypatch=monkeypatch) == 1
        assert (photos / "split.csv").read_bytes() == written
        message = capsys.readouterr().err.splitlines()[-1]
        assert message.startswith("Error: ") and "--overwrite" in message and "--out" in message
    for setting in ([], ["--seed", 0], ["--ratios", "70/20/10"], ["--pool"]):
        assert split_command(photos, *setting, monkeypatch=monkeypatch) == 0
        assert (photos / "split.csv").read_bytes() == written
    assert split_command(photos, "--groups", groups, "--overwrite", monkeypatch=monkeypatch) == 0
    assert split_command(photos, "--groups", groups, monkeypatch=monkeypatch) == 0
    assert split_command(photos, "--groups", tmp_path / "none.csv", monkeypatch=monkeypatch) == 1
    assert capsys.readouterr().err.endswith("none.csv cannot be read: No such file or directory.\n")


def test_copies_of_another_split_are_refused_and_the_split_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, copies = make(tmp_path / "photos", {"dress": 20}), tmp_path / "copies"
    assert split_command(photos, "--copy-to", copies, monkeypatch=monkeypatch) == 0
    written, before = (photos / "split.csv").read_bytes(), sorted(copies.rglob("*"))
    again = ("--copy-to", copies, "--seed", 1, "--overwrite")
    assert split_command(photos, *again, monkeypatch=monkeypatch) == 1
    assert "holds the copies of another split" in capsys.readouterr().err
    assert sorted(copies.rglob("*")) == before
    assert (photos / "split.csv").read_bytes() == written


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_the_commands_say_what_is_locked(tmp_path: Path) -> None:
    """In a process of another user when the tests run as root, whom no permission stops."""
    photos = make(tmp_path / "photos", {"dress": 3})
    make(tmp_path / "locked" / "photos", {"dress": 3})
    code = (
        "import os, sys\n"
        "from clothes.cli.main import main\n"
        "def run(*arguments):\n"
        "    sys.argv = ['clothes', *arguments]\n"
        "    try: main()\n"
        "    except SystemExit as end: return end.code\n"
        "run('check', 'photos'), run('split', 'photos')\n"  # imports what another user may not: root's Python
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "print('BEGIN', file=sys.stderr)\n"
        "for line in (['check', 'locked/photos'], ['split', 'locked/photos'], ['split', 'photos', '--out',\n"
        "    'locked/x.csv'], ['split', 'photos', '--out', 'x.csv', '--copy-to', 'locked/copies']):\n"
        "    assert run(*line) == 1\n"
    )
    let_others_enter(tmp_path)
    (tmp_path / "locked").chmod(0)
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it could not write
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=env,
            cwd=tmp_path,
        )
    finally:
        (tmp_path / "locked").chmod(0o755)
    errors = [line for line in done.stderr.partition("BEGIN\n")[2].splitlines() if "Skipped" not in line]
    assert errors == [
        "Error: The folder locked/photos cannot be read: Permission denied.",
        "Error: The folder locked/photos cannot be read: Permission denied.",
        "Error: The split cannot be written to locked/x.csv: Permission denied. Name a place: --out.",
        "Error: locked/copies cannot be used: Permission denied. Choose another folder for --copy-to.",
    ]
    assert photos.exists()


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
