"""Measures how right the time left of the studio's trainings is after the first fifth. Needs a computer at rest.

    uv run python -m benchmarks.studio_jobs PHOTOS [--quick]

PHOTOS holds class folders. Prints a line of JSON for each training, and the median of their errors. An estimate that
comes later than the first fifth counts from when it comes: `at` is the share of the time that had passed. With --quick
there are ten quick trainings, of 40 photos to all there are; each begins without kept features.
"""

import argparse
import json
import os
import shutil
import statistics
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

QUICK = tuple(
    (classes, each, {"how": "quick"})
    for classes, each in (
        (4, 10),
        (6, 15),
        (10, 15),
        (10, 25),
        (10, 30),
        (8, 50),
        (10, 60),
        (10, 80),
        (10, 120),
        (10, 400),
    )
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--quick", action="store_true", help="quick trainings only")
    given = parser.parse_args()
    errors = []
    for classes, each, asked in QUICK if given.quick else TRAININGS:
        with tempfile.TemporaryDirectory(prefix="clothes-jobs-") as folder:
            os.environ["CLOTHES_CACHE"] = str(Path(folder) / "cache")  # of the process of the job, too
            found = measure_time_left(make_project(Path(folder) / "project", given.photos, classes, each), asked)
            errors.append(found.get("error", 1.0))  # without an estimate
            print(json.dumps(found), flush=True)
    print(json.dumps({"median error": round(statistics.median(errors), 3)}))


if __name__ == "__main__":
    main()
