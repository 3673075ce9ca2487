"""The run folder: what a training leaves, and where each file in it lies.

config.json  split.csv  history.csv  run.json    written by train
history.png  checkpoints/  bundle/
evaluation.json  predictions.csv  confusion.png  written by evaluate
features.npz  report.html  learning-curve/       written by report
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from clothes.config import Config
from clothes.errors import RunError
from clothes.inference.bundle import Bundle, read_bundle
from clothes.photos.splits import Split
from clothes.system.files import remove_unfinished, write_text
from clothes.system.locks import LOCK_FILE, folder_lock

_BEGUN, _REPLACED = ".begun", ".replaced"
_FIRST = ("config.json", "split.csv", "run.json")
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class Run:
    """A run folder."""

    path: Path

    @staticmethod
    def free_folder(path: str | os.PathLike[str] | None, *, overwrite: bool = False) -> Path:
        """The folder for a new run, not made yet: this one, else runs/<date>-<time>. Raises RunError when it is in use.

        With `overwrite` a run that is there does not count.
        """
        folder = Path(path) if path is not None else Path("runs") / stamp()
        try:
            if folder.exists() and not _is_free(folder):
                if not overwrite:
                    raise RunError(
                        f"{folder} is in use. Give another --out, go on with it by --resume, or replace it by "
                        "--overwrite."
                    )
                if not (folder / "run.json").exists():
                    raise RunError(f"{folder} is not a run folder, so --overwrite leaves it alone. Give another --out.")
            above = next(there for there in (folder, *folder.absolute().parents) if there.exists())
        except OSError as error:
            raise _unmakable(folder, error.strerror) from None
        if not above.is_dir():
            raise _unmakable(folder, f"{above} is a file")
        if not os.access(above, os.W_OK | os.X_OK):
            raise _unmakable(folder, f"{above} cannot be written to")
        return folder

    @classmethod
    def new(cls, path: Path, config: Config, split: Split, *, overwrite: bool = False) -> Self:
        """A run in a free folder, in which stands what it is made from. Raises RunError when the folder is in use.

        With `overwrite` the run that was there lies in `.replaced` until this one is finished.
        """
        run = cls(cls.free_folder(path, overwrite=overwrite))
        written: tuple[str, ...] = ()
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / _BEGUN).touch()  # beside it, before run.json is there, lies nothing but half a run
            if (path / "run.json").exists():
                _set_aside(path)
            written = _FIRST
            write_text(path / "config.json", config.to_json())
            split.write(path / "split.csv", overwrite=True)
            run.note(photos=run._way_to(split.root), started=now(), finished=None, test_part_opened=0)
            (path / _BEGUN).unlink()
        except BaseException as error:
            for name in (*written, _BEGUN):
                (path / name).unlink(missing_ok=True)
            _move(path / _REPLACED, path)
            with suppress(OSError):
                path.rmdir()
            if isinstance(error, OSError):
                raise _unmakable(path, error.strerror) from None
            raise
        return run

    @property
    def replaced(self) -> "Run | None":
        """The run that was in this folder before, and stays there until this one is finished."""
        before = Run(self.path / _REPLACED)
        return before if (before.path / "run.json").exists() else None

    def finish(self) -> None:
        """Notes that all of it is there; the run that it replaces can go."""
        self.note(finished=now())
        shutil.rmtree(self.path / _REPLACED, ignore_errors=True)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The run in this folder. Raises RunError when it is none."""
        folder = Path(path)
        try:
            found = (folder / "run.json").is_file()
        except OSError as error:
            raise RunError(f"{folder} cannot be read: {error.strerror}.") from None
        if not found:
            raise RunError(f"{folder} is not a run folder: it has no run.json. `clothes train` makes one in runs/NAME.")
        return cls(folder)

    @property
    def config(self) -> Config:
        return Config.read(self.path / "config.json")

    @property
    def info(self) -> dict[str, Any]:
        """run.json: where the photos lie, how the training went, how often the test part was opened."""
        try:
            info: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            if not (isinstance(info, dict) and isinstance(info.get("photos"), str) and "finished" in info):
                raise ValueError("it does not say where the photos lie and when the run was finished")
            return info
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self.path / 'run.json'} cannot be read: {error}. Train again into another --out."
            ) from None

    @property
    def photos(self) -> Path:
        """The folder of the photos it was trained on."""
        return Path(os.path.normpath(self.path.resolve() / self.info["photos"]))

    def is_of(self, photos: Path) -> bool:
        """Whether it was trained on the photos in this folder."""
        return self._way_to(photos) == self.info["photos"]

    def _way_to(self, photos: Path) -> str:
        """Relative, so that a folder with photos and run in it can be moved."""
        try:
            return os.path.relpath(photos.resolve(), self.path.resolve())
        except ValueError:  # another drive
            return str(photos.resolve())

    @property
    def split(self) -> Split:
        return Split.read(self.path / "split.csv", self.photos)

    @property
    def bundle(self) -> Bundle:
        """What it made. Raises BundleError when the training was not finished."""
        return read_bundle(self.path)

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch, as in history.csv. Raises RunError when no epoch was finished yet."""
        path = self.path / "history.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = [{name: float(row[name]) for name in HISTORY_COLUMNS} for row in csv.DictReader(file)]
        except FileNotFoundError:
            rows = []
        except KeyError as error:
            raise RunError(f"{path} cannot be read: it has no column {error}.") from None
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise RunError(f"{path} cannot be read: {error}.") from None
        if not rows:
            raise RunError(
                f"{path}: no epoch was finished yet. Go on with: clothes train {self.photos} --out {self.path} --resume"
            )
        return rows

    def note(self, **changes: Any) -> None:
        """Changes entries of run.json."""
        old = self.info if (self.path / "run.json").exists() else {}
        write_text(self.path / "run.json", json.dumps(old | changes, indent=2) + "\n")

    def write_history(self, history: list[dict[str, float]]) -> None:
        lines = [",".join(HISTORY_COLUMNS)]
        lines += [",".join(f"{row[name]:.6g}" for name in HISTORY_COLUMNS) for row in history]
        write_text(self.path / "history.csv", "\n".join(lines) + "\n")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds a run's folder, made if missing, and removes what a killed process left half done.

    Raises RunError while another process trains in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unmakable(folder, error.strerror) from None
    with folder_lock(folder) as acquired:
        if not acquired:
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
    """Moves a run into its folder's `.replaced`; one that is there already, so had no successor yet, stays instead."""
    before = folder / _REPLACED
    if (before / "run.json").exists():
        for path in folder.iterdir():
            if path.name not in (_REPLACED, _BEGUN, LOCK_FILE):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    else:
        before.mkdir(exist_ok=True)
        _move(folder, before)


def _move(folder: Path, to: Path) -> None:
    """All but our own marks; run.json, by which a run is known, comes last."""
    if folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "run.json"):
            if path.name not in (_REPLACED, _BEGUN, LOCK_FILE):
                path.rename(to / path.name)
        with suppress(OSError):
            folder.rmdir()


def _unmakable(folder: Path, reason: str | None) -> RunError:
    return RunError(f"No run can be made in {folder}: {reason}. Give another --out.")


def stamp() -> str:
    """A name for a folder of results made now: <date>-<time>."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
