"""`clothes drive push` and `pull`."""

import json
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from google.auth.credentials import AnonymousCredentials

from clothes.collection.drive import auth
from clothes.collection.drive.auth import service_credentials
from clothes.errors import DriveError
from clothes.system.user_folders import config_folder
from tests.support.commands import run_command
from tests.support.drive import PHOTOS, content, put
from tests.support.drive_server import BLOCK, DriveServer
from tests.support.photo_folders import below

ANYBODY = "auth.sign_in = lambda *a, **k: AnonymousCredentials()"


def command(server: DriveServer, *arguments: object, before: str = "") -> subprocess.Popen[str]:
    """Starts the command in a process whose Drive is the server."""
    code = (
        "import sys, clothes.collection.drive.client as store, clothes.collection.drive.auth as auth\n"
        "from google.auth.credentials import AnonymousCredentials\n"
        f"store.ENDPOINT, store.CHUNK, store.WAIT = {server.endpoint!r}, {BLOCK}, 0.001\n"
        f"{before}\n"
        "from clothes.cli.main import main\n"
        "main()"
    )
    arguments = ("drive", *map(str, arguments))
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=-1, stderr=-1, text=True)  # type: ignore[list-item]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_push_continues_where_it_stopped(server: DriveServer, tmp_path: Path, how: signal.Signals) -> None:
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


@pytest.mark.slow
def test_a_killed_pull_continues_where_it_stopped(server: DriveServer, tmp_path: Path) -> None:
    data = content(1, 8 * BLOCK)
    server.add("large.jpg", server.add("hat", server.add("p", server.root)), data)
    target = tmp_path / "copy"
    process = command(server, "pull", "p", target, before=ANYBODY)
    while len(server.asked("media")) < 5 and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert not list(target.rglob("*.jpg"))  # an unfinished photo never has its name
    server.log.clear()
    process = command(server, "pull", "p", target, before=ANYBODY)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert re.search(r"fetched +1 file, 2\.1 MB", out)
    assert int(server.asked("media")[0][6:].split("-")[0]) >= 3 * BLOCK
    assert below(target) == {"hat/large.jpg": data}
    assert not (target / ".drive-parts").exists()


def test_a_service_account_signs_in_with_its_key(server: DriveServer, key: Path, tmp_path: Path) -> None:
    team = server.add("Team", None, shared=True)
    shown = run_command("drive", "push", put(tmp_path / "photos", PHOTOS), team, "--service-account", key)
    assert (shown.status, shown.err) == (0, "")
    assert re.search(
        r"sent +10 files, 0\.0 MB\nthere already +0\nskipped +0\nfailed +0\nin Drive +https://d", shown.out
    )
    assert set(server.asked("consent")) == {"https://www.googleapis.com/auth/drive"}
    assert not config_folder().exists() or not list(config_folder().glob("token*"))
    key.write_text("{}")
    with pytest.raises(DriveError, match=r"is not the key of a service account: .*[^.]\. docs/drive"):
        service_credentials("drive", key)


def test_skipped_files_are_listed_and_failed_ones_set_the_status(
    server: DriveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "sign_in", lambda *given, **more: AnonymousCredentials())
    photos = put(tmp_path / "photos", PHOTOS | {"hat/notes.txt": b"x", "hat/a:b.jpg": b"1"})
    server.faults["start"] = [""] * 10 + [(403, "x")]
    shown = run_command("drive", "push", photos, "p")
    assert shown.status == 1
    assert "sent           10 files" in shown.out
    assert "Skipped hat/notes.txt: not a photo by its name" in shown.err
    assert "Drive refuses it" in shown.err and "Traceback" not in shown.err
    shown = run_command("drive", "push", photos, "p", "--json")
    report = json.loads(shown.out)
    assert (shown.status, list(report)) == (0, ["link", "moved", "same", "skipped", "failed"])
    assert len(report["moved"]) == 1
    assert run_command("drive", "push", photos, "p", "--dry-run").out.startswith("to send        0 files")
    shown = run_command("drive", "pull", "none", tmp_path / "copy")
    assert (shown.status, shown.out) == (1, "") and shown.err.startswith("Error: There is no folder none in My Drive")
    assert run_command("drive", "push", photos, "p", "--client", "a", "--service-account", "b").status == 2
