"""Folders of results that are named by the time when the work began."""

from datetime import datetime
from pathlib import Path

from clothes.errors import RunError


def stamp() -> str:
    """Returns a name for a new folder of results: <date>-<time>."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def claim_folder(wanted: Path) -> Path:
    """Creates and returns this folder, or the first one with -2, -3 and so on that is not there yet.

    Processes that want the same folder get one each. Raises RunError if none can be created.
    """
    folder, number = wanted, 1
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
                folder = wanted.with_name(f"{wanted.name}-{number}")
    except OSError as error:
        raise RunError(f"The folder {folder} cannot be made: {error.strerror}. Give another by --out.") from None
