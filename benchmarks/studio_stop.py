"""Measures a stop of the studio's trainings: seconds until it is acknowledged, until it has ended, and the best model.

    uv run python -m benchmarks.studio_stop PHOTOS [--how good] [--each 20]

PHOTOS holds class folders, of which ten are taken. Prints a line of JSON for each moment of the stop:

epoch      after the first epoch: its weights become the bundle
again      while the training prepares to go on after that stop: the bundle is of the best epoch already
preparing  while it prepares to go on after its process was killed: the bundle is written from the checkpoint

`usable` counts until the bundle is loaded and has predicted a photo. `processor` are the seconds that the process used
from the stop on (Linux): on a busy computer they tell more than the others.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import clothes
from benchmarks.studio_jobs import follow, make_project
from clothes.studio import jobs
from clothes.studio.job_folder import JobFolder
from clothes.studio.project import Project

CLASSES, RUN = 10, "a"


def current_job(project: Project) -> JobFolder:
    status = jobs.current(project)
    assert status
    return JobFolder(project.private / "jobs" / status.id)


def wait_for_epoch(project: Project, epoch: int) -> None:
    for status in follow(project):
        if status.epoch >= epoch:
            return
    raise SystemExit(f"The training ended before epoch {epoch}. Take more photos.")


def kill_after_an_epoch(project: Project) -> None:
    """Goes on with the training for an epoch, and kills its process."""
    before = len(clothes.Run.open(project.runs / RUN).history)
    jobs.go_on(project, RUN)
    wait_for_epoch(project, before + 1)
    job = current_job(project)
    os.kill((job.progress or {})["pid"], signal.SIGKILL)
    while job.is_alive:
        time.sleep(0.1)


def processor_seconds(process: int) -> float:
    """Returns the processor time of a process, or NaN if it is gone or the system tells none."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_stop(project: Project) -> dict[str, Any]:
    """Stops the training that runs."""
    process = (current_job(project).progress or {})["pid"]
    used = [processor_seconds(process)]
    began = time.monotonic()
    stopping = jobs.stop(project)
    told = time.monotonic() - began
    assert stopping is None or stopping.state == "stopping"
    for _ in follow(project):
        used.append(processor_seconds(process))
    ended = time.monotonic() - began
    run = clothes.Run.open(project.runs / RUN)
    clothes.load(run.path).predict(next(path for path in project.photos.glob("*/*") if path.is_file()))
    usable = time.monotonic() - began
    epochs, history = run.bundle.info["epochs"], run.history
    best = max(history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))["epoch"]
    numbers = {"acknowledged": told, "ended": ended, "usable": usable}
    return {
        **{name: round(value, 2) for name, value in numbers.items()},
        "processor": round(max(value for value in used if value == value) - used[0], 1),
        "is_best": (epochs["trained"], epochs["best"]) == (len(history), best),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--how", choices=("good", "own"), default="good")
    parser.add_argument("--each", type=int, default=20, help="photos of a class")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clothes-stop-") as folder:
        project = make_project(Path(folder), given.photos, CLASSES, given.each)
        for moment in ("epoch", "again", "preparing"):
            if moment == "epoch":
                jobs.start(project, "train", how=given.how, run=RUN)
                wait_for_epoch(project, 1)
            else:
                if moment == "preparing":
                    kill_after_an_epoch(project)
                jobs.go_on(project, RUN)
            print(json.dumps({"how": given.how, "moment": moment, **measure_stop(project)}), flush=True)


if __name__ == "__main__":
    main()
