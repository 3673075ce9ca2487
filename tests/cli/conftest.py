"""Fixtures for the tests of the commands."""

import json
import shutil
from pathlib import Path

import pytest

import clothes
from tests.support.drive import certificate, key, server  # noqa: F401 - fixtures of test_drive.py
from tests.support.pictures import draw


@pytest.fixture(scope="session")
def _folder_of_commands(tmp_path_factory: pytest.TempPathFactory, run: clothes.Run) -> Path:
    root = tmp_path_factory.mktemp("commands")
    shutil.copytree(run.path.parent / "photos", root / "photos")
    shutil.copytree(run.path, root / "runs" / "small")
    info = json.loads((root / "runs" / "small" / "run.json").read_text())
    (root / "runs" / "small" / "run.json").write_text(json.dumps(info | {"photos": "../../photos"}))
    draw("bar", 1).save(root / "bar.png")
    draw("square", 2).save(root / "[odd] name.png")
    (root / "page.jpg").write_text("<html>")
    (root / "empty").mkdir()
    (root / "all.ZIP").touch()
    return root


@pytest.fixture
def place(_folder_of_commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos, a trained run in runs/small and some single files."""
    monkeypatch.chdir(_folder_of_commands)
    return _folder_of_commands
