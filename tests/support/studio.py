"""Projects of the studio for tests, and what lies in them."""

import csv
import hashlib
import zipfile
from pathlib import Path

from clothes.photos.split_file import Split
from clothes.studio.photo_list import count_photos, list_photos
from clothes.studio.project import Project
from tests.support.pictures import make_photos

CLASSES = ("bar", "frame", "square")


def make_project(folder: Path, *, each: int = 4, split: bool = False) -> Project:
    """A project with drawn photos in three classes, and on demand with a split and their origins."""
    project = Project.open(folder)
    make_photos(project.photos, each=each)
    if split:
        from clothes.photos.split import split as split_photos

        split_photos(project.photos).write(project.photos / "split.csv")
        head = "file,sha256,origin,when,licence,author,title,page\n"
        lines = [f"{name},{sha256},from/{name},,,,,\n" for name, sha256 in below(project.photos).items() if "/" in name]
        (project.photos / "sources.csv").write_text(head + "".join(lines))
    return project


def below(folder: Path) -> dict[str, str]:
    """The checksum of each file below a folder by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def photos(project: Project) -> dict[str, str]:
    """The checksum of each photo in the classes and among the unsorted ones."""
    found = {f"photos/{name}": sha256 for name, sha256 in below(project.photos).items()}
    found |= {f"unsorted/{name}": sha256 for name, sha256 in below(project.unsorted).items()}
    return {name: sha256 for name, sha256 in found.items() if not name.endswith((".csv", ".txt"))}


def everything(project: Project) -> set[str]:
    """The checksums of all photos, also of those in the trash."""
    return {*photos(project).values(), *below(project.private / "trash").values()}


def ids(project: Project, label: str | None) -> list[str]:
    return [item.id for item in list_photos(project, label).items]


def counts(project: Project) -> dict[str, int]:
    return {found.label: found.photos for found in count_photos(project).classes}


def parts(project: Project) -> dict[str, tuple[str, str, str]]:
    """Class, part and checksum of each photo in split.csv that is there; nothing without a split.csv."""
    path = project.photos / "split.csv"
    rows = Split.read(path, project.photos).rows if path.exists() else ()
    return {row.photo: (row.label, row.part, row.sha256) for row in rows if (project.photos / row.photo).exists()}


def origins(folder: Path) -> dict[str, str]:
    """The origin of each photo in sources.csv that is there."""
    if not (folder / "sources.csv").exists():
        return {}
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["file"]: row["origin"] for row in rows if (folder / row["file"]).exists()}
    assert len(found) == sum((folder / row["file"]).exists() for row in rows), "a photo has two rows"
    return found


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
