"""The run folder: the results of one training, and the names of its files.

config.json  split.csv  history.csv  run.json    written by train
history.png  checkpoints/  bundle/
evaluation.json  predictions.csv  confusion.png  written by evaluate
features.npz  report.html  learning-curve/       written by report
.replaced/                                       the run that --overwrite replaces, until the new one is finished
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NotRequired, Self, TypedDict

from clothes.config import Config
from clothes.errors import RunError
from clothes.inference.bundle import Bundle, read_bundle
from clothes.photos.split_file import Split
from clothes.system.csv_files import read_table, slashed
from clothes.system.dated_folders import stamp
from clothes.system.files import refuse_links, remove_unfinished, write_text
from clothes.system.locks import LOCK_FILE, folder_lock
from clothes.system.terminal_text import quote
from clothes.system.validation import parse_float, read_json

# Marks a folder in which a run is being created. Without run.json there, the start was interrupted.
_BEGUN = ".begun"
_REPLACED = ".replaced"
_FOLDERS = ("bundle", "checkpoints", _REPLACED, "learning-curve", "learning-curve/*")
_EVALUATION = ("predictions.csv", "evaluation.json", "confusion.png", "confusion.svg", "report.html")
_KEPT_IN_PLACE = (_BEGUN, _REPLACED, LOCK_FILE)  # when the files of a run move
MOST_OPENINGS = 1_000_000  # of the test part, that are counted
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


class Asked(TypedDict, total=False):
    """The settings asked for when the training began: those that --resume reads again. Others may stand beside them."""

    trunk: str
    teacher: str
    folds: int


class RunInfo(TypedDict):
    """The content of run.json: folder of the photos, start and end, settings asked for, teacher, openings of the test
    part."""

    photos: str
    finished: str | None
    started: NotRequired[str]
    test_part_opened: NotRequired[Annotated[int, (0, MOST_OPENINGS)]]
    asked: NotRequired[Asked]
    teacher: NotRequired[dict[str, str]]  # name and SHA-256 of its model


@dataclass(frozen=True)
class Run:
    """A run folder."""

    path: Path

    @staticmethod
    def free_folder(path: str | os.PathLike[str] | None, *, overwrite: bool = False) -> Path:
        """Returns the folder for a new run: `path`, else runs/<date>-<time>, for `claim_folder`. Creates none.

        Raises RunError if `path` is in use; with `overwrite` a run may be there.
        """
        folder = Path(path) if path is not None else Path("runs") / stamp()
        try:
            if path is not None and folder.exists() and not _is_free(folder):
                if not (folder / "run.json").exists():
                    raise RunError(f"{folder} is in use and is not a run folder. Give another --out.")
                if not overwrite:
                    raise RunError(
                        f"{folder} is in use. Give another --out, continue its run with --resume, or replace it with "
                        "--overwrite."
                    )
            parent = next(there for there in (folder, *folder.absolute().parents) if there.exists())
        except OSError as error:
            raise _cannot_create(folder, error.strerror) from None
        if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
            raise _cannot_create(folder, f"{parent} {'cannot be written to' if parent.is_dir() else 'is a file'}")
        return folder

    @classmethod
    def new(cls, path: Path, config: Config, split: Split, *, overwrite: bool = False) -> Self:
        """Creates a run in a free folder and writes its config, split and run.json. Raises RunError if it is in use.

        With `overwrite` the previous run stays in `.replaced` until this one is finished. An error leaves the folder as
        it was.
        """
        run = cls(cls.free_folder(path, overwrite=overwrite))
        written: list[str] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_text(path / _BEGUN, "")
            if (path / "run.json").exists():
                _set_aside(path)
            written = ["config.json", "split.csv", "run.json"]
            write_text(path / "config.json", config.to_json())
            split.write(path / "split.csv", overwrite=True)
            run.note(photos=run._relative(split.root), started=now(), finished=None, test_part_opened=0)
            (path / _BEGUN).unlink()
        except BaseException as error:
            for name in (*written, _BEGUN):
                (path / name).unlink(missing_ok=True)
            _move_files(path / _REPLACED, path)
            with suppress(OSError):
                path.rmdir()
            if isinstance(error, OSError):
                raise _cannot_create(path, error.strerror) from None
            raise
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the run in this folder. Raises RunError if there is none."""
        folder = Path(path)
        try:
            found = (folder / "run.json").is_file()
        except OSError as error:
            raise RunError(f"{folder} cannot be read: {error.strerror}. Name a folder that you may read.") from None
        try:
            refuse_links(folder, *_FOLDERS)
        except OSError as error:
            raise RunError(f"{folder} cannot be used: {error.strerror}. Name a run that holds its own files.") from None
        if not found:
            raise RunError(f"{folder} is not a run folder: it has no run.json. `clothes train` writes runs/NAME.")
        return cls(folder)

    @property
    def replaced(self) -> "Run | None":
        """The previous run of this folder, kept until this one is finished."""
        previous = Run(self.path / _REPLACED)
        return previous if (previous.path / "run.json").exists() else None

    @property
    def config(self) -> Config:
        return Config.read(self.path / "config.json")

    @property
    def info(self) -> dict[str, Any]:
        """The content of run.json, as RunInfo says. Raises RunError if it is damaged."""
        path = self.path / "run.json"
        try:
            info: dict[str, Any] = read_json(path, RunInfo)
            return info
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None

    @property
    def photos(self) -> Path:
        """The folder of the photos it was trained on."""
        return Path(os.path.normpath(self.path.resolve() / slashed(self.info["photos"])))

    @property
    def split(self) -> Split:
        return Split.read(self.path / "split.csv", self.photos)

    @property
    def bundle(self) -> Bundle:
        """The trained bundle. Raises BundleError if the training is not finished."""
        return read_bundle(self.path)

    @property
    def history(self) -> list[dict[str, float]]:
        """The rows of history.csv, one per epoch. Raises RunError before the first one."""
        path, rows = self.path / "history.csv", []
        try:
            (_, header), *lines = read_table(path) or [(0, [])]
            table = [dict(zip(header, cells, strict=False)) for _, cells in lines]
            rows = [{name: parse_float(row[name]) for name in HISTORY_COLUMNS} for row in table]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError) as error:
            raise _unreadable(path, f"it has no column {error}" if isinstance(error, KeyError) else error) from None
        if not rows:
            raise RunError(
                f"{path}: no epoch was finished yet. Go on with: clothes train {quote(self.photos)} "
                f"--out {quote(self.path)} --resume"
            )
        return rows

    def is_of(self, photos: Path) -> bool:
        """Whether it was trained on the photos in this folder."""
        return slashed(self._relative(photos)) == slashed(self.info["photos"])

    def note(self, **changes: Any) -> None:
        """Changes entries of run.json."""
        old = self.info if (self.path / "run.json").exists() else {}
        write_text(self.path / "run.json", json.dumps(old | changes, indent=2) + "\n")

    def write_history(self, history: list[dict[str, float]]) -> None:
        lines = [",".join(HISTORY_COLUMNS)]
        lines += [",".join(f"{row[name]:.6g}" for name in HISTORY_COLUMNS) for row in history]
        write_text(self.path / "history.csv", "\n".join(lines) + "\n")

    def remove_evaluation(self) -> None:
        """Removes what says how good an earlier bundle of this run was."""
        for name in _EVALUATION:
            (self.path / name).unlink(missing_ok=True)

    def finish(self) -> None:
        """Records the end of the run, and removes the run that it replaces."""
        self.note(finished=now())
        shutil.rmtree(self.path / _REPLACED, ignore_errors=True)

    def _relative(self, photos: Path) -> str:
        """Returns the path from the run to its photos, so that a folder with both can move."""
        try:
            path = os.path.relpath(photos.resolve(), self.path.resolve())
        except ValueError:  # on another drive
            path = str(photos.resolve())
        if re.search("[\ud800-\udfff]", path):
            raise RunError(f"The name of the folder {path!a} is not UTF-8. Rename it.")
        return path


