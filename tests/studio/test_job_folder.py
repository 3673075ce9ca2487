"""No file in the folder of a job is trusted: damaged, foreign and hostile ones are as good as none."""

import json
from pathlib import Path
from typing import Any

import pytest

from clothes.studio import jobs
from clothes.studio.job_folder import BEGINNING, JobFolder
from clothes.studio.project import Project
from tests.support.jobs import foreign_job, make_project, wait_until_ended

INFO = {"kind": "train", "asked": {"run": "a", "how": "own"}, "created": "2026-01-01T12:00:00+00:00"}
JOB, PROGRESS = json.dumps(INFO), json.dumps(BEGINNING | {"stage": "train", "epoch": 3})
NAME = "20260101-120000-000000"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", each=4)


def changed(base: str, **entries: Any) -> str:
    return json.dumps(json.loads(base) | entries)


BROKEN = ["", "{", "[]", "null", "3", '"text"', "\0\1", "[" * 5000, '{"kind": "train"}']
JOBS = [
    *BROKEN,
    changed(JOB, kind="format c:"),
    changed(JOB, kind=["train"]),
    changed(JOB, asked=[]),
    changed(JOB, asked={"run": "../../outside"}),
    changed(JOB, asked={"run": "/etc"}),
    changed(JOB, asked={"run": "a\\..\\b"}),
    changed(JOB, asked={"run": 7}),
    changed(JOB, asked={"run": "a", "changes": {"model": 3}}),
    changed(JOB, created=3),
]
PROGRESSES = [
    *BROKEN,
    changed(PROGRESS, state="elsewhere"),
    changed(PROGRESS, epoch=-1),
    changed(PROGRESS, epoch="3"),
    changed(PROGRESS, seconds_left=-3),
    changed(PROGRESS, problem="oh"),
    changed(PROGRESS, problem={"what": "a", "safe": "b", "next": "rm -rf"}),
    PROGRESS.replace("null", "NaN"),
    PROGRESS.replace("null", "1e999"),
    PROGRESS.replace('"epoch": 3', '"epoch": ' + "9" * 400),
]


@pytest.mark.parametrize("text", JOBS)
def test_a_damaged_job_is_left_out(project: Project, text: str) -> None:
    folder = project.private / "jobs" / NAME
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(text)
    (folder / "progress.json").write_text(PROGRESS)
    assert jobs.current(project) is None
    assert jobs.stop(project) is None
    with pytest.raises(jobs.RunError, match="no training a"):
        jobs.go_on(project, "a")


def test_a_job_that_runs_is_in_the_way_whatever_its_files_say(project: Project) -> None:
    with foreign_job(project, NAME, job="{", progress=PROGRESS) as (job, _):
        assert jobs.current(project) is None
        for kind in ("train", "check"):
            with pytest.raises(jobs.ClothesError, match=r"Another job runs: its job\.json is damaged"):
                jobs.start(project, kind)  # type: ignore[arg-type]
        jobs.stop(project)
        assert job.is_asked_to_stop


def test_a_place_that_cannot_be_written_to_is_said(project: Project) -> None:
    (project.private / "jobs").write_text("a file")
    with pytest.raises(jobs.ClothesError, match=r"No job can be started in .*jobs: .* Make room"):
        jobs.start(project, "check")


@pytest.mark.parametrize("text", PROGRESSES)
def test_damaged_progress_is_no_progress(project: Project, text: str) -> None:
    with foreign_job(project, NAME, job=JOB, progress=text) as (_, process):
        status = jobs.current(project)
        assert status
        assert (status.state, status.stage, status.epoch, status.problem) == ("running", "start", 0, None)
        process.kill()
        process.wait()
        status = jobs.current(project)
        assert status
        assert (status.state, status.offers) == ("died", ("again",))


@pytest.mark.parametrize("name", ["job.json", "progress.json"])
def test_links_and_folders_are_not_followed(project: Project, tmp_path: Path, name: str) -> None:
    (tmp_path / "job.json").write_text(JOB)
    (tmp_path / "progress.json").write_text(changed(PROGRESS, state="done"))
    folder = project.private / "jobs" / NAME
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(JOB)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / name)
    status = jobs.current(project)
    assert status is None if name == "job.json" else status and status.state == "died"
    (folder / name).unlink()
    (folder / name).mkdir()
    status = jobs.current(project)
    assert status is None if name == "job.json" else status and status.state == "died"
    (project.private / "jobs" / NAME.replace("2026", "2027")).symlink_to(folder)
    assert len(JobFolder.all(project.private / "jobs")) == 1


def test_a_result_that_was_changed_is_none(project: Project) -> None:
    folder = project.private / "jobs" / NAME
    folder.mkdir(parents=True)
    job = JobFolder(folder)
    assert job.result is None
    job.write_result({"report": {"photos": 3}})
    assert (job.result or {})["report"] == {"photos": 3}
    for text in (*BROKEN, "{}", (folder / "result.json").read_text().replace("3", "4")):
        (folder / "result.json").write_text(text)
        assert job.result is None


def test_damage_is_in_nobodys_way(project: Project) -> None:
    folder = project.private / "jobs" / NAME
    folder.mkdir(parents=True)
    (folder / "job.json").write_text("{")
    (folder.parent / "not-a-job").mkdir()
    (folder.parent / NAME.replace("2026", "2027")).write_text("a file")
    jobs.start(project, "check")
    assert wait_until_ended(project, "check").state == "done"
