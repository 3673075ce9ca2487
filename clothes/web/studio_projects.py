"""The project that the studio's page shows, the other ones, and folders of this computer."""

import os
import re
import unicodedata
from pathlib import Path
from typing import Any

from clothes.errors import ClothesError, ConfigError
from clothes.photos.class_names import why_no_name
from clothes.studio import jobs
from clothes.studio.known_projects import known_projects, remember
from clothes.web.studio_answers import Given, Studio

_LONGEST = 100  # bytes of the name of a project
_CLOSED = (
    "This page is open to the network: folders of the computer are chosen on the computer itself. Nothing was changed. "
    "Start the studio there for that computer alone, and open its page."
)


class Desk:
    """The open project, which answers each question, unless the page that asks shows another one."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        remember(studio.project)

    def projects(self, _: Given) -> dict[str, Any]:
        root = self.studio.project.root
        others = [path for path in known_projects() if path != root]
        return {"projects": [{"name": path.name, "folder": str(path)} for path in others], "beside": str(root.parent)}

    def project(self, given: Given) -> dict[str, Any]:
        """Opens a project or a folder of photos, makes a project beside the open one, or copies photos of a folder."""
        studio = self.shown(given)
        match given:
            case {"do": "open", "folder": str(folder)}:
                self._open(_existing(folder))
            case {"do": "new", "name": str(name)}:
                made = studio.project.root.parent / _project_name(name)
                if made.exists():
                    raise ConfigError(f"There is {made} already. Open it, or give the new project another name.")
                self._open(made)
            case {"do": "copy", "folder": str(folder), "label": str(label)}:
                jobs.start(studio.project, "add", folder=str(_existing(folder)), label=label)
            case _:
                raise ConfigError("The studio knows no such answer about projects. Reload the page.")
        return {"message": ""}

    def shown(self, given: Given) -> Studio:
        """Returns the open project. Takes the folder of the one that the page shows out of what it asks.

        Raises ClothesError if that is another one: a tab may show it for some seconds more.
        """
        studio, shown = self.studio, given.pop("project", None)
        if shown not in (None, str(studio.project.root)):
            raise ClothesError("Another project was opened meanwhile. Nothing was changed. Reload the page.")
        return studio

    def _open(self, folder: Path) -> None:
        self.studio = self.studio.other(folder)
        remember(self.studio.project)


def refuse_others(_: Given) -> dict[str, Any]:
    """The answer to what is for the computer itself."""
    raise ClothesError(_CLOSED)


def _project_name(text: str) -> str:
    """Returns the name of a new project. Raises ConfigError unless a folder can have it on every system."""
    name = unicodedata.normalize("NFC", text)
    if reason := why_no_name(name, longest=_LONGEST):
        raise ConfigError(f"No project can be called {name[:50]!r}: {reason}. Give it another name.")
    return name


def _existing(text: str) -> Path:
    """Returns the folder of a path as people copy it: in quotation marks, or with ~ for the home folder."""
    path = Path(os.path.expanduser(re.sub(r"""^(["'])(.*)\1$""", r"\2", text.strip())))  # noqa: PTH111 - never raises
    if not path.is_absolute() or not path.is_dir():
        raise ConfigError(
            f"There is no folder {text.strip()[:200] or '(no path)'} on this computer. Copy its whole path from the "
            "file manager's address line."
        )
    return path
