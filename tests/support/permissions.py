"""Folders of a test that another user of this machine may enter."""

import tempfile
from pathlib import Path


def let_others_enter(folder: Path) -> None:
    """Let every user read and enter `folder` and its parents below the system's temporary folder."""
    shared = Path(tempfile.gettempdir())
    for entered in (folder, *folder.parents):
        if entered == shared or not entered.is_relative_to(shared):
            return
        entered.chmod(0o755)
