"""The project that the studio's page shows, the other ones, and folders of this computer."""

import os
import re
from pathlib import Path
from typing import Any

from clothes.errors import ClothesError, ConfigError
from clothes.photos.class_names import class_name
from clothes.studio import jobs
from clothes.studio.known_projects import known_projects, remember
from clothes.web.studio_answers import Given, Studio

_CLOSED = (
    "This page is open to the network: folders of the computer are chosen on the computer itself. Nothing was changed. "
    "Start the studio there for that computer alone, and open its page."
)


class Desk:
    """The open project. Each question is answered by the project that is open when it comes."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        remember(studio.project)

    def projects(self, _: Given) -> dict[str, Any]:
        root = self.studio.project.root
        others = [path for path in known_projects() if path != root]
        return {"projects": [{"name": path.name, "folder": str(path)} for path in others], "beside": str(root.parent)}

    def project(self, given: Given) -> dict[str, Any]:
        """Opens a project or a folder of photos, makes a project beside the open one, or copies photos of a folder."""
        match given:
            case {"do": "open", "folder": str(folder)}:
                self._open(_existing(folder))
            case {"do": "new", "name": str(name)}:
                made = self.studio.project.root.parent / class_name(name)
                if made.exists():
                    raise ConfigError(f"There is {made} already. Open it, or give the new project another name.")
                self._open(made)
            case {"do": "copy", "folder": str(folder), "label": str(label)}:
                jobs.start(self.studio.project, "add", folder=str(_existing(folder)), label=label)
            case _:
                raise ConfigError("The studio knows no such answer about projects. Reload the page.")
        return {"message": ""}

    def _open(self, folder: Path) -> None:
        self.studio = self.studio.other(folder)
        remember(self.studio.project)


def refuse_others(_: Given) -> dict[str, Any]:
    """The answer to what is for the computer itself."""
    raise ClothesError(_CLOSED)


def _existing(text: str) -> Path:
    """Returns the folder of a path as people copy it: in quotation marks, or with ~ for the home folder."""
    path = Path(os.path.expanduser(re.sub(r"""^(["'])(.*)\1$""", r"\2", text.strip())))  # noqa: PTH111 - never raises
    if not path.is_absolute() or not path.is_dir():
        raise ConfigError(
            f"There is no folder {text.strip()[:200] or '(no path)'} on this computer. Copy its whole path from the "
            "file manager's address line."
        )
    return path
