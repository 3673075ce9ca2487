"""How far a job is, how long it still takes, and the end of a job that does not end by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

import clothes
from clothes.inference.run import HISTORY_COLUMNS
from clothes.photos.split_file import Split
from clothes.studio import reporter
from clothes.studio.job_folder import JobFolder
from clothes.studio.reporter import FollowedTraining, Reporter
from clothes.studio.time_left import TimeLeft
from clothes.training.callbacks import StopTrainingError
from tests.support.clock import Clock
from tests.support.pictures import SMALL
from tests.support.waiting import wait_for

DEAF = """
import sys, time, pathlib
from clothes.studio import reporter
from clothes.studio.job_folder import JobFolder
reporter._GRACE = 0.2
job = JobFolder(pathlib.Path(sys.argv[1]))
with job.lock(), reporter.Reporter(job) as told:
    told.keeps = sys.argv[2] == "keeps"
    told.step("prepare" if told.keeps else sys.argv[2], 0, 1)
    print("at it", flush=True)
    time.sleep(600 if sys.argv[2] == "prepare" else 3)
    told.end("done")
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, reporter)


@pytest.mark.parametrize("first", [0, 300])
def test_the_time_left_of_a_training_follows_its_own_speed(clock: Clock, first: int) -> None:
    """Also of one that goes on: the steps of before took no time now."""
    left = TimeLeft()
    left.step("decode", 5, 10)
    assert left.seconds() is None  # the training itself is not known yet
    left.step("train", first, 700)
    assert left.seconds() is None  # nor is how long its steps take
    left.begin_training(100.0, saving=8.0)
    assert left.seconds() == 108.0
    steps = 700
    for done in range(first + 1, 400):
        clock.now += 0.5
        left.step("train", done, steps)
    wanted = (steps - 399) * 0.5
    assert left.seconds() == pytest.approx(wanted + 8.0, rel=0.01)
    left.step("save", 0, 1)
    assert left.seconds() == 8.0
    clock.now += 100
    assert left.seconds() == 1.0


def test_the_time_left_of_other_work_is_that_of_its_stage(clock: Clock) -> None:
    left = TimeLeft()
    left.step("check", 1, 100)
    clock.now += 10
    left.step("check", 21, 100)
    assert left.seconds() == pytest.approx(10 / 20 * 79)


def test_the_time_left_reckons_with_an_early_stop(clock: Clock, tmp_path: Path) -> None:
    """The best of 10 epochs is the fifth. With a patience of 31 the end comes between 36 and 100: likely at 60."""
    with Reporter(JobFolder(tmp_path)) as told:
        followed = FollowedTraining(told)
        config = SMALL.changed({"train": {"epochs": 100, "patience": 31}})
        followed.on_start(clothes.Run(tmp_path), config, Split(tmp_path, ()))
        followed.on_estimate(1000.0)
        for epoch in range(1, 11):
            clock.now += 10
            told.step("train", epoch, 100)
            followed.on_epoch({"epoch": float(epoch), "val_accuracy": min(epoch, 5) / 10, "val_loss": 1.0})
        told.end("stopped")
        assert (told._now["epoch"], told._now["epochs"]) == (10, 100)
        assert told._time_left.seconds() == pytest.approx(10 * (60 - 10) + reporter._SAVING_SEQUENTIAL)


def test_a_stop_is_raised_at_the_next_step_but_while_the_model_is_written(tmp_path: Path) -> None:
    with Reporter(JobFolder(tmp_path)) as told:
        told.stop.set()
        told.step("save", 0, 1)
        with pytest.raises(StopTrainingError):
            told.step("train", 1, 2)
        told.end("stopped")
    progress = JobFolder(tmp_path).progress
    assert progress
    assert (progress["state"], progress["stage"]) == ("stopped", "save")


def test_a_stop_while_a_training_prepares_to_go_on_tells_the_epochs_of_before(tmp_path: Path) -> None:
    run = clothes.Run(tmp_path)
    run.write_history([dict.fromkeys(HISTORY_COLUMNS, 0.5) | {"epoch": epoch} for epoch in (1, 2)])
    with Reporter(JobFolder(tmp_path)) as told:
        told.stop.set()
        with pytest.raises(StopTrainingError):
            FollowedTraining(told).on_start(run, SMALL, Split(tmp_path, ()))
        told.end("stopped")
    progress = JobFolder(tmp_path).progress
    assert progress
    assert (progress["epoch"], progress["epochs"]) == (2, SMALL.train.epochs)


def test_a_full_disk_ends_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Reporter(JobFolder(tmp_path)) as told:
        monkeypatch.setattr(JobFolder, "write", refuse)
        told.step("train", 1, 2)
        told.end("done")


@pytest.mark.parametrize(("stage", "state"), [("prepare", "stopped"), ("save", "done"), ("keeps", "done")])
def test_a_job_that_does_not_listen_is_ended_unless_it_saves(tmp_path: Path, stage: str, state: str) -> None:
    job = JobFolder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", DEAF, str(tmp_path), stage], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().strip() == b"at it"
            assert job.is_alive
            job.ask_to_stop()
            wait_for(lambda: process.poll() is not None, seconds=60)
        finally:
            process.kill()
    progress = job.progress
    assert progress
    assert progress["state"] == state
    assert not job.is_alive
