"""The folder of a job, whose files are read as foreign ones: a damaged one is as good as none.

job.json       the kind, what was asked, when    written by the studio, once
stop           asks the process to end           written by the studio
progress.json  how far the job is                written by the job's process, replaced whole
result.json    what was found                    written by the job's process, once
log.txt        what the process printed

The process locks the folder while it lives: a number of a process can be another's by now.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from clothes.errors import ConfigError
from clothes.studio.project import Project
from clothes.system.checksums import CHECKSUM, add_checksum, verify_checksum
from clothes.system.files import write_text
from clothes.system.locks import folder_lock
from clothes.system.validation import check_type, read_json, stays_below

Kind = Literal["train", "test", "check", "report", "export", "add"]
How = Literal["quick", "good", "own", "minutes", "tune"]
Next = Literal["go on", "again", "photos", "settings"]

_ID = re.compile(r"\d{8}-\d{6}-\d{6}")
_PROBING = threading.Lock()  # one look at a time: a lock that is looked at is held for a moment
_PATIENCE = 10  # seconds, until nobody looks
_MOST_SECONDS = 1e9
_Count = Annotated[int, (0, 10**12)]


class Asked(TypedDict, total=False):
    """What a job is asked to do. `run` names a folder of runs/; the others are for some kinds only."""

    run: str
    how: How
    minutes: Annotated[float, (0.05, 100_000)]
    changes: dict[str, dict[str, Any]]
    format: Literal["onnx", "litert", "saved-model", "keras", "space", "web"]
    folder: str  # of this computer, whose photos are added
    addresses: str  # of photos in the web, one a line
    words: str  # for which Openverse finds photos
    count: Annotated[int, (1, 240)]  # of those
    label: str  # the class of what no folder names a class for; an empty one: none


class JobInfo(TypedDict):
    """The content of job.json."""

    kind: Kind
    asked: Asked
    created: str


class Problem(TypedDict):
    """Why a job failed: what happened, what is safe, and what to do next."""

    what: str
    safe: str
    next: Next


class Progress(TypedDict):
    """The content of progress.json. A job is at one `stage` at a time, with `done` of `total` things done."""

    state: Literal["running", "done", "stopped", "failed"]
    stage: str
    done: _Count
    total: _Count
    epoch: _Count
    epochs: _Count
    seconds: Annotated[float, (0, _MOST_SECONDS)]
    seconds_left: Annotated[float, (0, _MOST_SECONDS)] | None
    pid: int  # for people: it proves nothing
    problem: NotRequired[Problem]


BEGINNING: Progress = {
    "state": "running", "stage": "start", "done": 0, "total": 0, "epoch": 0, "epochs": 0, "seconds": 0.0,
    "seconds_left": None, "pid": 0,
}  # fmt: skip


def check_asked(asked: Any) -> Asked:
    """Returns what is asked. Raises ConfigError for an unknown entry, a wrong type, or a run outside its folder."""
    try:
        check_type(asked, Asked)
    except ValueError as error:
        raise ConfigError(f"A job cannot be started so: {error}. Choose again.") from None
    if unknown := sorted(asked.keys() - Asked.__annotations__.keys()):
        raise ConfigError(f"A job knows no {unknown[0]!r}. Known are {', '.join(Asked.__annotations__)}.")
    name = asked.get("run", "run")
    if not stays_below(name) or re.search(r"[/\\]", name) or name.startswith(".") or len(name.encode()) > 100:
        raise ConfigError(f"{name!r} cannot be the name of a run. Take letters and digits.")
    return asked  # type: ignore[no-any-return]


def tuning_folder(project: Project, run: str) -> Path:
    """Returns the folder of the search for the settings of a run."""
    return project.root / "tunings" / run


@dataclass(frozen=True)
class JobFolder:
    """The folder of one job."""

    path: Path

    @staticmethod
    def all(jobs: Path) -> list["JobFolder"]:
        """Returns the jobs, the newest first."""
        try:
            names = sorted((path.name for path in jobs.iterdir() if _ID.fullmatch(path.name)), reverse=True)
        except OSError:
            return []
        return [JobFolder(jobs / name) for name in names if (jobs / name).is_dir() and not (jobs / name).is_symlink()]

    @property
    def info(self) -> JobInfo | None:
        info = _read(self.path / "job.json", JobInfo)
        try:
            return info and info | {"asked": check_asked(info["asked"])}
        except ConfigError:
            return None

    @property
    def progress(self) -> Progress | None:
        return _read(self.path / "progress.json", Progress)  # type: ignore[no-any-return]

    @property
    def result(self) -> dict[str, Any] | None:
        result = _read(self.path / "result.json", dict)
        try:
            verify_checksum(result or {})
        except ValueError:
            return None
        return result if result and CHECKSUM in result else None

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file of the job, whole or not at all."""
        write_text(self.path / name, json.dumps(value, indent=1))

    def write_result(self, result: dict[str, Any]) -> None:
        """Writes what was found, with a checksum: it is shown as it is."""
        self.write("result.json", add_checksum(json.loads(json.dumps(result))))

    @property
    def is_asked_to_stop(self) -> bool:
        return (self.path / "stop").exists()

    def ask_to_stop(self) -> None:
        write_text(self.path / "stop", "")

    @property
    def is_alive(self) -> bool:
        """Whether the process of the job runs."""
        return is_locked(self.path)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Locks the folder for the life of the job's process. Yields False if another process is at this job."""
        until = time.monotonic() + _PATIENCE
        while True:
            with folder_lock(self.path) as locked:
                if locked or time.monotonic() > until:
                    yield locked
                    return
            time.sleep(0.02)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of a folder."""
    try:
        with _PROBING, folder_lock(folder) as locked:
            return not locked
    except OSError:
        return False


def _read(path: Path, kind: Any) -> Any:
    try:
        return read_json(path, kind)
    except (OSError, ValueError):
        return None
