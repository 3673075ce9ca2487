"""Starts, follows and stops jobs: long work in processes of their own, which live on without the page.

A job is a folder of .studio/jobs (see job_folder.py), and all that is said of it is read from there, so that each tab,
each studio and each start of the studio sees the same.
"""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from clothes.errors import ClothesError, ConfigError, RunError
from clothes.inference.run import Run, now
from clothes.studio.filling import require_filled
from clothes.studio.job_folder import (
    BEGINNING,
    JobFolder,
    JobInfo,
    Kind,
    Problem,
    check_asked,
    is_locked,
    tuning_folder,
)
from clothes.studio.problems import NAMES, explain_death, has_learnt
from clothes.studio.project import Project
from clothes.system.dated_folders import stamp
from clothes.system.locks import folder_lock

State = Literal["starting", "running", "stopping", "done", "stopped", "failed", "died"]

_BESIDE = ("check", "add")  # kinds that may run beside the others
_KEPT = 50  # jobs, the newest
_PATIENCE = 120  # seconds for a process to begin or to end


@dataclass(frozen=True)
class Status:
    """How far a job is. `offers` are what can be done with it now: "stop", "go on", "again".

    A job that "died" ended without a word: it was killed, or the computer was switched off.
    """

    id: str
    kind: Kind
    asked: dict[str, Any]
    created: str
    state: State
    stage: str
    done: int
    total: int
    epoch: int
    epochs: int
    seconds: float
    seconds_left: float | None
    run: str | None
    has_model: bool  # the run holds a bundle, which can be tested and used
    problem: Problem | None
    offers: tuple[str, ...]

    @property
    def is_active(self) -> bool:
        return self.state in ("starting", "running", "stopping")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def current(project: Project, kind: Kind | None = None) -> Status | None:
    """Returns the newest job of a kind, by default of all but those that may run beside them; None without one."""
    return next((_status(project, job, info) for job, info in _jobs(project, kind)), None)


def start(project: Project, kind: Kind, /, **asked: Any) -> Status:
    """Starts a job and returns when its process runs.

    "train" takes `how` ("quick", "good", "own", or "minutes" and "tune" with `minutes`), `changes` of settings as
    `clothes.train` does, and the name of the new `run`; "test", "report" and "export" take the `run`, "export" its
    `format`, too; "add" takes the `folder`, the `addresses` or the `words`,
    and a `label`. Raises ConfigError for what cannot be asked, ClothesError
    if another job runs or none can start, and for "train" while photos are being added.
    """
    check_asked(asked)
    if kind == "train":
        asked = {"run": _free_name(project), "how": "quick"} | asked
        if (project.runs / asked["run"]).exists():
            raise RunError(f"There is a run {asked['run']} already. Go on with it, or choose another name.")
    return _start(project, kind, asked)


def go_on(project: Project, run: str) -> Status:
    """Goes on with a training that was stopped, died or failed: from its newest checkpoint, with what it was asked."""
    check_asked({"run": run})
    folder = project.runs / run
    if (folder / "run.json").exists() and Run.open(folder).info["finished"]:
        raise RunError(f"The training of {run} is finished. Train again for another recogniser.")
    for _, info in _jobs(project, "train"):
        if info["asked"].get("run") == run:
            return _start(project, "train", dict(info["asked"]))
    if not (folder / "run.json").exists():
        raise RunError(f"There is no training {run} to go on with. Train again.")
    return _start(project, "train", {"run": run})


def stop(project: Project, kind: Kind | None = None) -> Status | None:
    """Asks the present job to stop, which its state says at once. A training keeps its best epoch as a bundle."""
    for job in JobFolder.all(_jobs_folder(project)):
        info = job.info
        if (info is None or _is_of(info, kind)) and job.is_alive:
            job.ask_to_stop()
    return current(project, kind)


def _jobs_folder(project: Project) -> Path:
    return Path(project.private) / "jobs"


def _jobs(project: Project, kind: Kind | None) -> Iterator[tuple[JobFolder, JobInfo]]:
    """Yields the jobs of a kind, or all but those beside them, newest first. Damaged ones are left out."""
    for job in JobFolder.all(_jobs_folder(project)):
        info = job.info
        if info and _is_of(info, kind):
            yield job, info


def _is_of(info: JobInfo, kind: Kind | None) -> bool:
    return info["kind"] == kind if kind else info["kind"] not in _BESIDE


def _start(project: Project, kind: Kind, asked: dict[str, Any]) -> Status:
    info: JobInfo = {"kind": kind, "asked": check_asked(asked), "created": now()}
    _require_all(kind, asked)
    try:
        with _starting(project) as jobs:
            _wait_for_others(project, kind)
            if kind == "train" and not _has_split(project, str(asked["run"])):
                require_filled(project)
            for old in JobFolder.all(jobs)[_KEPT:]:
                if not old.is_alive:
                    shutil.rmtree(old.path, ignore_errors=True)
            job = JobFolder(jobs / datetime.now().strftime("%Y%m%d-%H%M%S-%f"))
            job.path.mkdir()
            job.write("job.json", info)
            _launch(project, job)
            return _status(project, job, info)
    except OSError as error:
        raise ClothesError(
            f"No job can be started in {_jobs_folder(project)}: {error.strerror}. Make room on its disk, and see that "
            "you may write there. Your photos and models are unchanged."
        ) from None


