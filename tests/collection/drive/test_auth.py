"""Signing in to Google."""

import json
import stat
import threading
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from clothes.collection.drive import auth, sync
from clothes.collection.drive.auth import sign_in
from clothes.collection.drive.client import Drive
from clothes.errors import DriveError
from clothes.system.user_folders import config_folder
from tests.support.drive import PHOTOS, counts, put
from tests.support.drive_server import DriveServer


def browse(url: str) -> None:
    """Follows Google's page as a browser would, while the command waits for it."""
    threading.Thread(target=lambda: urllib.request.urlopen(url).read(), daemon=True).start()


def never(url: str) -> None:
    raise AssertionError(url)


def test_a_person_signs_in_once(server: DriveServer, oauth_client: Path, tmp_path: Path) -> None:
    with pytest.raises(DriveError, match=r"no sign-in to Google for this yet\. Sign in with --client"):
        sign_in("drive.file", show=never)
    credentials = sign_in("drive.file", client=oauth_client, show=browse)
    assert server.asked("consent") == ["https://www.googleapis.com/auth/drive.file"]  # nothing more
    (token,) = config_folder().iterdir()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700
    assert counts(sync.push(put(tmp_path / "photos", PHOTOS), "p", Drive(credentials))) == (10, 0, 0, 0)
    for file in (None, oauth_client):
        Drive(sign_in("drive.file", client=file, show=never)).folder("p")
    sign_in("drive.readonly", client=oauth_client, show=browse)  # another permission needs another sign-in
    assert server.asked("consent")[1:] == ["https://www.googleapis.com/auth/drive.readonly"]


def test_an_old_token_is_renewed_and_a_withdrawn_one_is_an_error(server: DriveServer, oauth_client: Path) -> None:
    sign_in("drive.file", client=oauth_client, show=browse)
    path = config_folder() / "token-drive.file.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"expiry": "2026-01-01T00:00:00Z"}))
    server.tokens = set()
    Drive(sign_in("drive.file", show=never)).folder("p")
    assert server.asked("token") == ["authorization_code", "refresh_token"]
    assert json.loads(path.read_text())["token"] != stored["token"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.tokens = set()  # the token looks valid but is refused
    Drive(sign_in("drive.file", show=never)).folder("p")
    path.write_text(json.dumps(stored | {"expiry": "2026-01-01T00:00:00Z"}))
    server.refresh_tokens.clear()
    with pytest.raises(DriveError, match=r"no longer takes the sign-in: .*revoked.*--client"):
        sign_in("drive.file", show=never)
    sign_in("drive.file", client=oauth_client, show=browse)
    server.tokens, server.refresh_tokens = set(), set()
    with pytest.raises(DriveError, match=r"does not take the sign-in: .*revoked"):
        Drive(sign_in("drive.file", show=never)).folder("p")
    path.write_text("{")
    with pytest.raises(DriveError, match="no sign-in to Google"):
        sign_in("drive.file", show=never)


def test_a_failed_sign_in_says_why(
    server: DriveServer, oauth_client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults["consent"] = ["deny"]
    with pytest.raises(DriveError, match=r"did not sign in: .*access_denied"):
        sign_in("drive.file", client=oauth_client, show=browse)
    monkeypatch.setattr(auth, "_PATIENCE", 0.05)
    with pytest.raises(DriveError, match="Nobody signed in"):
        sign_in("drive.file", client=oauth_client, show=lambda url: None)
    for text, message in {
        "{": "cannot be read",
        '{"web": {}}': "Desktop app",
        '{"installed": {}}': "not complete",
    }.items():
        oauth_client.write_text(text)
        with pytest.raises(DriveError, match=message):
            sign_in("drive.file", client=oauth_client, show=never)
    assert not list(tmp_path.glob("config/token*"))
