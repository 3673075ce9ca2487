"""The fixture of the tests that evaluate a run."""

import shutil
from pathlib import Path

import pytest

import clothes


@pytest.fixture
def copy(run: clothes.Run, tmp_path: Path) -> clothes.Run:
    """A copy of the trained run with its photos beside it, not evaluated yet."""
    shutil.copytree(run.path.parent, tmp_path / "copy")
    (tmp_path / "copy" / "run" / "evaluation.json").unlink(missing_ok=True)
    return clothes.Run.open(tmp_path / "copy" / "run")
