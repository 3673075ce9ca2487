"""A quick model learns what visitors corrected, by the commands alone."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import clothes
from tests.support.commands import run_command
from tests.support.page_client import PageClient
from tests.support.pictures import draw, encode, make_photos
from tests.support.quick import OLD
from tests.support.served_page import call_function

pytest.importorskip("gradio", reason="the page needs the extra 'serve'")


@contextmanager
def serving(*words: object) -> Iterator[str]:
    """The address of the page of a command, which is ended as by Ctrl-C."""
    command = [sys.executable, "-m", "clothes", *map(str, words), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            yield running.stdout.readline().split()[5]
            running.send_signal(signal.SIGINT)
            assert running.wait(timeout=60) == 0
        finally:
            running.kill()


@pytest.mark.slow
def test_a_correction_is_trained_on(tmp_path: Path) -> None:
    photos, inbox = make_photos(tmp_path / "photos", each=10), tmp_path / "inbox"
    sent = encode(draw("frame", 77), "PNG")
    training = ("train", photos, "--model", "quick", "--trunk", OLD, "--out")
    assert run_command(*training, tmp_path / "before").status == 0
    with serving("serve", "--model", tmp_path / "before", "--collect-corrections", inbox) as url, PageClient(url) as me:
        given = me.upload(sent, "sent.png")
        send = next(event for event in me.http.get("config").json()["dependencies"] if len(event["inputs"]) == 2)
        assert "Thank you" in str(me.join(send["id"], given, "frame")["data"])
    with serving("corrections", "review", inbox, "--into", photos) as url, httpx.Client(base_url=url) as me:
        (waiting,) = call_function(me, "look", None).json()["waiting"]
        decided = call_function(me, "decide", [waiting["name"], True]).json()
        assert decided["left"] == 0, decided
    assert run_command("split", photos).status == 0
    assert run_command(*training, tmp_path / "after").status == 0
    before, after = (clothes.Run.open(tmp_path / name) for name in ("before", "after"))
    (new,) = set(after.split.rows) - set(before.split.rows)
    assert (new.label, new.part) == ("frame", "train") and (photos / new.photo).read_bytes() == sent
    assert after.bundle.info["photos"]["train"] == before.bundle.info["photos"]["train"] + 1
