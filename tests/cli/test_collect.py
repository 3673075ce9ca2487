"""`clothes collect` as a person types it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clothes.cli.main import main
from tests.cli.test_main import clothes_command
from tests.collection.test_openverse import Openverse
from tests.support.photo_folders import rows
from tests.support.pictures import draw, encode, make_photos
from tests.support.web_server import OUTSIDE, Server, drip, reply, running


def test_a_folder_and_what_comes_next(tmp_path: Path) -> None:
    make_photos(tmp_path / "mine", each=3)
    for i in range(12):
        (tmp_path / "mine" / "bar" / f"page-{i:02}.jpg").write_bytes(b"<html>")
    done = clothes_command("collect", "folder", "mine", "--into", "my photos", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["class", "new", "already", "there"]
    assert [line.split() for line in lines[1:5]] == [[name, "3", "0"] for name in ("bar", "frame", "square")] + [
        ["all", "9", "0"]
    ]
    assert lines[6] == "12 refused:"
    assert lines[7] == "    bar/page-00.jpg: this is not a picture of a known format"
    assert lines[-1] == "    ... and 2 more: --json lists all"
    assert done.stderr == "Next:  clothes check 'my photos'\n"
    data = json.loads(
        clothes_command("collect", "folder", "mine", "--into", "my photos", "--json", cwd=tmp_path).stdout
    )
    assert (data["new"], data["already"]) == ({}, {"bar": 3, "frame": 3, "square": 3})
    assert len(data["refused"]) == 12
    assert set(data["refused"][0]) == {"path", "reason"}
    assert json.loads(clothes_command("check", "my photos", "--json", cwd=tmp_path).stdout)["odd_files"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("folder none", "Error: There is no folder none. Check the path.\n"),
        ("folder list.txt", "Error: list.txt cannot be read as a zip file"),
        ("folder . --class ../x", "Error: No class can be called '../x'"),
        ("urls list.txt --class CON", "Error: No class can be called 'CON'"),
        ("urls odd.txt --class hat", "Error: odd.txt is not text in UTF-8."),
        ("urls none.txt --class hat", "Error: none.txt: No such file"),
        ("web hats --class hat --api ftp://x/", "Error: Openverse cannot be searched: this is no web address"),
        ("urls list.txt --class hat", ""),  # nothing came, which the table says
    ],
)
def test_errors_are_sentences(
    tmp_path: Path,
    arguments: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("http://127.0.0.1:9/a.jpg\n")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\xff")
    monkeypatch.setattr(sys, "argv", ["clothes", "collect", *arguments.split(), "--into", "photos"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert message in told.err
    if not message:
        assert "which belongs to this machine: refused (--allow-private lets it in)" in told.out


def test_addresses_from_stdin_and_a_search(tmp_path: Path) -> None:
    with running(Openverse(25)) as server:
        here = f"http://{OUTSIDE}:{server.server_port}/"
        server.url = lambda path, host="": here + path  # type: ignore[method-assign]
        into = ("--class", "jacket", "--into", "photos", "--allow-private")
        done = clothes_command("collect", "urls", "-", *into, cwd=tmp_path, stdin=f"{here}0.png\n\n{here}none.png\n")
        assert done.returncode == 0, done.stderr
        assert "none.png: the server answered 404 Not Found" in done.stdout
        search = ("collect", "web", "denim jacket", "--count", 50, "--api", f"{here}v1/", *into)
        done = clothes_command(*search, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].split() == ["all", "24", "1"]
        assert len(rows(tmp_path / "photos")) == 25
        assert "Openverse has no more: 25 of 50." in done.stderr


def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with running(Server()) as server:
        here = f"http://{OUTSIDE}:{server.server_port}/"
        server.answers["hang.png"] = drip(b"", b"")
        server.answers["good.png"] = reply(encode(draw("bar", 0, size=(220, 240)), "PNG"))
        (tmp_path / "list.txt").write_text(f"{here}good.png\n{here}hang.png\n")
        command = ("collect", "urls", "list.txt", "--class", "hat", "--into", "photos", "--allow-private")
        running_command = subprocess.Popen(
            [sys.executable, "-m", "clothes", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        deadline = time.monotonic() + 200
        while not list(tmp_path.glob("photos/hat/*.png")) and time.monotonic() < deadline:
            time.sleep(0.05)
        running_command.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, told = running_command.communicate(timeout=100)
        assert time.monotonic() - started < 12
        assert (running_command.returncode, told) == (130, "Stopped.\n")
        assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["hat", "sources.csv"]
        assert len(rows(tmp_path / "photos")) == 1
        server.answers["hang.png"] = reply(encode(draw("bar", 1, size=(220, 240)), "PNG"))
        done = clothes_command(*command, cwd=tmp_path)
        assert done.stdout.splitlines()[-1].split() == ["all", "1", "1"]
        assert server.asked["good.png"] == 1
