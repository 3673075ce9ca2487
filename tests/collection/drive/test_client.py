"""Google Drive's API: folders, retries, interrupted transfers."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from google.auth.credentials import AnonymousCredentials

from clothes.collection.drive import client, connection, sync
from clothes.collection.drive.client import Drive
from clothes.errors import DriveError, PhotosError
from clothes.system.user_folders import config_folder
from tests.support.drive import content, counts, put
from tests.support.drive_server import BLOCK, SHORTCUT, DriveServer
from tests.support.photo_folders import below


def test_the_ways_to_name_a_folder(drive: Drive, server: DriveServer) -> None:
    identity = server.add("photos", server.add("clothes", server.root))
    for where in (
        "clothes/photos",
        "/clothes/photos/",
        identity,
        f"https://drive.google.com/drive/folders/{identity}?usp=sharing",
        f"https://drive.google.com/drive/u/1/folders/{identity}",
        f"https://drive.google.com/open?id={identity}",
    ):
        assert drive.folder(where).id == identity  # type: ignore[union-attr]
    assert drive.folder("clothes/none") is None
    assert drive.folder("Clothes") is None  # another case, another folder
    made = drive.folder("Clothes/it's \\ this", make=True)
    assert made == drive.folder("Clothes/it's \\ this")


def test_wrong_folders_are_errors(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    for _ in range(2):
        server.add("twice", server.root)
    ids = {
        "file": server.add("x.jpg", server.root, b"1"),
        "shortcut": server.add("x", server.root, mimeType=SHORTCUT),
        "trash": server.add("x", server.root, trashed=True),
    }
    server.unseen.add(hidden := server.add("x", server.root))
    for where, message in {
        "": "names no folder in Drive",
        "../photos": "names no folder in Drive",
        "https://example.com/drive/folders/abc": "no link to a folder in Drive",
        "twice/x": "There are 2 folders twice in My Drive. Give a link: https://drive",
        ids["file"]: "is not a folder",
        ids["shortcut"]: "is a shortcut",
        ids["trash"]: "lies in Drive's trash",
        hidden: "without --whole-drive clothes sees only its own files",
    }.items():
        with pytest.raises(DriveError, match=re.escape(message)):
            drive.folder(where)
    with pytest.raises(DriveError, match="There is no folder none in My Drive"):
        sync.pull("none", tmp_path / "copy", drive)
    with pytest.raises(PhotosError, match="There is no folder"):
        sync.push(tmp_path / "none", "p", drive)


TEMPORARY: list[Any] = [
    (403, "rateLimitExceeded"),
    (403, "userRateLimitExceeded"),
    (429, "x"),
    (500, "x"),
    (503, "x"),
    (408, "x"),
]


@pytest.mark.parametrize("kind", ["list", "create", "start", "chunk", "media", "get"])
def test_temporary_failures_are_retried(drive: Drive, server: DriveServer, tmp_path: Path, kind: str) -> None:
    server.faults[kind] = [*TEMPORARY, "cut"] if kind in ("chunk", "media") else [*TEMPORARY, "hang up"]
    contents = {"hat/large.jpg": content(1, 3 * BLOCK + 7)}
    photos = put(tmp_path / "photos", contents)
    folder = server.add("p", server.root)
    assert counts(sync.push(photos, folder, drive)) == (1, 0, 0, 0)
    assert counts(sync.pull(folder, tmp_path / "copy", drive)) == (1, 0, 0, 0)
    assert below(tmp_path / "copy") == contents
    assert server.faults[kind] == []


@pytest.mark.timeout(50)  # httplib2 would wait a minute if it sent the rest of a stream again
def test_a_closed_connection_is_opened_again(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    server.faults["start"], server.faults["chunk"] = ["hang up"], ["hang up", "drop"]
    data = content(1, 4 * BLOCK)
    sync.push(put(tmp_path / "photos", {"hat/large.jpg": data}), "p", drive)
    assert server.files() == [("p/hat/large.jpg", data)]


def test_it_waits_as_long_as_google_asks(drive: Drive, server: DriveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults["list"] = [(429, "rateLimitExceeded", {"Retry-After": "7"})]
    waits: list[float] = []
    monkeypatch.setattr(drive._stopped, "wait", waits.append)
    drive.folder("p")
    assert waits == [0, 7]


def test_it_gives_up_at_last_and_says_what_to_do(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    server.faults["list"] = [(503, "backendError")] * client.TRIES
    with pytest.raises(DriveError, match=r"busy: the answer is 503 .* Run the same command again later"):
        drive.folder("p")
    assert len(server.log) == client.TRIES


@pytest.mark.parametrize("kind", ["create", "chunk"])
def test_a_lost_answer_creates_nothing_twice(drive: Drive, server: DriveServer, tmp_path: Path, kind: str) -> None:
    server.faults[kind] = ["late", "late"]
    photos = put(tmp_path / "photos", {"hat/1.jpg": b"1", "hat/2.jpg": b"2"})
    assert counts(sync.push(photos, "p", drive)) == (2, 0, 0, 0)
    assert [name for name, _ in server.files()] == ["p/hat/1.jpg", "p/hat/2.jpg"]
    assert sorted(item["name"] for item in server.items.values()) == ["1.jpg", "2.jpg", "My Drive", "hat", "p"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((403, "accessNotConfigured"), "The Google Drive API is not enabled .*console.cloud.google.com"),
        ((403, "dailyLimitExceeded"), "used up its requests for today"),
        ((401, "authError"), "Google does not take the sign-in"),
    ],
)
def test_permanent_failures_are_not_retried(server: DriveServer, drive: Drive, fault: Any, message: str) -> None:
    server.faults["list"] = [fault]
    with pytest.raises(DriveError, match=message):
        drive.folder("p")
    assert len(server.log) == 1


def test_wrong_bytes_are_fetched_again_and_then_refused(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    data = content(1, 2 * BLOCK)
    server.add("a.jpg", server.add("p", server.root), data)
    server.faults["media"] = ["spoil"]
    assert counts(sync.pull("p", tmp_path / "one", drive)) == (1, 0, 0, 0)
    server.faults["media"] = ["", "ignore"]
    assert counts(sync.pull("p", tmp_path / "two", drive)) == (1, 0, 0, 0)
    assert below(tmp_path / "one") == below(tmp_path / "two") == {"a.jpg": data}
    server.faults["media"] = ["spoil", "", "spoil"]
    steps: list[int] = []
    report = sync.pull("p", tmp_path / "three", drive, progress=lambda step, done, total: steps.append(done))
    assert report.failed[0].reason == "what Drive sent has another MD5 than it says"
    assert below(tmp_path / "three") == {} and max(steps) == len(data)


def test_an_upload_that_google_has_forgotten_begins_again(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"hat/large.jpg": content(1, 4 * BLOCK)})
    server.faults["chunk"] = ["", "", *[(503, "x")] * client.TRIES]
    with pytest.raises(DriveError, match="busy"):
        sync.push(photos, "p", drive)
    server.sessions.clear()
    steps: list[int] = []
    again = sync.push(photos, "p", Drive(AnonymousCredentials()), progress=lambda step, done, total: steps.append(done))
    assert counts(again) == (1, 0, 0, 0)
    assert steps[-1] == 4 * BLOCK
    old = put(config_folder() / "uploads", {"old": b"x", "new": b"x"}) / "old"
    os.utime(old, (0, 0))
    client.forget_old_uploads()
    assert [path.name for path in old.parent.iterdir()] == ["new"]


FILE = {"id": "1", "name": "a.jpg", "mimeType": "image/jpeg", "size": "5", "md5Checksum": "0" * 32}
ODD: list[object] = [[], None, 5, "x", {"files": None}, {"files": {"a": 1}}, {"files": [5]}, {"nextPageToken": {}}]
ODD += [{"files": [FILE | odd]} for odd in ({"size": "x"}, {"size": None}, {"name": 5}, {"md5Checksum": []}, {"id": 5})]
ODD += [{"files": [{name: value for name, value in FILE.items() if name != gone}]} for gone in ("id", "mimeType")]


BODIES = [b"<html>", b"", b"\xff", b"[" * 10_000, *(json.dumps(odd).encode() for odd in ODD)]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_an_answer_of_something_else_is_an_error(
    drive: Drive, server: DriveServer, tmp_path: Path, body: bytes
) -> None:
    identity = server.add("hat", server.add("p", server.root))
    for kind, where in (("list", "p"), ("get", identity)):
        server.faults[kind] = [body]
        with pytest.raises(DriveError, match="The answer is none of Google Drive"):
            sync.pull(where, tmp_path, drive)
    server.faults["create"] = [body]
    with pytest.raises(DriveError, match="The answer is none of Google Drive"):
        drive.make_folder("shirt", identity)


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_without_an_end_is_refused(
    drive: Drive, server: DriveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(connection, "MOST_BYTES", 10_000)
    server.add("p", server.root)
    body = b'{"files": [], "more": "' + b"0" * 20_000 + b'"}'
    with pytest.raises(DriveError, match="The answer is none of Google Drive") as caught:
        server.faults["list"] = [gzip.compress(body) if packed else body]
        sync.pull("p", tmp_path, drive)
    assert "an answer has more than 10,000 bytes" in str(caught.value.__cause__)
    server.faults["list"] = [gzip.compress(b'{"files": []}'), gzip.compress(body)[:99]]
    assert drive.folder("none") is None  # a packed answer is read
    with pytest.raises(DriveError, match="The answer is none of Google Drive"):
        drive.folder("none")


def test_a_folder_without_an_end_is_refused(
    drive: Drive, server: DriveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_MOST_PAGES", 3)
    server.add("p", server.root)
    server.faults["list"] = [b'{"files": [], "nextPageToken": "1"}'] * 9
    with pytest.raises(DriveError, match="has over 3,000 files"):
        sync.pull("p", tmp_path, drive)
    assert len(server.log) == 3
