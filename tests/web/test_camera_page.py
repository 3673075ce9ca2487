"""The camera page: its folder of photos, and the answers of its server."""

import base64
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

import clothes
from clothes.collection import provenance
from clothes.collection.photo_store import Store
from clothes.web import PAGE_FOLDER, camera_page
from clothes.web.base_page import Page
from clothes.web.camera_page import Camera
from tests.support.commands import run_command
from tests.support.photo_folders import below, rows, stored_hashes
from tests.support.pictures import jpeg, make_photos, photo, smooth
from tests.support.served_page import call_function, served_camera

# --- the camera ---


def test_a_photo_is_kept_as_it_came_and_undone(tmp_path: Path) -> None:
    (tmp_path / "Hat").mkdir()
    with Camera(tmp_path) as open_camera:
        open_camera.store("hat", photo(0))  # takes the folder's own spelling
        key = open_camera.store("shoes", jpeg(smooth(1), 90))
        assert open_camera.counts() == {"Hat": 1, "shoes": 1}
        names = stored_hashes(tmp_path)
        assert below(tmp_path / "Hat") == {f"{hashlib.sha256(photo(0)).hexdigest()[:16]}.png": photo(0)}
        assert {row["origin"] for row in rows(tmp_path)} == {"camera"}
        assert open_camera.undo(key) == "shoes"
        assert open_camera.counts() == {"Hat": 1}
        assert list(stored_hashes(tmp_path)) == [name for name in names if name.startswith("Hat/")]
        assert not (tmp_path / "shoes").exists()  # made for this class alone
        for wrong in (key, "", "shoes"):
            with pytest.raises(clothes.PhotoError, match="removed already"):
                open_camera.undo(wrong)
        assert open_camera.store("shoes", jpeg(smooth(1), 90))  # and again
    assert len(stored_hashes(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Hat", "shoes", "sources.csv"]


def test_undo_leaves_other_files(tmp_path: Path) -> None:
    make_photos(tmp_path, each=1, shapes=("bar",))
    before = below(tmp_path)
    (tmp_path / "empty").mkdir()
    with Camera(tmp_path) as open_camera:
        assert open_camera.store("bar", before["bar/000.png"]) == ""  # there already: no key
        first, second = open_camera.store("bar", photo(1)), open_camera.store("bar", photo(2))
        (turned,) = tmp_path.glob(f"bar/{hashlib.sha256(photo(2)).hexdigest()[:16]}*")
        turned.write_bytes(photo(3))
        with pytest.raises(clothes.PhotoError, match="was changed since, and stays"):
            open_camera.undo(second)
        open_camera.undo(first)
        open_camera.undo(open_camera.store("empty", photo(4)))
        turned.unlink()
        open_camera.undo(second)  # removed by hand: its row is removed
        assert open_camera.counts() == {"bar": 1}
    assert (tmp_path / "empty").is_dir()
    assert {name: data for name, data in below(tmp_path).items() if name != "sources.csv"} == before
    assert rows(tmp_path) == []


@pytest.mark.parametrize("label", ["", "a/b", "..", "test", "CON", "x" * 101])
def test_a_label_that_no_class_can_have_is_refused(tmp_path: Path, label: str) -> None:
    with Camera(tmp_path) as open_camera, pytest.raises(clothes.PhotosError, match="No class can be called"):
        open_camera.store(label, photo(0))
    assert list(below(tmp_path)) == ["sources.csv"]


def test_near_duplicates_of_test_photos_are_refused_also_with_a_newer_split(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    for i in range(10):
        (tmp_path / "hat" / f"{i}.jpg").write_bytes(jpeg(smooth(i), 95))
    with Camera(tmp_path) as open_camera:
        key = open_camera.store("hat", jpeg(smooth(20), 90))
        split = clothes.split(tmp_path)
        split.write(tmp_path / "split.csv")
        tested = Path(split.part("test")[0].photo)
        like = jpeg(smooth(int(tested.stem) if tested.stem.isdigit() else 20), 40)
        with pytest.raises(clothes.PhotoError, match=f"looks like {tested.as_posix()}, a photo of the test part"):
            open_camera.store("hat", like)
        open_camera.undo(key)  # from before the store was reopened
        assert open_camera.counts() == {"hat": 10}
    assert len(below(tmp_path / "hat")) == 10


def test_browsers_store_photos_at_the_same_time(tmp_path: Path) -> None:
    with Camera(tmp_path) as open_camera:

        def person(number: int) -> None:
            for i in range(6):
                key = open_camera.store(f"class {number % 2}", photo(10 * number + i))
                if i % 3 == 2:
                    open_camera.undo(key)

        with ThreadPoolExecutor(6) as people:
            list(people.map(person, range(6)))
        assert open_camera.counts() == {"class 0": 12, "class 1": 12}
        assert len(stored_hashes(tmp_path)) == 24
    assert len(stored_hashes(tmp_path)) == 24


def test_photos_are_for_one_command_at_a_time(tmp_path: Path) -> None:
    with Camera(tmp_path), pytest.raises(clothes.PhotosError, match="Another program"):
        Store(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_kill_while_undoing_is_recovered(memory_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_collecting", str(memory_path), "undo"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] > 20
    assert counts["settled"] > 0


# --- the page's server ---


def address(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_the_answers_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = sorted(below(PAGE_FOLDER)) if PAGE_FOLDER.exists() else []
    with served_camera(tmp_path) as url, httpx.Client(base_url=url) as client:
        kept = call_function(client, "keep", [" hat ", address(photo(0))]).json()
        assert (kept["message"], kept["counts"]) == ("Stored as hat.", {"hat": 1})
        again = call_function(client, "keep", ["hat", address(photo(0))]).json()
        assert again == {"key": "", "message": "This photo is there already, as hat.", "counts": {"hat": 1}}
        other = call_function(client, "keep", ["shoes", address(photo(0))]).json()
        assert other["problem"].startswith("Not stored: it is there already, but not as shoes: hat/")
        bad = call_function(client, "keep", ["a/b", address(photo(1))]).json()
        assert bad["problem"].startswith("No class can be called 'a/b': it has /")
        page = call_function(client, "keep", ["hat", address(b"<html>")]).json()
        assert page["problem"] == "Not stored: this is not a picture of a known format."
        monkeypatch.setattr(camera_page, "MAX_MEGABYTES", 0)
        assert "more than 0 MB" in call_function(client, "keep", ["hat", address(photo(2))]).json()["problem"]
        undone = call_function(client, "undo", kept["key"]).json()
        assert undone == {"message": "Removed from hat.", "counts": {}}
        twice = call_function(client, "undo", kept["key"]).json()
        assert twice == {"problem": "Not removed: it was removed already.", "counts": {}}
    assert stored_hashes(tmp_path) == {}
    assert sorted(below(PAGE_FOLDER)) == left  # an upload makes no temporary file


def test_the_page_names_the_folder_that_the_photo_is_in(tmp_path: Path) -> None:
    (tmp_path / "T-Shirt").mkdir()
    with Camera(tmp_path) as open_camera:
        answers = camera_page.Answers(open_camera)
        for message in ("Stored as T-Shirt.", "This photo is there already, as T-Shirt."):
            assert answers.keep(["t shirt", address(photo(0))])["message"] == message
    assert [row["file"].split("/")[0] for row in rows(tmp_path)] == ["T-Shirt"]


def test_other_websites_cannot_store_photos(tmp_path: Path) -> None:
    with served_camera(tmp_path) as url, httpx.Client(base_url=url) as client:
        for origin in ("https://elsewhere.test", "null"):
            refused = call_function(client, "keep", ["hat", address(photo(0))], origin=origin)
            assert (refused.status_code, refused.json()["detail"]) == (403, "Another website may not use this page.")
        assert stored_hashes(tmp_path) == {}
        assert call_function(client, "keep", ["hat", address(photo(0))], origin=url.rstrip("/")).json()["key"]


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    with served_camera(tmp_path, auth=("me", "secret")) as url, httpx.Client(base_url=url) as client:
        for function, data in (("keep", ["hat", address(photo(0))]), ("look", None), ("undo", "")):
            assert call_function(client, function, data).status_code == 401
        assert client.post("login", data={"username": "me", "password": "wrong"}).status_code == 400
        assert stored_hashes(tmp_path) == {}
        assert client.post("login", data={"username": "me", "password": "secret"}).status_code == 200
        assert call_function(client, "keep", ["hat", address(photo(0))]).json()["key"]


def test_a_photo_is_stored_again_after_a_full_disk_or_if_it_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = provenance.append_synced

    def fail(file: BinaryIO, data: bytes) -> None:
        file.write(data[: len(data) // 2])
        if not str(file.name).endswith(".csv"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, b"")

    with Camera(tmp_path) as camera:
        monkeypatch.setattr(provenance, "append_synced", fail)
        with pytest.raises(clothes.PhotosError, match="No space left"):
            camera.store("shirt", photo(1))
        monkeypatch.setattr(provenance, "append_synced", real)
        for _ in range(2):
            assert camera.store("shirt", photo(1))
            (stored,) = (tmp_path / "shirt").iterdir()
            assert stored.read_bytes() == photo(1)
            stored.unlink()  # by somebody else


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "nonsense.invalid"])
def test_the_network_needs_a_password(tmp_path: Path, host: str) -> None:
    with pytest.raises(clothes.ClothesError, match="--auth USER:PASSWORD"):
        camera_page.launch(tmp_path, host=host)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_ends_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clothes", "collect", "camera", "--into", "photos", "--port", "0"]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout
        url = running.stdout.readline().split()[5]
        with httpx.Client(base_url=url) as client:
            call_function(client, "keep", ["hat", address(photo(0))])
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=100)
    finally:
        running.kill()
    assert (running.returncode, told) == (0, "Next:  clothes check photos\n")
    assert len(stored_hashes(tmp_path / "photos")) == 1
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["hat", "sources.csv"]


def test_the_command_prints_the_address_and_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
    make_photos(tmp_path / "photos", each=1)
    result = run_command("collect", "camera", "--into", tmp_path / "photos", "--port", 0)
    assert result.status == 0 and "http://127.0.0.1:" in result.out
    assert result.err.splitlines()[-1] == f"Next:  clothes check {tmp_path / 'photos'}"


def test_the_command_refuses_the_network_and_half_a_certificate(tmp_path: Path) -> None:
    for more, status in (
        (["--host", "0.0.0.0"], 1),
        (["--ssl-certfile", "c.pem"], 2),
        (["--ssl-certfile", "c.pem", "--ssl-keyfile", "k.pem"], 1),
        (["--auth", "me"], 2),
    ):
        result = run_command("collect", "camera", "--into", tmp_path / "photos", "--port", 0, *more)
        assert result.status == status, more
        assert "Traceback" not in result.err
