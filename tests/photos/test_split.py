"""The split: shares, sameness, groups and near-duplicates in one part; and its command."""

import csv
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from pathlib import Path

import pytest

import clothes
from clothes.cli.main import main
from clothes.config import SplitConfig
from clothes.errors import PhotosError
from clothes.photos.split_file import PARTS
from tests.support.permissions import let_others_enter
from tests.support.pictures import SHARED, draw, encode, jpeg, make_photos, smooth
from tests.support.splits import make, parts_of, write_groups


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


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("split") / "photos", each=30)


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


def test_the_same_photo_in_two_classes_is_kept_together_and_noted(tmp_path: Path) -> None:
    photos = make(tmp_path, {"dress": 12, "skirt": 12})
    shutil.copy(photos / "dress" / "003.png", photos / "skirt" / "also.png")
    for seed in range(5):
        result = clothes.split(photos, config=SplitConfig(seed=seed))
        parts = parts_of(result)
        assert parts["dress/003.png"] == parts["skirt/also.png"]
        assert any("dress/003.png and skirt/also.png" in note and "wrong" in note for note in result.notes)


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


@pytest.mark.slow
def test_another_photo_takes_little_more_memory(tmp_path: Path) -> None:
    peaks, picture = [], encode(draw("bar", 0), "PNG")
    for count in (300, 2300):
        for i in range(count):
            path = tmp_path / str(count) / "ab"[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
        tracemalloc.start()
        clothes.split(tmp_path / str(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2000 < 2200  # bytes; 1,700 when written, 3,200 with all photos queued
