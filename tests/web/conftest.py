"""Fixtures for the tests of the pages."""

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
