"""The projects that were opened on this computer. The list is a help alone: without it nothing is lost."""

from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from clothes.errors import ClothesError
from clothes.studio.project import Project, is_project
from clothes.system.checksums import json_text
from clothes.system.files import write_text
from clothes.system.user_folders import config_folder
from clothes.system.validation import read_json

_FILE = "projects.json"
_MOST = 30


class _Known(TypedDict):
    """The content of projects.json: folders, the last opened first."""

    projects: list[str]


def remember(project: Project) -> None:
    """Puts a project at the head of the list."""
    with suppress(OSError, ClothesError):  # no home folder, or one that cannot be written
        folders = dict.fromkeys([str(project.root), *map(str, known_projects())])
        config_folder().mkdir(parents=True, exist_ok=True)
        write_text(config_folder() / _FILE, json_text({"projects": [*folders][:_MOST]}))


def known_projects() -> list[Path]:
    """Returns the folders of those that are still there, the last opened first."""
    try:
        names = read_json(config_folder() / _FILE, _Known)["projects"]
    except (OSError, ValueError, ClothesError):
        return []
    return [Path(name) for name in names if is_project(Path(name))]
