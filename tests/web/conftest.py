"""Fixtures for the tests of the pages."""

import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("gradio") is None:  # the pages need the extra 'serve'
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Any]:
    """An empty inbox for corrections."""
    from clothes.web.corrections import Inbox

    with Inbox(tmp_path / "inbox") as opened:
        yield opened


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    return certificate, key
