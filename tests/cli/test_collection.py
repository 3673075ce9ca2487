"""`clothes collect`."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from clothes.collection.collect import collect_web
from tests.support.commands import run_command
from tests.support.openverse_server import Openverse
from tests.support.photo_folders import rows
from tests.support.pictures import draw, encode, make_photos
from tests.support.web_server import OUTSIDE, Server, drip, reply, running

LIMIT = 200  # seconds: generous, for a busy machine


def test_folder_prints_counts_refusals_and_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "mine", each=3)
    for i in range(12):
        (tmp_path / "mine" / "bar" / f"page-{i:02}.jpg").write_bytes(b"<html>")
    shown = run_command("collect", "folder", "mine", "--into", "my photos")
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].split() == ["class", "new", "already", "there"]
    assert [line.split() for line in lines[1:5]] == [[name, "3", "0"] for name in ("bar", "frame", "square")] + [
        ["all", "9", "0"]
    ]
    assert lines[6] == "12 refused:"
    assert lines[7] == "    bar/page-00.jpg: this is not a picture of a known format"
    assert lines[-1] == "    ... and 2 more: --json lists all"
    assert shown.err == "Next:  clothes check 'my photos'\n"
    data = json.loads(run_command("collect", "folder", "mine", "--into", "my photos", "--json").out)
    assert (data["new"], data["already"]) == ({}, {"bar": 3, "frame": 3, "square": 3})
    assert len(data["refused"]) == 12
    assert set(data["refused"][0]) == {"path", "reason"}
    assert json.loads(run_command("check", "my photos", "--json").out)["odd_files"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("folder none", "Error: There is no folder none. Check the path.\n"),
        ("folder list.txt", "Error: list.txt cannot be read as a zip file"),
        ("folder hat.HEIC", "Error: hat.HEIC is a photo. Name the folder that it lies in, or a zip file.\n"),
        ("folder bare --class hat", "Error: No photo below bare; it holds nothing. Check the path.\n"),
        ("folder . --class ../x", "Error: No class can be called '../x'"),
        ("urls list.txt --class CON", "Error: No class can be called 'CON'"),
        ("urls odd.txt --class hat", "Error: odd.txt is no list: it is not text in UTF-8 or UTF-16"),
        ("urls none.txt --class hat", "Error: none.txt: No such file"),
        ("web hats --class hat", "Error: Openverse cannot be searched: this is no web address"),
        ("urls list.txt --class hat", ""),  # no photo came: the table says why
        ("urls empty.txt --class hat", "No photo was found there, and nothing else. Check what you named.\n"),
        ("folder empty.zip --class hat", "No photo was found there, and nothing else. Check what you named.\n"),
    ],
)
def test_errors_are_sentences(tmp_path: Path, words: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(collect_web.__kwdefaults__, "api", "ftp://x/")
    (tmp_path / "list.txt").write_text("http://127.0.0.1:9/a.jpg\n")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfeb")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "hat.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "bare").mkdir()
    ZipFile(tmp_path / "empty.zip", "w").close()
    shown = run_command("collect", *words.split(), "--into", "photos")
    assert shown.status == 1
    assert message in shown.err
    if not message:
        assert "127.0.0.1 belongs to this machine: refused (--allow-private allows it)" in shown.out


def test_addresses_from_stdin_and_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running(Openverse(25)) as server:
        here = f"http://{OUTSIDE}:{server.server_port}/"
        server.url = lambda path, host="": here + path  # type: ignore[method-assign]
        monkeypatch.setitem(collect_web.__kwdefaults__, "api", f"{here}v1/")
        into = ("--class", "jacket", "--into", "photos", "--allow-private")
        shown = run_command("collect", "urls", "-", *into, stdin=f"{here}0.png\n\n{here}none.png\n")
        assert shown.status == 0, shown.err
        assert "none.png: the server answered 404 Not Found" in shown.out
        shown = run_command("collect", "web", "denim jacket", "--count", 50, *into)
        assert shown.status == 0, shown.err
        assert shown.out.splitlines()[-1].split() == ["all", "24", "1"]
        assert len(rows(tmp_path / "photos")) == 25
        assert "Openverse has no more: 25 of 50." in shown.err


def test_ctrl_c_stops_it_and_the_same_command_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running(Server()) as server:
        here = f"http://{OUTSIDE}:{server.server_port}/"
        server.answers["hang.png"] = drip(b"", b"")
        server.answers["good.png"] = reply(encode(draw("bar", 0, size=(220, 240)), "PNG"))
        (tmp_path / "list.txt").write_text(f"{here}good.png\n{here}hang.png\n")
        command = ("collect", "urls", "list.txt", "--class", "hat", "--into", "photos", "--allow-private")
        process = subprocess.Popen([sys.executable, "-m", "clothes", *command], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + LIMIT
        while not list(tmp_path.glob("photos/hat/*.png")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)  # less than the server takes to end its answer
        assert (process.returncode, errors) == (130, "Stopped.\n")
        assert sorted(path.name for path in Path("photos").iterdir()) == ["hat", "sources.csv"]
        assert len(rows(tmp_path / "photos")) == 1
        server.answers["hang.png"] = reply(encode(draw("bar", 1, size=(220, 240)), "PNG"))
        shown = run_command(*command)
        assert shown.out.splitlines()[-1].split() == ["all", "1", "1"]
        assert server.asked["good.png"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("source", ["-", "list.txt"])
def test_lists_of_addresses_come_from_any_system(
    encoding: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = '"http://127.0.0.1:9/a.jpg"\r\n\r\nhttp://127.0.0.1:9/b.jpg\r\n'.encode(encoding)
    (tmp_path / "list.txt").write_bytes(data)
    shown = run_command("collect", "urls", source, "--class", "hat", "--into", "photos", "--json", stdin=data)
    assert [item["path"] for item in json.loads(shown.out)["refused"]] == [
        f"http://127.0.0.1:9/{name}.jpg" for name in "ab"
    ]
