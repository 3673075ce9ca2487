"""A clock that stands still until a test moves it."""

from types import ModuleType

import pytest


class Clock:
    """`time.monotonic` of a module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
