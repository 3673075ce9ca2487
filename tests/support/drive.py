"""Fixtures and photos for the tests of Google Drive: Google's client library against a server on this machine.

Imports the optional packages in the fixtures, so that a conftest can import this file without them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from clothes.collection.drive.client import Drive
    from clothes.collection.drive.sync import TransferReport
    from tests.support.drive_server import DriveServer


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.drive_server import make_certificate

    path = tmp_path_factory.mktemp("server") / "certificate.pem"
    make_certificate(path)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path) -> Iterator["DriveServer"]:
    import httplib2

    from clothes.collection.drive import client
    from tests.support.drive_server import BLOCK, running

    monkeypatch.setenv("CLOTHES_CONFIG", str(tmp_path / "config"))
    for name in ("HTTPLIB2_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    monkeypatch.setattr(httplib2, "CA_CERTS", str(certificate))  # it was read when httplib2 was imported
    with running(certificate) as server:
        monkeypatch.setattr(client, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(client, "WAIT", 0.001)
        monkeypatch.setattr(client, "CHUNK", BLOCK)
        yield server


@pytest.fixture
def drive(server: "DriveServer") -> "Drive":
    from google.auth.credentials import AnonymousCredentials

    from clothes.collection.drive.client import Drive

    return Drive(AnonymousCredentials())


@pytest.fixture
def oauth_client(server: "DriveServer", tmp_path: Path) -> Path:
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


@pytest.fixture
def key(server: "DriveServer", tmp_path: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests.support.drive_server import private_pem

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


def content(seed: int, size: int = 2000) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def put(root: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def counts(report: "TransferReport") -> tuple[int, int, int, int]:
    return len(report.moved), report.same, len(report.skipped), len(report.failed)


PHOTOS = {f"{label}/{i}.jpg": content(100 * len(label) + i) for label in ("hat", "shirt") for i in range(5)}
