"""Class folders to Google Drive and back."""

import hashlib
from hashlib import sha256
from pathlib import Path

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from google.auth.credentials import AnonymousCredentials

from clothes.collection.drive import sync
from clothes.collection.drive.client import Drive
from clothes.collection.drive.filenames import marked
from clothes.errors import DriveError, PhotosError
from clothes.photos.folders import list_class_folders
from clothes.system.locks import folder_lock
from tests.support.drive import PHOTOS, content, counts, put
from tests.support.drive_server import BLOCK, DriveServer
from tests.support.photo_folders import below


def test_photos_go_to_drive_and_back_and_only_changes_go_again(
    server: DriveServer, drive: Drive, tmp_path: Path
) -> None:
    server.page = 3  # files in one answer
    photos = put(tmp_path / "photos", PHOTOS)
    steps: list[tuple[str, int, int]] = []
    first = sync.push(photos, "clothes/photos", drive, progress=lambda *step: steps.append(step))
    assert counts(first) == (10, 0, 0, 0)
    assert dict(server.files()) == {f"clothes/photos/{name}": data for name, data in PHOTOS.items()}
    assert steps == sorted(steps)
    assert steps[9] == ("Comparing", 20_000, 20_000) and steps[-1] == ("Sending", 20_000, 20_000)
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
    assert below(tmp_path / "copy") == PHOTOS | {"hat/new.jpg": content(7)}
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
    assert set(below(tmp_path / "copy")) == set(contents) - {"_other/cat.png"}
    assert list_class_folders(tmp_path / "copy").parts == ("train", "validation", "test")


def test_a_dry_run_shows_and_does_nothing(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    assert counts(sync.push(photos, "p", drive, dry_run=True)) == (10, 0, 0, 0)
    assert {kind for kind, _ in server.log} == {"list"} and server.files() == []
    sync.push(photos, "p", drive)
    assert counts(sync.pull("p", tmp_path / "copy", drive, dry_run=True)) == (10, 0, 0, 0)
    assert not (tmp_path / "copy").exists()
    assert server.asked("media") == []


def test_other_content_of_the_same_name_gets_a_mark_on_both_sides(
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
    assert below(photos) == {"hat/a.jpg": b"here", f"hat/{there}": b"there", "hat/b.jpg": b"both"}
    assert counts(sync.push(photos, "p", drive)) == counts(sync.pull("p", photos, drive)) == (0, 3, 0, 0)


def test_folders_of_a_shared_drive(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    team = server.add("Team", None, shared=True)
    photos = put(tmp_path / "photos", PHOTOS)
    assert counts(sync.push(photos, team, drive)) == (10, 0, 0, 0)
    assert counts(sync.push(photos, team, drive)) == (0, 10, 0, 0)
    assert counts(sync.pull(team, tmp_path / "copy", drive)) == (10, 0, 0, 0)


def test_a_full_drive_says_what_to_do_and_keeps_what_was_sent(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    server.quota = 7000
    with pytest.raises(DriveError, match=r"no room left .* Make room or get more .* continues where it stopped"):
        sync.push(photos, "p", drive)
    sent = len(server.files())
    assert 1 <= sent <= 3
    server.quota = 1 << 40
    assert counts(sync.push(photos, "p", Drive(AnonymousCredentials()))) == (10 - sent, sent, 0, 0)


def test_a_refused_file_does_not_stop_the_others(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
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


def test_a_photo_that_changes_during_the_upload_is_reported(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    photos = put(tmp_path / "photos", {"hat/a.jpg": content(1, 3 * BLOCK)})
    server.on_chunk = lambda: put(photos, {"hat/a.jpg": content(2, 3 * BLOCK)}) and None
    report = sync.push(photos, "p", drive)
    assert "it changed while it was sent" in report.failed[0].reason
    server.on_chunk = lambda: None
    assert counts(sync.push(photos, "p", drive)) == (1, 0, 0, 0)  # its new content, beside the mixed one


def test_pulling_into_a_mounted_drive(mounted: Path, drive: Drive, tmp_path: Path) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (10, 0, 0, 0)
    assert below(tmp_path / "copy") == PHOTOS


def test_two_pulls_at_once_do_not_mix(drive: Drive, server: DriveServer, tmp_path: Path) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    (tmp_path / "copy" / ".drive-parts").mkdir(parents=True)
    with folder_lock(tmp_path / "copy" / ".drive-parts"), pytest.raises(PhotosError, match="Another `clothes drive"):
        sync.pull("p", tmp_path / "copy", drive)
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (10, 0, 0, 0)


def test_links_in_the_place_of_unfinished_downloads_are_not_written(
    drive: Drive, server: DriveServer, tmp_path: Path
) -> None:
    sync.push(put(tmp_path / "photos", PHOTOS), "p", drive)
    parts = tmp_path / "copy" / ".drive-parts"
    put(tmp_path, {"mine": b"mine", "else/x": b""})
    parts.parent.mkdir()
    parts.symlink_to(tmp_path / "else")
    with pytest.raises(PhotosError, match="drive-parts is a link"):
        sync.pull("p", tmp_path / "copy", drive)
    parts.unlink()
    parts.mkdir()
    for item in server.items.values():
        name = sha256(f"{item['id']} {item.get('md5Checksum')}".encode()).hexdigest()[:32]
        (parts / name).symlink_to(tmp_path / "mine")
    assert counts(sync.pull("p", tmp_path / "copy", drive)) == (10, 0, 0, 0)
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*.jpg"))
