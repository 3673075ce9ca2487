"""Photos from the camera page: the store behind it, and what it answers. In a browser: test_camera_page."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.collection.photo_store import Store
from tests.support.photo_folders import below, rows
from tests.support.pictures import draw, encode, jpeg, make_photos, smooth

gr = pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
import httpx

from clothes.web import camera_page, server
from clothes.web.camera_page import Camera


def photo(seed: int) -> bytes:
    return encode(draw("bar", seed), "PNG")


def agree(root: Path) -> dict[str, str]:
    """The photos and their hashes, by the folder, after seeing that sources.csv says the same."""
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob("*/*")}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    assert sorted((row["file"], row["sha256"]) for row in rows(root)) == sorted(hashes.items())
    return hashes


# --- the camera ---


def test_a_photo_is_kept_as_it_came_and_undone(tmp_path: Path) -> None:
    (tmp_path / "Hat").mkdir()
    with Camera(tmp_path) as open_camera:
        open_camera.keep("hat", photo(0))  # the folder's own spelling is met
        key = open_camera.keep("shoes", jpeg(smooth(1), 90))
        assert open_camera.counts() == {"Hat": 1, "shoes": 1}
        names = agree(tmp_path)
        assert below(tmp_path / "Hat") == {f"{hashlib.sha256(photo(0)).hexdigest()[:16]}.png": photo(0)}
        assert {row["origin"] for row in rows(tmp_path)} == {"camera"}
        assert open_camera.undo(key) == "shoes"
        assert open_camera.counts() == {"Hat": 1}
        assert list(agree(tmp_path)) == [name for name in names if name.startswith("Hat/")]
        assert not (tmp_path / "shoes").exists()  # made for a class that was named by mistake
        for wrong in (key, "", "shoes"):
            with pytest.raises(clothes.PhotoError, match="taken back already"):
                open_camera.undo(wrong)
        assert open_camera.keep("shoes", jpeg(smooth(1), 90))  # and again
    assert len(agree(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Hat", "shoes", "sources.csv"]


def test_undo_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    make_photos(tmp_path, each=1, shapes=("bar",))
    before = below(tmp_path)
    (tmp_path / "empty").mkdir()
    with Camera(tmp_path) as open_camera:
        assert open_camera.keep("bar", before["bar/000.png"]) == ""  # there already: no key takes it back
        first, second = open_camera.keep("bar", photo(1)), open_camera.keep("bar", photo(2))
        (turned,) = tmp_path.glob(f"bar/{hashlib.sha256(photo(2)).hexdigest()[:16]}*")
        turned.write_bytes(photo(3))
        with pytest.raises(clothes.PhotoError, match="was changed since, and stays"):
            open_camera.undo(second)
        open_camera.undo(first)
        open_camera.undo(open_camera.keep("empty", photo(4)))
        turned.unlink()
        open_camera.undo(second)  # it was removed by hand: its row goes
        assert open_camera.counts() == {"bar": 1}
    assert (tmp_path / "empty").is_dir()
    assert {name: data for name, data in below(tmp_path).items() if name != "sources.csv"} == before
    assert rows(tmp_path) == []


@pytest.mark.parametrize("label", ["", "a/b", "..", "test", "CON", "x" * 101])
def test_a_class_that_cannot_be_one_is_said_in_words(tmp_path: Path, label: str) -> None:
    with Camera(tmp_path) as open_camera, pytest.raises(clothes.PhotosError, match="No class can be called"):
        open_camera.keep(label, photo(0))
    assert list(below(tmp_path)) == ["sources.csv"]


def test_look_alikes_of_test_photos_are_refused_also_when_the_split_is_newer(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    for i in range(10):
        (tmp_path / "hat" / f"{i}.jpg").write_bytes(jpeg(smooth(i), 95))
    with Camera(tmp_path) as open_camera:
        key = open_camera.keep("hat", jpeg(smooth(20), 90))
        split = clothes.split(tmp_path)
        split.write(tmp_path / "split.csv")
        tested = Path(split.part("test")[0].photo)
        like = jpeg(smooth(int(tested.stem) if tested.stem.isdigit() else 20), 40)
        with pytest.raises(clothes.PhotoError, match=f"looks like {tested.as_posix()}, a photo of the test part"):
            open_camera.keep("hat", like)
        open_camera.undo(key)  # of before the store was opened anew
        assert open_camera.counts() == {"hat": 10}
    assert len(below(tmp_path / "hat")) == 10


def test_many_browsers_at_once_tear_nothing(tmp_path: Path) -> None:
    with Camera(tmp_path) as open_camera:

        def person(number: int) -> None:
            for i in range(6):
                key = open_camera.keep(f"class {number % 2}", photo(10 * number + i))
                if i % 3 == 2:
                    open_camera.undo(key)

        with ThreadPoolExecutor(6) as people:
            list(people.map(person, range(6)))
        assert open_camera.counts() == {"class 0": 12, "class 1": 12}
        assert len(agree(tmp_path)) == 24
    assert len(agree(tmp_path)) == 24


def test_photos_are_for_one_command_at_a_time(tmp_path: Path) -> None:
    with Camera(tmp_path), pytest.raises(clothes.PhotosError, match="Another `clothes collect`"):
        Store(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_kill_at_any_moment_of_an_undo_is_settled(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_collecting", str(tmp_path), "undo"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] > 20
    assert counts["settled"] > 0


# --- the page's server ---


@contextmanager
def served(root: Path, **more: Any) -> Iterator[str]:
    with Camera(root) as open_camera:
        page = camera_page.build_page(open_camera)
        port = server._free_port("127.0.0.1", 0)
        more = {"server_name": "127.0.0.1", "server_port": port, "quiet": True, "prevent_thread_lock": True} | more
        _, url, _ = page.launch(**more)
        try:
            yield url
        finally:
            page.close()


def ask(client: httpx.Client, function: str, data: Any, **headers: str) -> httpx.Response:
    """Calls a function of the page as its script does."""
    parts = client.get("config").json().get("components", [])
    number = next((part["id"] for part in parts if part["props"].get("server_fns")), 0)
    body = {"data": data, "fn_name": function, "component_id": number, "session_hash": "some"}
    return client.post("gradio_api/component_server", json=body, headers=headers)


def address(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_what_the_page_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = sorted(below(server.PAGE_FOLDER)) if server.PAGE_FOLDER.exists() else []
    with served(tmp_path) as url, httpx.Client(base_url=url) as client:
        kept = ask(client, "keep", [" hat ", address(photo(0))]).json()
        assert (kept["said"], kept["counts"]) == ("Stored as hat.", {"hat": 1})
        again = ask(client, "keep", ["hat", address(photo(0))]).json()
        assert again == {"key": "", "said": "This photo is there already, as hat.", "counts": {"hat": 1}}
        other = ask(client, "keep", ["shoes", address(photo(0))]).json()
        assert other["problem"].startswith("Not stored: it is there already, but not as shoes: hat/")
        bad = ask(client, "keep", ["a/b", address(photo(1))]).json()
        assert bad["problem"].startswith("No class can be called 'a/b': it holds /")
        page = ask(client, "keep", ["hat", address(b"<html>")]).json()
        assert page["problem"] == "Not stored: this is not a picture of a known format."
        monkeypatch.setattr(camera_page, "MOST_MEGABYTES", 0)
        assert "more than 0 MB" in ask(client, "keep", ["hat", address(photo(2))]).json()["problem"]
        undone = ask(client, "undo", kept["key"]).json()
        assert undone == {"said": "Taken back from hat.", "counts": {}}
        twice = ask(client, "undo", kept["key"]).json()
        assert twice == {"problem": "Not taken back: it was taken back already.", "counts": {}}
    assert agree(tmp_path) == {}
    assert sorted(below(server.PAGE_FOLDER)) == left  # photos make no files on their way


def test_other_websites_cannot_store_photos(tmp_path: Path) -> None:
    with served(tmp_path) as url, httpx.Client(base_url=url) as client:
        for origin in ("https://elsewhere.test", "null"):
            refused = ask(client, "keep", ["hat", address(photo(0))], origin=origin)
            assert (refused.status_code, refused.json()["detail"]) == (403, "Another website may not use this page.")
        assert agree(tmp_path) == {}
        assert ask(client, "keep", ["hat", address(photo(0))], origin=url.rstrip("/")).json()["key"]


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    with served(tmp_path, auth=("me", "secret")) as url, httpx.Client(base_url=url) as client:
        for function, data in (("keep", ["hat", address(photo(0))]), ("look", None), ("undo", "")):
            assert ask(client, function, data).status_code == 401
        assert client.post("login", data={"username": "me", "password": "wrong"}).status_code == 400
        assert agree(tmp_path) == {}
        assert client.post("login", data={"username": "me", "password": "secret"}).status_code == 200
        assert ask(client, "keep", ["hat", address(photo(0))]).json()["key"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "nonsense.invalid"])
def test_the_network_needs_a_password(tmp_path: Path, host: str) -> None:
    with pytest.raises(clothes.ClothesError, match="--auth USER:PASSWORD"):
        camera_page.launch(tmp_path, host=host)
    assert list(tmp_path.iterdir()) == []


def test_the_command_from_start_to_ctrl_c(tmp_path: Path) -> None:
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
            ask(client, "keep", ["hat", address(photo(0))])
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=100)
    finally:
        running.kill()
    assert (running.returncode, told) == (0, "Next:  clothes check photos\n")
    assert len(agree(tmp_path / "photos")) == 1
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["hat", "sources.csv"]


def test_the_command_refuses_the_network_and_half_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from clothes.cli.main import main

    monkeypatch.chdir(tmp_path)
    for more, status in (
        (["--host", "0.0.0.0"], 1),
        (["--ssl-certfile", "c.pem"], 2),
        (["--ssl-certfile", "c.pem", "--ssl-keyfile", "k.pem"], 1),
        (["--auth", "me"], 2),
    ):
        monkeypatch.setattr(sys, "argv", ["clothes", "collect", "camera", "--into", "photos", "--port", "0", *more])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == status, more
        assert "Traceback" not in capsys.readouterr().err
