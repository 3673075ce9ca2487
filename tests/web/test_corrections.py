"""Corrections: none that was acknowledged is lost, and accepted photos go into the train part only."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.errors import PhotoError, PhotosError
from clothes.photos.folders import OTHER
from clothes.photos.split_file import PARTS, Split
from clothes.web import corrections
from clothes.web.corrections import Inbox, Review, list_corrections, read_correction
from tests.support.killed_corrections import ANSWER, WRITERS
from tests.support.photo_folders import below, rows
from tests.support.pictures import jpeg, make_photos, photo, smooth

ROOT = Path(__file__).parents[2]
STEP = os.environ.get("CLOTHES_KILL_STEP", "5")  # 1: a kill at every line
KILLS = int(os.environ.get("CLOTHES_KILLS", "4"))


# --- the inbox ---


def test_a_correction_is_kept_as_it_came(tmp_path: Path) -> None:
    with Inbox(tmp_path / "new" / "inbox") as inbox:
        first, second = inbox.keep(photo(0), ANSWER, "bar"), inbox.keep(jpeg(smooth(1), 90), ANSWER, OTHER)
    assert sorted(list_corrections(inbox.root)[0]) == sorted([first, second])
    found = read_correction(inbox.root / first)
    assert (found.photo, found.label, found.answer, found.confidence) == (photo(0), "bar", "hat", 0.7)
    assert read_correction(inbox.root / second).label == OTHER
    assert {path.name for path in (inbox.root / second).iterdir()} == {"photo.jpg", "correction.json"}


def test_no_photo_and_no_class_are_refused(tmp_path: Path) -> None:
    with Inbox(tmp_path) as inbox:
        with pytest.raises(PhotoError, match="not a picture"):
            inbox.keep(b"<html>", ANSWER, "bar")
        with pytest.raises(PhotosError, match="No class can be called"):
            inbox.keep(photo(0), ANSWER, "../bar")
    assert below(tmp_path) == {}


def test_one_process_collects_into_an_inbox(tmp_path: Path) -> None:
    with Inbox(tmp_path), pytest.raises(PhotosError, match="Another page collects corrections"):
        Inbox(tmp_path)
    with Inbox(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(PhotosError, match="cannot be kept in"):
        Inbox(tmp_path / "file")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_writers_lose_nothing_acknowledged(tmp_path: Path) -> None:
    kept: dict[str, tuple[str, str]] = {}
    half_done = 0
    for kill in range(KILLS):
        command = [sys.executable, "-m", "tests.support.killed_corrections", str(tmp_path), "write"]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        lines: list[str] = []
        while len(lines) < 2 * WRITERS + 7 * kill or len({line.split()[1] for line in lines}) < WRITERS:
            lines.append(writer.stdout.readline())
        writer.kill()
        lines += writer.stdout.read().splitlines(keepends=True)
        assert writer.wait() == -signal.SIGKILL
        kept |= {name: (number, sha256) for name, number, sha256 in map(str.split, lines)}
        half_done += len(list(tmp_path.glob(".making-*")))
        names, skipped = list_corrections(tmp_path)
        assert not skipped
        assert kept.keys() <= set(names)
        for name in names:  # also those written without an acknowledgement
            found = read_correction(tmp_path / name)
            expected = kept.get(name, (found.label.split()[1], hashlib.sha256(found.photo).hexdigest()))
            assert (found.label, hashlib.sha256(found.photo).hexdigest()) == (f"class {expected[0]}", expected[1])
    with Inbox(tmp_path):
        assert not list(tmp_path.glob(".making-*"))  # unfinished ones are removed
    print(f"{WRITERS} writers, {KILLS} kills: {len(kept)} acknowledged, none lost, none torn; {half_done} half done")


# --- the review ---


def split_of(photos: Path, **more: Any) -> dict[str, str]:
    """The part of each photo by its SHA-256."""
    return {row.sha256: row.part for row in clothes.split(photos, **more).rows}


def test_accepted_photos_go_into_train_only(inbox: Inbox, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=30, shapes=("bar", "frame"))
    first = clothes.split(photos)
    first.write(photos / "split.csv")
    given = [photo(500 + i) for i in range(30)]
    names = [inbox.keep(data, ANSWER, "bar" if i % 3 else OTHER) for i, data in enumerate(given)]
    with Review(inbox.root, photos) as review:
        assert all(review.accept(name) for name in names[:25])
        for name in names[25:]:
            review.refuse(name)
    assert list_corrections(inbox.root) == ([], [])
    assert {path.name for path in (inbox.root / "accepted").iterdir()} == set(names[:25])
    assert {path.name for path in (inbox.root / "refused").iterdir()} == set(names[25:])
    joined = {hashlib.sha256(data).hexdigest() for data in given[:25]}
    assert {row["sha256"] for row in rows(photos)} == joined
    earlier = {row.sha256: row.part for row in first.rows}
    configs = [clothes.SplitConfig(seed=seed) for seed in range(3)]
    ways = [{"previous": Split.read(photos / "split.csv", photos)}, {}, *({"config": config} for config in configs)]
    for more in ways:
        parts = split_of(photos, **more)
        assert {parts[sha256] for sha256 in joined} == {"train"}, more
        assert set(parts.values()) == set(PARTS)
    assert split_of(photos, **ways[0]).items() >= earlier.items()
    plain = make_photos(tmp_path / "plain", each=30, shapes=("bar", "frame"))
    for i, data in enumerate(given[:25]):
        (plain / "bar" / f"new{i}.png").write_bytes(data)
    assert len({split_of(plain)[sha256] for sha256 in joined}) == 3  # without their origin they go into all parts


def test_with_part_folders_they_go_into_the_train_folder(inbox: Inbox, tmp_path: Path) -> None:
    for part in ("train", "test"):
        make_photos(tmp_path / "photos" / part, each=3, shapes=("bar", "frame"), seed=100 if part == "test" else 0)
    with Review(inbox.root, tmp_path / "photos") as review:
        review.accept(inbox.keep(photo(500), ANSWER, "bar"))
    assert rows(tmp_path / "photos")[0]["file"].startswith("train/bar/")


def test_a_near_duplicate_of_a_test_photo_stays_in_the_inbox(inbox: Inbox, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "hat").mkdir(parents=True)
    for i in range(10):
        (photos / "hat" / f"{i}.jpg").write_bytes(jpeg(smooth(i), 95))
    with Review(inbox.root, photos) as review:
        split = clothes.split(photos)  # made while the page is open
        split.write(photos / "split.csv")
        tested = split.part("test")[0].photo
        like = inbox.keep(jpeg(smooth(int(Path(tested).stem)), 40), ANSWER, "hat")
        with pytest.raises(PhotoError, match=f"looks like {tested}, a photo of the test part"):
            review.accept(like)
        same = inbox.keep((photos / "hat" / "3.jpg").read_bytes(), ANSWER, "hat")
        other = inbox.keep((photos / "hat" / "4.jpg").read_bytes(), ANSWER, "shoes")
        assert not review.accept(same)  # there already
        with pytest.raises(PhotoError, match="not as shoes"):
            review.accept(other)
        assert sorted(list_corrections(inbox.root)[0]) == sorted([like, other])
    assert len(list((photos / "hat").iterdir())) == 10


def test_changed_and_decided_corrections_are_refused(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "secret").mkdir()
    names = [inbox.keep(photo(i), ANSWER, "bar") for i in range(4)]
    (inbox.root / names[0] / "photo.png").write_bytes(photo(9))
    info = inbox.root / names[1] / "correction.json"
    info.write_text(info.read_text().replace('"bar"', '"hat"'))
    (inbox.root / "stray.txt").write_text("mine")
    with Review(inbox.root, tmp_path / "photos") as review:
        for name in names[:2]:
            with pytest.raises(PhotoError, match="changed or damaged"):
                review.accept(name)
        review.accept(names[2])
        for name in (names[2], "../secret", "..", ".making-x", "accepted/..", "nothing"):
            for act in (review.accept, review.refuse):
                with pytest.raises(PhotoError, match="decided on already"):
                    act(name)
        review.refuse(names[1])
    waiting, skipped = list_corrections(inbox.root)
    assert sorted(waiting) == sorted([names[0], names[3]])
    assert [item.path for item in skipped] == ["stray.txt"]
    assert (tmp_path / "secret").exists()
    with pytest.raises(PhotosError, match="There is no inbox"):
        Review(tmp_path / "none", tmp_path / "photos")


def test_a_foreign_sources_file_changes_no_split(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=10, shapes=("bar", "frame"))
    plain = split_of(photos)
    (photos / "sources.csv").write_bytes(b"photo;from\nK\xe4se.jpg;my phone\n")
    assert split_of(photos) == plain
    (photos / "sources.csv").unlink()
    (photos / "sources.csv").mkdir()
    with pytest.raises(clothes.SplitError, match=r"sources\.csv, which lists the photos that are trained on only"):
        clothes.split(photos)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_kill_while_accepting_is_recovered(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_corrections", str(tmp_path / "here"), "accept", STEP]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    print(counts)
    assert counts["kills"] > 20
    assert 0 < counts["waiting"] < counts["kills"]


def test_the_inbox_has_limits(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "_MAX_WAITING", 2)
    for decided in ("accepted", "refused"):  # do not wait any more
        (inbox.root / decided).mkdir()
    for i in range(2):
        inbox.keep(photo(i), ANSWER, "bar")
    with pytest.raises(PhotosError, match="2 corrections wait for a decision already"):
        inbox.keep(photo(2), ANSWER, "bar")
    monkeypatch.setattr(corrections, "_MAX_WAITING", 9)
    monkeypatch.setattr(corrections, "_MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(PhotosError, match="no room for corrections"):
        inbox.keep(photo(2), ANSWER, "bar")
