"""Which files are missing on the other side: names, duplicates, and what is skipped."""

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from clothes.collection.drive import sync
from clothes.collection.drive.client import Drive
from tests.support.drive import PHOTOS, content, counts, put
from tests.support.drive_server import SHORTCUT, DriveServer
from tests.support.photo_folders import below

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
    assert below(tmp_path) == {f"deep/photos/{hashlib.md5(each).hexdigest()}.jpg": each for each in data}
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
    names = below(tmp_path / "copy")
    assert sorted(names.values()) == [b"1", b"2", b"3", b"4"] and names["hat/a.jpg"] == b"1"
    assert len({name.casefold() for name in names}) == 4  # valid on a disk that ignores case
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


def test_a_name_that_no_system_allows_is_replaced_by_the_md5(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"hat/a:b.jpg": b"1", "ha:t/c.jpg": b"2"})
    report = sync.push(photos, "p", drive)
    assert [(item.path, item.to) for item in report.renamed] == [
        ("hat/a:b.jpg", f"hat/{hashlib.md5(b'1').hexdigest()}.jpg")
    ]
    assert [item.path for item in report.skipped] == ["ha:t/c.jpg"]
    assert counts(sync.push(photos, "p", drive)) == (0, 1, 1, 0)


def test_other_files_are_skipped_with_their_reason(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
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
        "odd.jpg": "Drive gives no MD5 for it",
        "huge.jpg": "larger than the 500 MB allowed",
    }
    assert below(tmp_path / "copy") == {"hat.jpg": b"5"}


def test_links_and_files_in_the_place_of_folders(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    (tmp_path / "elsewhere").mkdir()
    target = put(tmp_path / "copy", {"shirt": b"a file"})
    (target / "hat").symlink_to(tmp_path / "elsewhere")
    report = sync.pull("p", target, drive)
    assert counts(report) == (0, 0, 5, 5)
    assert "is a link that leads out of" in report.skipped[0].reason
    assert below(tmp_path / "elsewhere") == {}
    assert (target / "shirt").read_bytes() == b"a file"
