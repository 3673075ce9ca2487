"""Folders of the user for what clothes keeps between runs, where the platform expects them."""

import os
from pathlib import Path
from typing import Literal

from clothes.errors import ClothesError


def cache_folder() -> Path:
    """Returns the folder for what can be made again: `$CLOTHES_CACHE`, else the platform's (`~/.cache/clothes`)."""
    return _folder("cache", "CLOTHES_CACHE")


def config_folder() -> Path:
    """Returns the folder for sign-ins: `$CLOTHES_CONFIG`, else the platform's (`~/.config/clothes`)."""
    return _folder("config", "CLOTHES_CONFIG")


def _folder(kind: Literal["cache", "config"], variable: str) -> Path:
    if named := os.environ.get(variable):
        return Path(named)
    import platformdirs  # late: it is seldom needed

    try:
        folders = platformdirs.PlatformDirs("clothes", appauthor=False)
        return folders.user_cache_path if kind == "cache" else folders.user_config_path
    except RuntimeError:
        raise ClothesError(
            f"There is no home folder for the {kind} of clothes. Name a folder by the environment variable {variable}."
        ) from None
