"""What can be taken away of a run: its bundle and its exports, each as one zip file."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clothes.errors import ExportError
from clothes.exporting.export import FORMATS
from clothes.inference.run import Run
from clothes.studio.page_sentences import for_page_all
from clothes.studio.project import Project
from clothes.studio.results import open_run
from clothes.studio.tasks import export_folder, is_export_of
from clothes.system.files import replacing
from clothes.system.validation import read_json

BUNDLE = "bundle"


def downloads(project: Project, run: str) -> list[dict[str, Any]]:
    """Returns the bundle and each format: whether it `is_ready`, its size in `bytes`, what was `compared`, and `notes`.

    `compared` says, as `clothes export --json` does, how far its answers are those of the bundle.
    """
    opened, found = open_run(project, run), []
    for kind in (BUNDLE, *FORMATS):
        folder = _folder(project, opened, kind)
        entry: dict[str, Any] = {"format": kind, "is_ready": folder is not None, "bytes": 0}
        if folder is not None:
            entry["bytes"] = sum(path.stat().st_size for path in _files(folder))
        info = read_json(folder / "export.json") if folder is not None and kind != BUNDLE else {}
        entry |= {"compared": info.get("compared", []), "notes": for_page_all(info.get("notes", []))}
        found.append(entry)
    return found


def make_zip(project: Project, run: str, kind: str) -> Path:
    """Returns a zip file of the bundle or of an export, which it writes if there is none of it yet.

    Raises ExportError if there is no such export.
    """
    opened = open_run(project, run)
    folder = _folder(project, opened, kind) if kind in (BUNDLE, *FORMATS) else None
    if folder is None:
        raise ExportError(f"There is no {kind} of {run} yet. Make it first.")
    path = Path(project.private) / "downloads" / f"{run}-{kind}.zip"
    files = _files(folder)
    if not path.exists() or any(file.stat().st_mtime > path.stat().st_mtime for file in files):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            _write_zip(temporary, {f"{run}-{kind}/{file.relative_to(folder).as_posix()}": file for file in files})
    return path


def _write_zip(path: Path, files: Mapping[str, Path]) -> None:
    # A computer whose clock is not set gives times before 1980, which a zip file cannot hold.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, file in files.items():
            archive.write(file, name)


def _folder(project: Project, run: Run, kind: str) -> Path | None:
    """Returns the folder of a download; None if it is not made yet, or of an earlier bundle."""
    if kind == BUNDLE:
        folder = run.path / "bundle"
        return folder if (folder / "bundle.json").is_file() else None
    folder = export_folder(project, run.path.name, kind)
    has_model = (run.path / "bundle" / "bundle.json").is_file()
    return folder if has_model and folder.is_dir() and is_export_of(folder, run) else None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
