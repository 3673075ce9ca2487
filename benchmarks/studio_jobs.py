"""Measures the studio's trainings: how right the time left is after the first fifth, and how soon a stop ends.

    uv run python benchmarks/studio_jobs.py PHOTOS [--stops]

PHOTOS holds class folders. Prints a line of JSON for each training. An estimate that comes later than the first fifth
counts from when it comes: `at` is the share of the time that had passed.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clothes.studio import jobs
from clothes.studio.project import Project

TRAININGS: tuple[tuple[int, int, dict[str, Any]], ...] = (  # classes, photos of each, what is asked
    (10, 10, {"how": "own", "changes": {"train": {"epochs": 40}}}),
    (6, 15, {"how": "own", "changes": {"train": {"epochs": 60}}}),
    (10, 20, {"how": "own", "changes": {"model": {"image_size": 48}, "train": {"epochs": 50}}}),
    (4, 8, {"how": "own"}),
    (10, 30, {"how": "own", "changes": {"model": {"image_size": 64}, "train": {"epochs": 30}}}),
    (10, 25, {"how": "own", "changes": {"train": {"epochs": 25}}}),
    (10, 30, {"how": "quick"}),
    (10, 60, {"how": "quick"}),
    (6, 8, {"how": "good", "changes": {"train": {"epochs": 3}}}),
    (8, 12, {"how": "good", "changes": {"model": {"image_size": 96}, "train": {"epochs": 5}}}),
)


def make_project(root: Path, photos: Path, classes: int, each: int) -> Project:
    project = Project.open(root)
    for folder in sorted(path for path in photos.iterdir() if path.is_dir())[:classes]:
        (project.photos / folder.name).mkdir()
        for path in sorted(folder.iterdir())[:each]:
            shutil.copy(path, project.photos / folder.name)
    return project


def follow(project: Project) -> Iterator[jobs.Status]:
    """Yields the status four times a second, until the job has ended."""
    while (status := jobs.current(project)) and status.is_active:
        yield status
        time.sleep(0.25)


def measure_time_left(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    jobs.start(project, "train", **asked)
    seen = [(time.monotonic() - began, status.seconds_left) for status in follow(project)]
    total = time.monotonic() - began
    told = next(((at, left) for at, left in seen if at >= total / 5 and left is not None), None)
    result: dict[str, Any] = {"asked": asked, "seconds": round(total, 1)}
    if told is not None:
        at, left = told
        result |= {"at": round(at / total, 2), "left": round(left, 1), "true": round(total - at, 1)}
        result["error"] = round(abs(left - (total - at)) / (total - at), 3)
    return result


def measure_stop(project: Project, asked: dict[str, Any]) -> dict[str, Any]:
    """Stops a training after its first epoch."""
    jobs.start(project, "train", **asked)
    for status in follow(project):
        if status.epoch:
            break
    began = time.monotonic()
    stopping = jobs.stop(project)
    told = time.monotonic() - began
    assert stopping is None or stopping.state == "stopping"
    for _ in follow(project):
        pass
    ended = jobs.current(project)
    assert ended
    seconds = round(time.monotonic() - began, 1)
    return {"asked": asked, "acknowledged": round(told, 3), "ended": seconds, "has_model": ended.has_model}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--stops", action="store_true", help="measure stops instead of the time left")
    given = parser.parse_args()
    stops = ((10, 20, {"how": "own"}), (10, 20, {"how": "good"}))
    for classes, each, asked in stops if given.stops else TRAININGS:
        with tempfile.TemporaryDirectory(prefix="clothes-jobs-") as folder:
            project = make_project(Path(folder), given.photos, classes, each)
            print(json.dumps((measure_stop if given.stops else measure_time_left)(project, asked)), flush=True)


if __name__ == "__main__":
    main()
