"""Fixtures for the tests of the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clothes.web.corrections import Inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    """An empty inbox for corrections."""
    with Inbox(tmp_path / "inbox") as opened:
        yield opened
