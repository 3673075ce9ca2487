"""The environment names the folders of the user; otherwise the platform does."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clothes.errors import ClothesError
from clothes.system.user_folders import cache_folder, config_folder

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="other platforms have other folders"),
    pytest.mark.parametrize(
        ("folder", "variable", "xdg", "below_home"),
        [
            (cache_folder, "CLOTHES_CACHE", "XDG_CACHE_HOME", ".cache"),
            (config_folder, "CLOTHES_CONFIG", "XDG_CONFIG_HOME", ".config"),
        ],
    ),
]


def test_the_nearest_variable_names_the_folder(
    folder: Callable[[], Path], variable: str, xdg: str, below_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/her")
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv(xdg, raising=False)
    assert folder() == Path("/home/her") / below_home / "clothes"
    monkeypatch.setenv(xdg, "/xdg")
    assert folder() == Path("/xdg/clothes")
    monkeypatch.setenv(variable, "/here")
    assert folder() == Path("/here")


def test_no_home_is_an_error_with_advice(
    folder: Callable[[], Path], variable: str, xdg: str, below_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", variable, xdg):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(ClothesError, match=rf"no home folder.*{variable}"):
        folder()
