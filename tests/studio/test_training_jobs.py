"""Trainings outlive their studio, and come to the same weights through kills and stops."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.studio import jobs
from clothes.studio.project import Project
from clothes.training.train import train
from tests.support.jobs import folder_of, kill, make_project, wait_until_ended
from tests.support.pictures import SMALL
from tests.support.waiting import wait_for

LONG = SMALL.changed({"train": {"epochs": 60, "patience": 0}})
STUDIO = """
import json, sys, time
from pathlib import Path
from clothes.studio import jobs
from clothes.studio.project import Project
jobs.start(Project.open(Path(sys.argv[1])), "train", how="own", run="a", changes=json.loads(sys.argv[2]))
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = make_project(tmp_path / "project")
    yield project
    status = jobs.stop(project)
    if status:
        wait_for(lambda: not folder_of(project, status).is_alive)


def epoch(project: Project) -> int:
    status = jobs.current(project)
    assert status
    assert status.is_active, status.problem
    return status.epoch


def start_and_kill_the_studio(project: Project) -> None:
    """Starts a training from a studio, which is killed with all its process group."""
    command = [sys.executable, "-c", STUDIO, str(project.root), LONG.to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as studio:
        assert studio.stdout
        assert studio.stdout.readline().strip() == b"started"
        os.killpg(studio.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups of Unix")
def test_a_training_outlives_its_studio_a_kill_and_a_stop_with_the_same_weights(project: Project) -> None:
    start_and_kill_the_studio(project)
    wait_for(lambda: epoch(project) >= 3)  # it goes on, and a new studio sees it
    alive = jobs.current(project)
    assert alive
    kill(project, alive)
    died = jobs.current(project)
    assert died
    assert died.problem
    assert (died.state, died.offers, died.problem["next"]) == ("died", ("go on", "again"), "go on")
    known = len(clothes.Run.open(project.runs / "a").history)
    assert known >= died.epoch - 1
    seen = jobs.go_on(project, "a")
    assert seen.asked == alive.asked
    wait_for(lambda: epoch(project) > 0)
    assert epoch(project) >= known - 1  # one epoch is lost at most

    wait_for(lambda: epoch(project) >= known + 3)
    stopping = jobs.stop(project)
    assert stopping
    assert (stopping.state, stopping.offers) == ("stopping", ())
    stopped = wait_until_ended(project)
    assert (stopped.state, stopped.has_model, stopped.offers) == ("stopped", True, ("go on", "again"))
    run = clothes.Run.open(project.runs / "a")
    assert run.info["finished"] is None
    best = run.bundle.info["epochs"]["best"]
    assert run.history[best - 1]["val_accuracy"] == max(row["val_accuracy"] for row in run.history)
    assert clothes.load(run.path).predict(project.photos / "bar" / "000.png").scores.keys() == {
        "bar",
        "frame",
        "square",
    }

    jobs.go_on(project, "a")
    assert wait_until_ended(project).state == "done"
    assert run.info["finished"]
    undisturbed = train(project.photos, out=project.root / "undisturbed", changes=LONG.to_dict())
    assert len(run.history) == len(undisturbed.history) == LONG.train.epochs
    pairs = zip(run.bundle.weights(), undisturbed.bundle.weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


@pytest.mark.slow
def test_sigterm_keeps_the_best_epoch_too(project: Project) -> None:
    jobs.start(project, "train", how="own", run="a", changes=LONG.to_dict())
    wait_for(lambda: epoch(project) >= 2)
    status = jobs.current(project)
    assert status
    os.kill((folder_of(project, status).progress or {})["pid"], signal.SIGTERM)
    stopped = wait_until_ended(project)
    assert (stopped.state, stopped.has_model) == ("stopped", True)
    assert stopped.epoch == len(clothes.Run.open(project.runs / "a").history)


@pytest.mark.slow
def test_a_stop_before_the_first_epoch_leaves_nothing_broken(project: Project) -> None:
    jobs.start(project, "train", how="own", run="a", changes=LONG.to_dict())
    assert jobs.stop(project)
    stopped = wait_until_ended(project)
    assert (stopped.state, stopped.has_model) == ("stopped", False)
    jobs.go_on(project, "a")
    wait_for(lambda: epoch(project) >= 1)


@pytest.mark.slow
def test_a_stop_while_a_training_prepares_to_go_on_keeps_the_best_epoch_of_before(project: Project) -> None:
    jobs.start(project, "train", how="own", run="a", changes=LONG.to_dict())
    wait_for(lambda: epoch(project) >= 2)
    status = jobs.current(project)
    assert status
    kill(project, status)
    jobs.go_on(project, "a")
    jobs.stop(project)
    stopped = wait_until_ended(project)
    assert (stopped.state, stopped.has_model, stopped.offers) == ("stopped", True, ("go on", "again"))
    run = clothes.Run.open(project.runs / "a")
    best = run.bundle.info["epochs"]["best"]
    assert run.history[best - 1]["val_accuracy"] == max(row["val_accuracy"] for row in run.history)
    assert run.info["finished"] is None


@pytest.mark.slow
def test_a_command_respects_the_training_of_a_job(project: Project) -> None:
    jobs.start(project, "train", how="own", run="a", changes=LONG.to_dict())
    wait_for(lambda: epoch(project) >= 1)
    with pytest.raises(clothes.ClothesError, match="Another training goes on in"):
        train(project.photos, out=project.runs / "a", resume=True)


@pytest.mark.slow
def test_a_search_is_stopped_gone_on_with_and_its_settings_are_trained(project: Project) -> None:
    asked = {"how": "tune", "minutes": 0.5, "run": "a", "changes": SMALL.changed({"train": {"epochs": 2}}).to_dict()}
    jobs.start(project, "train", **asked)
    wait_for(lambda: (jobs.current(project) or pytest.fail()).stage == "search")
    jobs.stop(project)
    stopped = wait_until_ended(project)
    assert (stopped.state, stopped.has_model, stopped.offers) == ("stopped", False, ("go on", "again"))
    jobs.go_on(project, "a")
    done = wait_until_ended(project)
    assert done.state == "done", done.problem
    found = clothes.Config.read(project.root / "tunings" / "a" / "config.json")
    assert clothes.Run.open(project.runs / "a").config == found
