"""Jobs of the studio for the tests: projects of small photos, waiting for a job, and processes to kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clothes.studio import jobs
from clothes.studio.job_folder import JobFolder, Kind
from clothes.studio.project import Project
from tests.support.pictures import make_photos
from tests.support.waiting import wait_for

HOLD = """
import sys, time, pathlib
from clothes.studio.job_folder import JobFolder
with JobFolder(pathlib.Path(sys.argv[1])).lock() as locked:
    print(locked, flush=True)
    time.sleep(600)
"""


def make_project(root: Path, *, each: int = 20, **more: Any) -> Project:
    """A project with drawn photos of three classes."""
    project = Project.open(root)
    make_photos(project.photos, each=each, **more)
    return project


def wait_until_ended(project: Project, kind: Kind | None = None) -> jobs.Status:
    """The status of the newest job, when its process has ended."""

    def has_ended() -> bool:
        status = jobs.current(project, kind)
        return status is not None and not status.is_active and not folder_of(project, status).is_alive

    wait_for(has_ended)
    status = jobs.current(project, kind)
    assert status
    return status


def folder_of(project: Project, status: jobs.Status) -> JobFolder:
    return JobFolder(project.private / "jobs" / status.id)


def kill(project: Project, status: jobs.Status) -> None:
    """Kills the process of a job, as the system does when memory is short."""
    job = folder_of(project, status)
    assert job.is_alive
    assert job.progress
    os.kill(job.progress["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
    wait_for(lambda: not job.is_alive)


@contextmanager
def foreign_job(
    project: Project, name: str = "20260101-120000-000000", **files: str
) -> Iterator[tuple[JobFolder, subprocess.Popen[bytes]]]:
    """A job of another process, which holds its lock and does nothing. `files` are the texts of its JSON files."""
    path = project.private / "jobs" / name
    path.mkdir(parents=True)
    for file, text in files.items():
        (path / f"{file}.json").write_text(text)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().strip() == b"True"
            yield JobFolder(path), process
        finally:
            process.kill()
