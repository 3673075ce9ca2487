"""Jobs are processes of their own: followed, stopped, found again, and recognised when they died."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.errors import ClothesError, ConfigError, RunError
from clothes.studio import jobs
from clothes.studio.filling import filling, is_filling
from clothes.studio.intake import Intake
from clothes.studio.job_folder import BEGINNING
from clothes.studio.project import Project
from tests.support.commands import run_command
from tests.support.jobs import folder_of, foreign_job, make_project, wait_until_ended
from tests.support.pictures import photo
from tests.support.studio import make_zip
from tests.support.waiting import wait_for

JOB = json.dumps({"kind": "train", "asked": {"run": "a", "how": "own"}, "created": "2026-01-01T12:00:00+00:00"})
FILL = """
import sys, time
from clothes.studio.filling import filling
from clothes.studio.project import Project
with filling(Project.open(sys.argv[1])):
    print("filling", flush=True)
    time.sleep(600)
"""
PROGRESS = json.dumps(BEGINNING | {"stage": "train", "done": 30, "total": 100, "epoch": 3, "epochs": 10})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = make_project(tmp_path / "project")
    yield project
    for kind in ("check", None):
        jobs.stop(project, kind)  # type: ignore[arg-type]
        status = jobs.current(project, kind)  # type: ignore[arg-type]
        if status:
            wait_for(lambda status=status: not folder_of(project, status).is_alive)  # type: ignore[misc]


def test_a_job_runs_in_a_process_of_its_own_and_gives_the_numbers_of_the_command(project: Project) -> None:
    assert jobs.current(project, "check") is None
    started = jobs.start(project, "check")
    assert started.is_active
    status = wait_until_ended(project, "check")
    assert (status.state, status.id, status.problem, status.offers) == ("done", started.id, None, ())
    result = folder_of(project, status).result
    assert result
    assert result["report"] == json.loads(run_command("check", project.photos, "--json").out)
    assert jobs.current(project) is None  # a check may run beside other jobs


def test_a_training_says_what_it_was_asked_and_names_its_run(project: Project) -> None:
    started = jobs.start(project, "train", how="quick")
    status = wait_until_ended(project)
    assert status.state == "done", status.problem
    assert status.has_model
    assert status.run == started.run
    command = run_command("train", project.photos, "--model", "quick", "--out", project.root / "command")
    assert command.status == 0
    same = json.loads((project.root / "command" / "bundle" / "bundle.json").read_text())
    assert (folder_of(project, status).result or {})["metrics"] == same["metrics"]


def test_one_job_of_heavy_work_at_a_time(project: Project) -> None:
    with foreign_job(project, job=JOB, progress=PROGRESS):
        with pytest.raises(ClothesError, match=r"Another job runs: the training, since 12:00\. Wait .* or stop it"):
            jobs.start(project, "train", how="quick")
        assert len(list((project.private / "jobs").iterdir())) == 1  # nothing is left of the refused one
        jobs.start(project, "check")
        assert wait_until_ended(project, "check").state == "done"


def test_no_training_begins_while_a_zip_file_is_unpacked(project: Project, tmp_path: Path) -> None:
    seen: list[str] = []

    def begin(done: int, total: int) -> None:
        with pytest.raises(ClothesError, match="Photos are still being added") as refused:
            jobs.start(project, "train", how="quick")
        seen.append(str(refused.value))

    with Intake(project) as intake:
        intake.add_zip(make_zip(tmp_path / "hats.zip", {f"hat/{i}.png": photo(i) for i in range(2)}), progress=begin)
    assert len(seen) == 2
    assert "Those that are there are safe" in seen[0]
    assert jobs.current(project) is None
    assert not is_filling(project)


def test_a_training_goes_on_while_photos_are_added_to_which_it_does_not_look(project: Project) -> None:
    begun = clothes.Run.new(project.runs / "a", clothes.Config(), clothes.split(project.photos))
    (begun.path / "config.json").write_text("{")
    with filling(project):
        assert jobs.go_on(project, "a").kind == "train"
    assert wait_until_ended(project).state == "failed"  # by its settings, so that this test takes no training


def test_photos_are_being_added_as_long_as_the_process_lives_that_adds_them(project: Project) -> None:
    command = [sys.executable, "-c", FILL, str(project.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().strip() == b"filling"
            assert is_filling(project)
        finally:
            process.kill()
    wait_for(lambda: not is_filling(project))
    (mark,) = (project.private / "filling").iterdir()
    os.utime(mark, (0, 0))  # nobody is about to lock it
    assert not is_filling(project)
    assert not mark.exists()


def test_a_job_of_another_studio_is_followed_and_stopped_at_once(project: Project) -> None:
    with foreign_job(project, job=JOB, progress=PROGRESS) as (job, _):
        status = jobs.current(project)
        assert status
        assert (status.state, status.run, status.epoch, status.offers) == ("running", "a", 3, ("stop",))
        stopping = jobs.stop(project)
        assert stopping
        assert (stopping.state, stopping.offers) == ("stopping", ())
        assert job.is_asked_to_stop
        assert jobs.current(project) == stopping
        assert jobs.stop(project) == stopping


def test_a_died_job_is_recognised_by_its_lock(project: Project) -> None:
    """Its number may be that of another process by now: here that of this test."""
    alive = json.dumps(json.loads(PROGRESS) | {"pid": os.getpid()})
    with foreign_job(project, job=JOB, progress=alive) as (_, process):
        process.kill()
        process.wait()
        died = jobs.current(project)
        assert died
        assert (died.state, died.seconds_left, died.offers) == ("died", None, ("again",))
        assert died.problem
        assert "ended without a word" in died.problem["what"]
        checkpoints = project.runs / "a" / "checkpoints" / "epoch-000003"
        checkpoints.mkdir(parents=True)
        (project.runs / "a" / "run.json").write_text("{}")
        died = jobs.current(project)
        assert died
        assert died.problem
        assert (died.offers, died.problem["next"]) == (("go on", "again"), "go on")
        assert "learnt up to the last epoch is kept" in died.problem["safe"]
    assert jobs.stop(project) == died
    jobs.start(project, "train", how="quick")  # and it is in nobody's way
    assert wait_until_ended(project).state == "done"


def test_a_failed_job_says_what_happened_what_is_safe_and_what_is_next(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=12, shapes=("bar",))
    jobs.start(project, "train", how="quick")
    status = wait_until_ended(project)
    assert (status.state, status.offers, status.has_model) == ("failed", ("again",), False)
    assert status.problem
    assert "needs at least two classes" in status.problem["what"]
    assert (status.problem["safe"], status.problem["next"]) == (
        "Your photos and your earlier models are unchanged.",
        "photos",
    )
    assert "SplitError" in (folder_of(project, status).path / "log.txt").read_text()


def test_photos_that_are_gone_are_said_to_be_gone(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "empty")
    jobs.start(project, "check")
    status = wait_until_ended(project, "check")
    assert status.state == "failed"
    assert status.problem
    assert status.problem["next"] == "photos"


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("train", {"how": "magic"}),
        ("train", {"how": "minutes"}),
        ("train", {"how": "tune", "minutes": -1}),
        ("train", {"run": "../../elsewhere"}),
        ("train", {"run": "a/b"}),
        ("train", {"run": ".hidden"}),
        ("train", {"run": ".."}),
        ("train", {"project": "other"}),
        ("train", {"color": "red"}),
        ("train", {"changes": [1]}),
        ("test", {}),
        ("export", {"run": "a"}),
        ("export", {"run": "a", "format": "exe"}),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_process_starts(
    project: Project, kind: Any, asked: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        jobs.start(project, kind, **asked)
    assert jobs.current(project) is None


def test_a_run_is_never_replaced_and_a_finished_one_does_not_go_on(project: Project) -> None:
    with pytest.raises(RunError, match="no training b to go on with"):
        jobs.go_on(project, "b")
    jobs.start(project, "train", how="quick", run="a")
    assert wait_until_ended(project).state == "done"
    with pytest.raises(RunError, match="There is a run a already"):
        jobs.start(project, "train", how="quick", run="a")
    with pytest.raises(RunError, match="training of a is finished"):
        jobs.go_on(project, "a")
    with pytest.raises(ConfigError, match="cannot be the name of a run"):
        jobs.go_on(project, "../a")
