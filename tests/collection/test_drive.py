"""Google Drive: Google's own client library against a server on this machine, which breaks off, refuses and lies."""

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

import httplib2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials

from clothes.cli.main import main
from clothes.collection.drive import auth as signin
from clothes.collection.drive import client as store
from clothes.collection.drive import sync
from clothes.collection.drive.auth import service_credentials, sign_in
from clothes.collection.drive.client import Drive
from clothes.collection.drive.filenames import marked, safe_name
from clothes.collection.drive.sync import TransferReport
from clothes.errors import DriveError, PhotosError
from clothes.photos.folders import list_class_folders
from clothes.system import files
from clothes.system.user_folders import config_folder
from tests.support.drive_server import BLOCK, SHORTCUT, DriveServer, make_certificate, private_pem, running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("server") / "certificate.pem"
    make_certificate(path)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path) -> Iterator[DriveServer]:
    monkeypatch.setenv("CLOTHES_CONFIG", str(tmp_path / "config"))
    for name in ("HTTPLIB2_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    monkeypatch.setattr(httplib2, "CA_CERTS", str(certificate))  # it was read when httplib2 was imported
    with running(certificate) as server:
        monkeypatch.setattr(store, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(store, "WAIT", 0.001)
        monkeypatch.setattr(store, "CHUNK", BLOCK)
        yield server


@pytest.fixture
def drive(server: DriveServer) -> Drive:
    return Drive(AnonymousCredentials())


def content(seed: int, size: int = 2000) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def put(root: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def found(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def counts(report: TransferReport) -> tuple[int, int, int, int]:
    return len(report.moved), report.same, len(report.skipped), len(report.failed)


PHOTOS = {f"{label}/{i}.jpg": content(100 * len(label) + i) for label in ("hat", "shirt") for i in range(5)}


# --- there and back ---


def test_photos_go_there_and_back_and_only_what_changed_goes_again(
    server: DriveServer, drive: Drive, tmp_path: Path
) -> None:
    server.page = 3  # of ten files, and Drive gives them in pages
    photos = put(tmp_path / "photos", PHOTOS)
    steps: list[tuple[int, int]] = []
    first = sync.push(photos, "clothes/photos", drive, progress=lambda *step: steps.append(step))
    assert counts(first) == (10, 0, 0, 0)
    assert dict(server.files()) == {f"clothes/photos/{name}": data for name, data in PHOTOS.items()}
    assert steps == sorted(steps) and steps[-1] == (20_000, 20_000)
    assert first.link == drive.folder("clothes/photos").link  # type: ignore[union-attr]
    put(photos, {"hat/new.jpg": content(7)})
    (photos / "hat" / "0.jpg").unlink()
    server.log.clear()
    again = sync.push(photos, "clothes/photos", drive)
    assert counts(again) == (1, 9, 0, 0)
    assert server.asked("start") == ["new.jpg"] and server.asked("create") == []
    assert len(server.files()) == 11  # nothing in Drive is deleted
    fetched = sync.pull("clothes/photos", tmp_path / "copy", drive)
    assert counts(fetched) == (11, 0, 0, 0)
    assert found(tmp_path / "copy") == PHOTOS | {"hat/new.jpg": content(7)}
    server.log.clear()
    assert counts(sync.pull("clothes/photos", tmp_path / "copy", drive)) == (0, 11, 0, 0)
    assert server.asked("media") == []


def test_part_folders_and_records_go_too(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    contents = {f"{part}/hat/{i}.jpg": content(i) for i, part in enumerate(("train", "test", "validation"))}
    contents |= {
        "split.csv": b"photo,class,part,group,sha256\n",
        "sources.csv": b"file\n",
        "_other/cat.png": content(9),
    }
    photos = put(tmp_path / "photos", contents | {"notes.txt": b"mine"})
    report = sync.push(photos, "p", drive)
    assert [item.reason for item in report.skipped] == [
        "beside train/ and test/ a folder is not a class",
        "not a photo by its name",
    ]
    sync.pull("p", tmp_path / "copy", drive)
    assert set(found(tmp_path / "copy")) == set(contents) - {"_other/cat.png"}
    assert list_class_folders(tmp_path / "copy").parts == ("train", "validation", "test")


def test_a_dry_run_shows_and_does_nothing(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    assert counts(sync.push(photos, "p", drive, dry_run=True)) == (10, 0, 0, 0)
    assert {kind for kind, _ in server.log} == {"list"} and server.files() == []
    sync.push(photos, "p", drive)
    assert counts(sync.pull("p", tmp_path / "copy", drive, dry_run=True)) == (10, 0, 0, 0)
    assert not (tmp_path / "copy").exists()
    assert server.asked("media") == []


def test_another_content_of_the_same_name_is_kept_beside_on_both_sides(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    photos = put(tmp_path / "photos", {"hat/a.jpg": b"here", "hat/b.jpg": b"both"})
    other = put(tmp_path / "other", {"hat/a.jpg": b"there", "hat/b.jpg": b"both"})
    sync.push(other, "p", drive)
    report = sync.push(photos, "p", drive)
    here, there = (marked("a.jpg", hashlib.md5(data).hexdigest()) for data in (b"here", b"there"))
    assert counts(report) == (1, 1, 0, 0)
    assert [(item.path, item.to) for item in report.renamed] == [("hat/a.jpg", f"hat/{here}")]
    assert dict(server.files()) == {"p/hat/a.jpg": b"there", f"p/hat/{here}": b"here", "p/hat/b.jpg": b"both"}
    assert counts(sync.pull("p", photos, drive)) == (1, 2, 0, 0)
    assert found(photos) == {"hat/a.jpg": b"here", f"hat/{there}": b"there", "hat/b.jpg": b"both"}
    assert counts(sync.push(photos, "p", drive)) == counts(sync.pull("p", photos, drive)) == (0, 3, 0, 0)


# --- names ---

HOSTILE = [
    "../../evil.jpg",
    "..\\..\\evil.jpg",
    "/etc/evil.jpg",
    "a/b.jpg",
    "C:evil.jpg",
    "nul\0byte.jpg",
    "line\nbreak.jpg",
    "con.jpg",
    "LPT1.jpg",
    " space.jpg",
    "half \ud800.jpg",
    "q?*.jpg",
    "long" * 80 + ".jpg",
    "no ending",
    "..",
    ".",
    "",
    "dot.jpg.",
]


def test_no_name_leaves_the_folder(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    folder = server.add("p", server.root)
    for seed, name in enumerate(HOSTILE):
        server.add(name, folder, content(seed))
    for seed, name in enumerate(["..", "../up", "a/b", "C:", "trail ", "\0", "x" * 300], 100):
        server.add("inner.jpg", server.add(name, folder), content(seed))
    server.add("._junk.jpg", folder, content(200))
    target = tmp_path / "deep" / "photos"
    report = sync.pull("p", target, drive)
    assert counts(report) == (len(HOSTILE), 0, 7 + 1, 0)  # the folders, and the hidden file
    data = [content(seed) for seed in range(len(HOSTILE))]
    assert found(tmp_path) == {f"deep/photos/{hashlib.md5(each).hexdigest()}.jpg": each for each in data}
    assert counts(sync.pull("p", target, drive))[:2] == (0, len(data))
    put(target, {"hat/fine.jpg": b"fine"})
    assert counts(sync.push(target, "p", drive))[:2] == (1, 0)  # loose photos are not in a class


def test_files_and_folders_of_one_name(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    folder = server.add("p", server.root)
    one, two = server.add("hat", folder), server.add("hat", folder)
    for parent, name, data in [
        (one, "a.jpg", b"1"),
        (one, "a.jpg", b"2"),
        (two, "a.jpg", b"3"),
        (two, "A.JPG", b"4"),
        (two, "a.jpg", b"1"),
    ]:
        server.add(name, parent, data)
    report = sync.pull("p", tmp_path / "copy", drive)
    assert counts(report) == (4, 1, 0, 0)
    names = found(tmp_path / "copy")
    assert sorted(names.values()) == [b"1", b"2", b"3", b"4"] and names["hat/a.jpg"] == b"1"
    assert len({name.casefold() for name in names}) == 4  # so that they fit on a disk that knows no upper case
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (0, 5, 0, 0)
    assert counts(sync.push(tmp_path / "copy", "p", drive)) == (0, 4, 0, 0)


def test_names_in_another_unicode_form_are_the_same(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"robe d'e\u0301te\u0301/cafe\u0301.jpg": b"1"})
    sync.push(photos, "v\u00eatements d'e\u0301te\u0301", drive)
    assert [name for name, _ in server.files()] == [
        "v\u00eatements d'e\u0301te\u0301/robe d'\u00e9t\u00e9/caf\u00e9.jpg"
    ]
    assert counts(sync.push(photos, "v\u00eatements d'\u00e9t\u00e9", drive)) == (0, 1, 0, 0)
    assert counts(sync.pull("v\u00eatements d'\u00e9t\u00e9", photos, drive)) == (0, 1, 0, 0)


def test_a_name_that_drive_could_not_give_back_is_sent_as_its_md5_once(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    photos = put(tmp_path / "photos", {"hat/a:b.jpg": b"1", "ha:t/c.jpg": b"2"})
    report = sync.push(photos, "p", drive)
    assert [(item.path, item.to) for item in report.renamed] == [
        ("hat/a:b.jpg", f"hat/{hashlib.md5(b'1').hexdigest()}.jpg")
    ]
    assert [item.path for item in report.skipped] == ["ha:t/c.jpg"]
    assert counts(sync.push(photos, "p", drive)) == (0, 1, 1, 0)


def test_what_is_no_photo_is_skipped_with_its_reason(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    folder = server.add("p", server.root)
    server.add("way.jpg", folder, mimeType=SHORTCUT)
    server.add("list.jpg", folder, mimeType="application/vnd.google-apps.document")
    server.add("paper.pdf", folder, b"1", mimeType="application/pdf")
    server.add("odd.jpg", folder, b"2", md5Checksum="../../../x")
    server.add("huge.jpg", folder, b"3", size="600000000")
    server.add("old.jpg", folder, b"4", trashed=True)
    server.add("hat.jpg", folder, b"5")
    report = sync.pull("p", tmp_path / "copy", drive)
    assert {item.path: item.reason for item in report.skipped} == {
        "way.jpg": "a shortcut",
        "list.jpg": "a Google document, not a file",
        "paper.pdf": "not a photo by its name",
        "odd.jpg": "Drive says no MD5 of it",
        "huge.jpg": "larger than the 500 MB allowed",
    }
    assert found(tmp_path / "copy") == {"hat.jpg": b"5"}


def test_links_and_files_that_stand_in_the_way(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    (tmp_path / "elsewhere").mkdir()
    target = put(tmp_path / "copy", {"shirt": b"a file"})
    (target / "hat").symlink_to(tmp_path / "elsewhere")
    report = sync.pull("p", target, drive)
    assert counts(report) == (0, 0, 5, 5)
    assert "is a link that leads out of" in report.skipped[0].reason
    assert found(tmp_path / "elsewhere") == {}
    assert (target / "shirt").read_bytes() == b"a file"


# --- folders ---


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


def test_folders_that_cannot_be_meant(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
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
        hidden: "without --whole-drive clothes sees only what it put there itself",
    }.items():
        with pytest.raises(DriveError, match=re.escape(message)):
            drive.folder(where)
    with pytest.raises(DriveError, match="There is no folder none in My Drive"):
        sync.pull("none", tmp_path / "copy", drive)
    with pytest.raises(PhotosError, match="There is no folder"):
        sync.push(tmp_path / "none", "p", drive)


def test_folders_of_a_shared_drive(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    team = server.add("Team", None, shared=True)
    photos = put(tmp_path / "photos", PHOTOS)
    assert counts(sync.push(photos, team, drive)) == (10, 0, 0, 0)
    assert counts(sync.push(photos, team, drive)) == (0, 10, 0, 0)
    assert counts(sync.pull(team, tmp_path / "copy", drive)) == (10, 0, 0, 0)


# --- what goes wrong on the way ---

PASSING: list[Any] = [
    (403, "rateLimitExceeded"),
    (403, "userRateLimitExceeded"),
    (429, "x"),
    (500, "x"),
    (503, "x"),
    (408, "x"),
]


@pytest.mark.parametrize("kind", ["list", "create", "start", "chunk", "media", "get"])
def test_what_passes_is_tried_again(drive: Drive, server: DriveServer, tmp_path: Path, kind: str) -> None:
    server.faults[kind] = [*PASSING, "cut"] if kind in ("chunk", "media") else [*PASSING, "hang up"]
    contents = {"hat/large.jpg": content(1, 3 * BLOCK + 7)}
    photos = put(tmp_path / "photos", contents)
    folder = server.add("p", server.root)
    assert counts(sync.push(photos, folder, drive)) == (1, 0, 0, 0)
    assert counts(sync.pull(folder, tmp_path / "copy", drive)) == (1, 0, 0, 0)
    assert found(tmp_path / "copy") == contents
    assert server.faults[kind] == []


@pytest.mark.timeout(50)  # httplib2 would wait a minute if it sent the rest of a stream again
def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    server.faults["start"], server.faults["chunk"] = ["hang up"], ["hang up", "drop"]
    data = content(1, 4 * BLOCK)
    sync.push(put(tmp_path / "photos", {"hat/large.jpg": data}), "p", drive)
    assert server.files() == [("p/hat/large.jpg", data)]


def test_it_waits_as_long_as_google_asks(drive: Drive, server: DriveServer) -> None:
    server.faults["list"] = [(429, "rateLimitExceeded", {"Retry-After": "1"})]
    started = time.monotonic()
    drive.folder("p")
    assert time.monotonic() - started >= 1


def test_it_gives_up_at_last_and_says_what_to_do(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    server.faults["list"] = [(503, "backendError")] * store.TRIES
    with pytest.raises(DriveError, match=r"busy: the answer is 503 .* Run the same command again later"):
        drive.folder("p")
    assert len(server.log) == store.TRIES


@pytest.mark.parametrize("kind", ["create", "chunk"])
def test_an_answer_that_got_lost_makes_nothing_twice(
    drive: Drive, server: DriveServer, tmp_path: Path, kind: str
) -> None:
    server.faults[kind] = ["late", "late"]
    photos = put(tmp_path / "photos", {"hat/1.jpg": b"1", "hat/2.jpg": b"2"})
    assert counts(sync.push(photos, "p", drive)) == (2, 0, 0, 0)
    assert [name for name, _ in server.files()] == ["p/hat/1.jpg", "p/hat/2.jpg"]
    assert sorted(item["name"] for item in server.items.values()) == ["1.jpg", "2.jpg", "My Drive", "hat", "p"]


def test_a_full_drive_says_what_to_do_and_what_was_sent_stays(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    server.quota = 7000
    with pytest.raises(DriveError, match=r"no room left .* Make room or get more .* goes on where it stopped"):
        sync.push(photos, "p", drive)
    sent = len(server.files())
    assert 1 <= sent <= 3
    server.quota = 1 << 40
    assert counts(sync.push(photos, "p", Drive(AnonymousCredentials()))) == (10 - sent, sent, 0, 0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((403, "accessNotConfigured"), "The Google Drive API is not enabled .*console.cloud.google.com"),
        ((403, "dailyLimitExceeded"), "used up its requests for today"),
        ((401, "authError"), "Google does not take the sign-in"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(server: DriveServer, drive: Drive, fault: Any, message: str) -> None:
    server.faults["list"] = [fault]
    with pytest.raises(DriveError, match=message):
        drive.folder("p")
    assert len(server.log) == 1


def test_one_file_that_is_refused_does_not_stop_the_others(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    server.faults["start"] = [(403, "insufficientFilePermissions")]
    report = sync.push(photos, "p", drive)
    assert counts(report) == (9, 0, 0, 1)
    assert (
        report.failed[0].reason
        == "Drive refuses it: It is so: insufficientFilePermissions. (insufficientFilePermissions)"
    )
    server.faults["media"] = [(403, "cannotDownloadAbusiveFile")]
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (8, 0, 0, 1)


def test_wrong_bytes_are_fetched_once_more_and_then_refused(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    data = content(1, 2 * BLOCK)
    server.add("a.jpg", server.add("p", server.root), data)
    server.faults["media"] = ["spoil"]
    assert counts(sync.pull("p", tmp_path / "one", drive)) == (1, 0, 0, 0)
    server.faults["media"] = ["", "ignore"]
    assert counts(sync.pull("p", tmp_path / "two", drive)) == (1, 0, 0, 0)
    assert found(tmp_path / "one") == found(tmp_path / "two") == {"a.jpg": data}
    server.faults["media"] = ["spoil", "", "spoil"]
    steps: list[int] = []
    report = sync.pull("p", tmp_path / "three", drive, progress=lambda done, total: steps.append(done))
    assert report.failed[0].reason == "what Drive sent has another MD5 than it says"
    assert found(tmp_path / "three") == {} and max(steps) == len(data)


def test_a_photo_that_changes_while_it_is_sent_is_told(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"hat/a.jpg": content(1, 3 * BLOCK)})
    server.on_chunk = lambda: put(photos, {"hat/a.jpg": content(2, 3 * BLOCK)}) and None
    report = sync.push(photos, "p", drive)
    assert "it changed while it was sent" in report.failed[0].reason
    server.on_chunk = lambda: None
    assert counts(sync.push(photos, "p", drive)) == (1, 0, 0, 0)  # its own content now, beside what came of the two


# --- killed and gone on with ---


def command(server: DriveServer, *arguments: object, before: str = "") -> subprocess.Popen[str]:
    """The command line in a process of its own, whose Drive is the server."""
    code = (
        "import sys, clothes.collection.drive.client as store, clothes.collection.drive.auth as signin\n"
        "from google.auth.credentials import AnonymousCredentials\n"
        f"store.ENDPOINT, store.CHUNK, store.WAIT = {server.endpoint!r}, {BLOCK}, 0.001\n"
        f"{before}\n"
        "from clothes.cli.main import main\n"
        "main()"
    )
    arguments = ("drive", *map(str, arguments))
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=-1, stderr=-1, text=True)  # type: ignore[list-item]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: its exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clothes", "drive", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


ANYBODY = "signin.sign_in = lambda *a, **k: AnonymousCredentials()"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_was_killed_goes_on_where_it_stopped(
    server: DriveServer, tmp_path: Path, how: signal.Signals
) -> None:
    data = content(1, 8 * BLOCK)
    photos = put(tmp_path / "photos", {"hat/large.jpg": data})
    chunks = 0
    killed = threading.Event()

    def count() -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 4:
            process.send_signal(how)
            killed.set()
            time.sleep(0.1)

    server.on_chunk = count
    process = command(server, "push", photos, "p", before=ANYBODY)
    _, errors = process.communicate()
    assert killed.is_set() and process.returncode == (-9 if how is signal.SIGKILL else 130), errors
    (session,) = (config_folder() / "uploads").iterdir()
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    server.on_chunk = lambda: None
    server.log.clear()
    process = command(server, "push", photos, "p", "--json", before=ANYBODY)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert [item["path"] for item in json.loads(out)["moved"]] == ["hat/large.jpg"]
    assert server.asked("start") == []
    first, *rest = server.asked("chunk")
    assert first == f"bytes */{len(data)}" and 3 <= len(rest) <= 5
    assert server.files() == [("p/hat/large.jpg", data)]
    assert list((config_folder() / "uploads").iterdir()) == []


def test_an_upload_that_google_has_forgotten_begins_again(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"hat/large.jpg": content(1, 4 * BLOCK)})
    server.faults["chunk"] = ["", "", *[(503, "x")] * store.TRIES]
    with pytest.raises(DriveError, match="busy"):
        sync.push(photos, "p", drive)
    server.sessions.clear()
    steps: list[int] = []
    again = sync.push(photos, "p", Drive(AnonymousCredentials()), progress=lambda done, total: steps.append(done))
    assert counts(again) == (1, 0, 0, 0)
    assert steps[-1] == 4 * BLOCK
    old = put(config_folder() / "uploads", {"old": b"x", "new": b"x"}) / "old"
    os.utime(old, (0, 0))
    store.forget_old_uploads()
    assert [path.name for path in old.parent.iterdir()] == ["new"]


@pytest.mark.slow
def test_a_pull_that_was_killed_goes_on_where_it_stopped(server: DriveServer, tmp_path: Path) -> None:
    data = content(1, 8 * BLOCK)
    server.add("large.jpg", server.add("hat", server.add("p", server.root)), data)
    target = tmp_path / "copy"
    process = command(server, "pull", "p", target, before=ANYBODY)
    while len(server.asked("media")) < 5 and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert not list(target.rglob("*.jpg"))  # half a photo is never in its place
    server.log.clear()
    process = command(server, "pull", "p", target, before=ANYBODY)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert re.search(r"fetched +1 files, 2\.1 MB", out)
    assert int(server.asked("media")[0][6:].split("-")[0]) >= 3 * BLOCK
    assert found(target) == {"hat/large.jpg": data}
    assert not (target / ".drive-parts").exists()


# --- signing in ---


def browse(url: str) -> None:
    """The browser: follows Google's page to where it leads, beside the command that waits for it."""
    threading.Thread(target=lambda: urllib.request.urlopen(url).read(), daemon=True).start()


@pytest.fixture
def client(server: DriveServer, tmp_path: Path) -> Path:
    about = {
        "client_id": "me",
        "client_secret": "hush",
        "auth_uri": f"{server.url}/auth",
        "token_uri": f"{server.url}/token",
        "redirect_uris": ["http://localhost"],
    }
    server.tokens = set()
    path = tmp_path / "client_secret.json"
    path.write_text(json.dumps({"installed": about}))
    return path


def never(url: str) -> None:
    raise AssertionError(url)


def test_a_person_signs_in_once(server: DriveServer, client: Path, tmp_path: Path) -> None:
    with pytest.raises(DriveError, match=r"no sign-in to Google for this yet\. Sign in with --client"):
        sign_in("drive.file", show=never)
    credentials = sign_in("drive.file", client=client, show=browse)
    assert server.asked("consent") == ["https://www.googleapis.com/auth/drive.file"]  # no more than that
    (token,) = config_folder().iterdir()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700
    assert counts(sync.push(put(tmp_path / "photos", PHOTOS), "p", Drive(credentials))) == (10, 0, 0, 0)
    for file in (None, client):
        Drive(sign_in("drive.file", client=file, show=never)).folder("p")
    sign_in("drive.readonly", client=client, show=browse)  # another permission is asked for
    assert server.asked("consent")[1:] == ["https://www.googleapis.com/auth/drive.readonly"]


def test_an_old_token_is_renewed_and_kept_and_a_withdrawn_one_asked_for_again(
    server: DriveServer, client: Path
) -> None:
    sign_in("drive.file", client=client, show=browse)
    path = config_folder() / "token-drive.file.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"expiry": "2026-01-01T00:00:00Z"}))
    server.tokens = set()
    Drive(sign_in("drive.file", show=never)).folder("p")
    assert server.asked("token") == ["authorization_code", "refresh_token"]
    assert json.loads(path.read_text())["token"] != stored["token"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.tokens = set()  # it is no longer taken, though it looks valid
    Drive(sign_in("drive.file", show=never)).folder("p")
    path.write_text(json.dumps(stored | {"expiry": "2026-01-01T00:00:00Z"}))
    server.refresh_tokens.clear()
    with pytest.raises(DriveError, match=r"no longer takes the sign-in: .*revoked.*--client"):
        sign_in("drive.file", show=never)
    sign_in("drive.file", client=client, show=browse)
    server.tokens, server.refresh_tokens = set(), set()
    with pytest.raises(DriveError, match=r"does not take the sign-in: .*revoked"):
        Drive(sign_in("drive.file", show=never)).folder("p")
    path.write_text("{")
    with pytest.raises(DriveError, match="no sign-in to Google"):
        sign_in("drive.file", show=never)


def test_a_sign_in_that_fails_says_why(
    server: DriveServer, client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults["consent"] = ["deny"]
    with pytest.raises(DriveError, match=r"did not sign in: .*access_denied"):
        sign_in("drive.file", client=client, show=browse)
    monkeypatch.setattr(signin, "_PATIENCE", 0.05)
    with pytest.raises(DriveError, match="Nobody signed in"):
        sign_in("drive.file", client=client, show=lambda url: None)
    for text, message in {
        "{": "cannot be read",
        '{"web": {}}': "Desktop app",
        '{"installed": {}}': "not complete",
    }.items():
        client.write_text(text)
        with pytest.raises(DriveError, match=message):
            sign_in("drive.file", client=client, show=never)
    assert not list(tmp_path.glob("config/token*"))


@pytest.fixture
def key(server: DriveServer, tmp_path: Path) -> Path:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    server.tokens = set()
    server.public_key = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    about = {
        "type": "service_account",
        "client_email": "robot@example.com",
        "private_key": private_pem(private).decode(),
        "private_key_id": "1",
        "token_uri": f"{server.url}/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(about))
    return path


def test_a_service_account_signs_in_with_its_key(
    server: DriveServer, key: Path, tmp_path: Path, typed: Callable[..., tuple[int, str, str]]
) -> None:
    team = server.add("Team", None, shared=True)
    status, out, errors = typed("push", put(tmp_path / "photos", PHOTOS), team, "--service-account", key)
    assert (status, errors) == (0, "")
    assert re.search(r"sent +10 files, 0\.0 MB\nthere already +0\nskipped +0\nfailed +0\nin Drive +https://dri", out)
    assert set(server.asked("consent")) == {"https://www.googleapis.com/auth/drive"}
    assert not config_folder().exists() or not list(config_folder().glob("token*"))
    key.write_text("{}")
    with pytest.raises(DriveError, match="is not the key of a service account"):
        service_credentials("drive", key)


# --- the command line ---


def test_the_command_line_tells_what_was_skipped_and_fails_for_what_failed(
    server: DriveServer, tmp_path: Path, typed: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "sign_in", lambda *given, **more: AnonymousCredentials())
    photos = put(tmp_path / "photos", PHOTOS | {"hat/notes.txt": b"x", "hat/a:b.jpg": b"1"})
    server.faults["start"] = [""] * 10 + [(403, "x")]
    status, out, errors = typed("push", photos, "p")
    assert status == 1
    assert "sent           10 files" in out
    assert "Skipped hat/notes.txt: not a photo by its name" in errors
    assert "Drive refuses it" in errors and "Traceback" not in errors
    status, out, errors = typed("push", photos, "p", "--json")
    report = json.loads(out)
    assert (status, list(report), len(report["moved"])) == (0, ["link", "moved", "same", "skipped", "failed"], 1)
    assert typed("push", photos, "p", "--dry-run")[1].startswith("to send        0 files")
    status, out, errors = typed("pull", "none", tmp_path / "copy")
    assert (status, out) == (1, "") and errors.startswith("Error: There is no folder none in My Drive")
    assert typed("push", photos, "p", "--client", "a", "--service-account", "b")[0] == 2


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['google_auth_oauthlib'] = None; from clothes.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "drive", "pull", "p", "d"], capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr == "Error: Google Drive needs the extra 'drive'. In the folder of clothes: pip install '.[drive]'\n"
    )


# --- a mounted Drive ---


def test_pulling_into_a_mounted_drive(mounted: Path, drive: Drive, tmp_path: Path) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (10, 0, 0, 0)
    assert found(tmp_path / "copy") == PHOTOS


@pytest.mark.parametrize("links", [True, False])
def test_a_finished_file_never_replaces_another(tmp_path: Path, request: pytest.FixtureRequest, links: bool) -> None:
    if not links:
        request.getfixturevalue("mounted")
    put(tmp_path, {"part": b"new", "taken": b"old"})
    with pytest.raises(FileExistsError):
        files.publish_new(tmp_path / "part", tmp_path / "taken")
    files.publish_new(tmp_path / "part", tmp_path / "free")
    assert found(tmp_path) == {"taken": b"old", "free": b"new"}


def test_a_mark_is_taken_off_by_its_own_content_only() -> None:
    md5 = hashlib.md5(b"1").hexdigest()
    assert safe_name(marked("a.jpg", md5), md5) == "a.jpg"
    assert safe_name(marked("a.jpg", md5), hashlib.md5(b"2").hexdigest()) == f"a-{md5[:8]}.jpg"
    assert safe_name(f"-{md5[:8]}.jpg", md5) == f"-{md5[:8]}.jpg"