def _require_all(kind: Kind, asked: dict[str, Any]) -> None:
    """Raises ConfigError if a job lacks what it needs."""
    needed = {"test": ("run",), "report": ("run",), "export": ("run", "format")}.get(kind, ())
    if kind == "train" and asked.get("how") in ("minutes", "tune"):
        needed = ("minutes",)
    if kind == "add" and not {"folder", "addresses", "words"} & asked.keys():
        needed = ("folder",)
    if missing := [name for name in needed if name not in asked]:
        raise ConfigError(f"The {NAMES[kind]} needs {' and '.join(missing)}. Choose first.")


@contextmanager
def _starting(project: Project) -> Iterator[Path]:
    """Yields the folder of the jobs, locked: one job starts at a time, of all studios of this project."""
    jobs = _jobs_folder(project)
    jobs.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + _PATIENCE
    while True:
        with folder_lock(jobs) as locked:
            if locked:
                yield jobs
                return
        if time.monotonic() > until:
            raise ClothesError("Another job is being started all this time. Close the other studio, then try again.")
        time.sleep(0.05)


def _wait_for_others(project: Project, kind: Kind) -> None:
    """Waits for processes that have done their work. Raises ClothesError if one still works."""
    until = time.monotonic() + _PATIENCE
    for job in JobFolder.all(_jobs_folder(project)):
        info = job.info
        if info and not _is_of(info, kind if kind in _BESIDE else None):
            continue
        while job.is_alive:
            progress = job.progress
            if not progress or progress["state"] == "running" or time.monotonic() > until:
                what = "its job.json is damaged"
                if info:
                    what = f"the {NAMES[info['kind']]}, since {info['created'][11:16]}"
                raise ClothesError(f"Another job runs: {what}. Wait until it has ended, or stop it.")
            time.sleep(0.05)


def _launch(project: Project, job: JobFolder) -> None:
    """Starts the process of a job, detached, and waits until it reports."""
    command = [sys.executable, "-P", "-m", "clothes.studio.worker", str(Path(project.root).absolute()), job.path.name]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    with (job.path / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached)
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie is left
    until = time.monotonic() + _PATIENCE
    while job.progress is None:
        if process.returncode is not None or time.monotonic() > until:
            said = (job.path / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ClothesError(f"The process of the job did not begin: {(said or ['it said nothing'])[-1]}. Try again.")
        time.sleep(0.02)


def _status(project: Project, job: JobFolder, info: JobInfo) -> Status:
    is_alive = job.is_alive  # before its progress is read: it tells its end while it lives
    progress, run = job.progress, info["asked"].get("run")
    state: State
    if progress and progress["state"] != "running":
        state = progress["state"]
    elif is_alive:
        state = "stopping" if job.is_asked_to_stop else "running"
    else:
        state = "starting" if progress is None and is_locked(job.path.parent) else "died"
    shown: dict[str, Any] = dict(progress or BEGINNING)
    problem = shown.get("problem")
    begun = info["kind"] == "train" and run is not None and _is_begun(project, run)
    if state == "died":
        problem = explain_death(info["kind"], job.path, learnt=begun and has_learnt(project.runs / str(run)))
    return Status(
        id=job.path.name,
        kind=info["kind"],
        asked=dict(info["asked"]),
        created=info["created"],
        state=state,
        **{name: shown[name] for name in ("stage", "done", "total", "epoch", "epochs", "seconds")},
        seconds_left=shown["seconds_left"] if state in ("running", "stopping") else None,
        run=run,
        has_model=run is not None and (project.runs / run / "bundle" / "bundle.json").is_file(),
        problem=problem,
        offers=_offers(info["kind"], state, begun=begun),
    )


def _is_begun(project: Project, run: str) -> bool:
    """Whether a training, or the search for its settings, has something to go on from."""
    return _has_split(project, run) or tuning_folder(project, run).is_dir()


def _has_split(project: Project, run: str) -> bool:
    """Whether a training goes on with the photos that it began with."""
    return (project.runs / run / "run.json").exists()


def _offers(kind: Kind, state: State, *, begun: bool) -> tuple[str, ...]:
    if state in ("starting", "running"):
        return ("stop",)
    if state in ("stopped", "failed", "died"):
        return ("go on", "again") if begun else ("again",)
    return ()


def _free_name(project: Project) -> str:
    """Returns the name for a new run: <date>-<time>, as `clothes train` gives."""
    name, number = stamp(), 1
    while (project.runs / name).exists():
        number += 1
        name = f"{stamp()}-{number}"
    return name