def find_run(path: str | os.PathLike[str]) -> Run | None:
    """Returns the run in a folder, or the run around a bundle. Raises RunError if it cannot be used."""
    for folder in (Path(path), Path(os.path.realpath(path)).parent):
        if (folder / "run.json").is_file():
            return Run.open(folder)
    return None


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Locks a run folder, which it creates if missing, and removes half-written files of a killed process.

    Raises RunError if another process trains there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_links(folder, *_FOLDERS)
    except OSError as error:
        raise _cannot_create(folder, error.strerror) from None
    with folder_lock(folder) as locked:
        if not locked:
            raise RunError(
                f"Another training goes on in {folder} now. Wait until it has ended, or train into another --out."
            )
        remove_unfinished(folder)
        remove_unfinished(folder / "checkpoints")
        yield


def _is_free(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()} - {LOCK_FILE} if folder.is_dir() else {"a file"}
    return not names or (_BEGUN in names and "run.json" not in names)


def _set_aside(folder: Path) -> None:
    """Moves the run of a folder into its `.replaced`, or removes it if that one holds a finished run already."""
    replaced = folder / _REPLACED
    if (replaced / "run.json").exists():
        for path in folder.iterdir():
            if path.name not in _KEPT_IN_PLACE:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    else:
        replaced.mkdir(exist_ok=True)
        _move_files(folder, replaced)


def _move_files(folder: Path, to: Path) -> None:
    """Moves the files of a run. run.json, which makes a folder a run, comes last."""
    if folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "run.json"):
            if path.name not in _KEPT_IN_PLACE:
                path.rename(to / path.name)
        with suppress(OSError):
            folder.rmdir()


def _unreadable(path: Path, reason: object) -> RunError:
    return RunError(f"{path} cannot be read: {reason}. Train again into another --out.")


def _cannot_create(folder: Path, reason: str | None) -> RunError:
    return RunError(f"No run can be made in {folder}: {reason}. Give another --out.")


def now() -> str:
    """Returns the local time in ISO 8601, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
