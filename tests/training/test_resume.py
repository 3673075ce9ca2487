"""An interrupted run continues to the same bits: after stops, signals, kills and changes of its settings."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli import main
from clothes.cli.commands.training import train as train_command
from clothes.errors import PhotosError, RunError
from clothes.inference.run import run_lock
from clothes.photos.split_file import Split
from clothes.training.callbacks import StopTrainingError, TrainingCallback
from clothes.training.train import train
from tests.support.checkpoints import newest
from tests.support.pictures import SMALL
from tests.support.stopping import Stopping

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class StoppingAfterEpoch(TrainingCallback):
    """Stops the training after the first epoch; records the seconds that the rest would have taken."""

    seconds = 0.0

    def on_estimate(self, seconds: float) -> None:
        self.seconds = seconds

    def on_epoch(self, row: dict[str, float]) -> None:
        raise KeyboardInterrupt


def stopped(photos: Path, out: Path, *, after: int) -> clothes.Run:
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=out, config=SMALL, callback=Stopping(after))
    return clothes.Run.open(out)


@pytest.mark.slow
def test_stops_between_steps_lose_none_and_change_nothing(photos: Path, tmp_path: Path) -> None:
    whole = train(photos, out=tmp_path / "whole", config=SMALL)
    steps = len(whole.split.part("train")) // SMALL.train.batch_size
    assert steps == 2
    run = stopped(photos, tmp_path / "run", after=1)  # in the middle of an epoch
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=run.path, resume=True, callback=Stopping(4))  # after the last step of one
    assert (newest(run)[0].epoch, newest(run)[0].step) == (1, 2)
    callback = StoppingAfterEpoch()
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=run.path, resume=True, callback=callback)
    assert (newest(run)[0].epoch, newest(run)[0].step) == (2, 0)
    assert callback.seconds > 0
    train(photos, out=run.path, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(run.bundle.weights(), whole.bundle.weights(), strict=True))
    without = [[{**row, "seconds": 0} for row in each.history] for each in (run, whole)]
    assert without[0] == without[1]
    for part, values in newest(whole)[1].items():  # the optimiser and the averages too
        assert all(np.array_equal(a, b) for a, b in zip(newest(run)[1][part], values, strict=True)), part


class StoppingAndKeeping(TrainingCallback):
    """Stops the training after a number of steps and keeps its best epoch."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_progress(self, stage: str, done: int, total: int) -> None:
        if stage == "train" and done == self.after:
            raise StopTrainingError


@pytest.mark.slow
def test_a_stop_can_keep_the_best_epoch_and_still_go_on(run: clothes.Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(StopTrainingError):  # in the middle of the first epoch: nothing to keep
        train(run.photos, out=out, config=SMALL, callback=StoppingAndKeeping(1))
    assert not (out / "bundle").exists()
    steps = len(run.split.part("train")) // SMALL.train.batch_size
    with pytest.raises(StopTrainingError):
        train(run.photos, out=out, resume=True, callback=StoppingAndKeeping(2 * steps + 1))
    stopped = clothes.Run.open(out)
    epochs, history = stopped.bundle.info["epochs"], stopped.history
    assert (epochs["trained"], stopped.info["finished"]) == (2, None)
    assert history[epochs["best"] - 1]["val_accuracy"] == max(row["val_accuracy"] for row in history)
    assert clothes.evaluate(out).photos == len(run.split.part("test"))
    train(run.photos, out=out, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(stopped.bundle.weights(), run.bundle.weights(), strict=True))
    assert stopped.info["finished"]
    assert (stopped.bundle.info["epochs"]["trained"], "test" in stopped.bundle.info["metrics"]) == (4, False)
    assert not (out / "evaluation.json").exists()  # it was of the earlier bundle
    assert stopped.info["test_part_opened"] == 1


class StoppingWhileValidating(TrainingCallback):
    """Stops the training when it is told for the second time that a number of steps is done: no step came between."""

    def __init__(self, after: int) -> None:
        self.after, self.told = after, 0

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self.told += stage == "train" and done == self.after
        if self.told == 2:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_stop_while_the_photos_are_validated_loses_no_step_and_changes_nothing(
    run: clothes.Run, tmp_path: Path
) -> None:
    steps = len(run.split.part("train")) // SMALL.train.batch_size
    with pytest.raises(KeyboardInterrupt):
        train(run.photos, out=tmp_path / "run", config=SMALL, callback=StoppingWhileValidating(2 * steps))
    stopped = clothes.Run.open(tmp_path / "run")
    assert (newest(stopped)[0].epoch, newest(stopped)[0].step) == (1, steps)
    train(run.photos, out=stopped.path, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(stopped.bundle.weights(), run.bundle.weights(), strict=True))
    results = ("temperature", "threshold", "metrics")
    assert [stopped.bundle.info[name] for name in results] == [_before_tests(run)[name] for name in results]


def _before_tests(run: clothes.Run) -> dict[str, Any]:
    """The entries of a bundle as the training wrote them."""
    info = run.bundle.info
    return info | {"metrics": {"validation": info["metrics"]["validation"]}}


class StoppingWhilePreparing(TrainingCallback):
    """Stops a training at every call that comes before its first step."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self.stages.append(stage)
        if stage != "save":
            raise StopTrainingError

    def on_start(self, *_: object) -> None:
        self.stages.append("start")
        raise StopTrainingError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_cached", "stages"), [(True, ["start", "save", "save"]), (False, ["decode", "save", "save"])]
)
def test_a_stop_while_a_run_prepares_to_go_on_keeps_the_best_epoch_of_before(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_cached: bool, stages: list[str]
) -> None:
    steps = 2
    run = stopped(photos, tmp_path / "run", after=2 * steps + 1)
    assert not (run.path / "bundle").exists()
    if not is_cached:
        monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "cache"))
    callback = StoppingWhilePreparing()
    with pytest.raises(StopTrainingError):
        train(photos, out=run.path, resume=True, callback=callback)
    assert callback.stages == stages
    state, arrays = newest(run)
    epochs = run.bundle.info["epochs"]
    assert (epochs["trained"], epochs["best"], state.step) == (2, state.best_epoch, 1)
    assert run.info["finished"] is None
    scores = clothes.load(run.path).predict(photos / "bar" / "000.png").scores
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(run.bundle.weights(), arrays["best"], strict=True))

    written = (run.path / "bundle" / "bundle.json").stat().st_mtime_ns
    again = StoppingWhilePreparing()
    with pytest.raises(StopTrainingError):  # the bundle is of the best epoch already, so this one is quick
        train(photos, out=run.path, resume=True, callback=again)
    assert again.stages == ["start"]
    steps_more = StoppingAndKeeping(2 * steps + 2)
    with pytest.raises(StopTrainingError):
        train(photos, out=run.path, resume=True, callback=steps_more)
    assert (run.path / "bundle" / "bundle.json").stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_run_whose_settings_were_changed_does_not_go_on(photos: Path, tmp_path: Path) -> None:
    run = stopped(photos, tmp_path / "run", after=1)
    changed = SMALL.changed({"train": {"learning_rate": 0.123}})
    (run.path / "config.json").write_text(changed.to_json())
    with pytest.raises(RunError, match="of another config"):
        train(photos, out=run.path, resume=True)


class StoppingAtStart(TrainingCallback):
    def on_start(self, *_: object) -> None:
        raise KeyboardInterrupt


LITE = {"model": {"architecture": "efficientnet-lite0", "weights": "none", "image_size": 32}}


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({"changes": {"train": {"epochs": 12, "seed": 3}}}, {"changes": {"train": {"epochs": 12, "seed": 4}}}),
        ({"changes": {"train": {"epochs": 12}}}, {"changes": {"train": {"epochs": 13}}}),
        ({"changes": LITE}, {"changes": {"model": {**LITE["model"], "architecture": "efficientnet-lite1"}}}),
        ({"config": SMALL}, {"config": SMALL.changed({"train": {"learning_rate": 0.1}})}),
        pytest.param({"config": SMALL, "minutes": 1}, {"config": SMALL, "minutes": 2}, marks=pytest.mark.slow),
        ({"config": SMALL, "changes": {"train": {"epochs": 99_999}}, "minutes": 1}, {"minutes": 1.5}),
        ({"config": SMALL, "split": clothes.SplitConfig(seed=5)}, {"split": clothes.SplitConfig(seed=6)}),
    ],
)
def test_resume_takes_the_same_options_and_no_others(
    photos: Path, tmp_path: Path, options: dict[str, Any], others: dict[str, Any]
) -> None:
    for given in (options, others):
        if split := given.get("split"):
            clothes.split(photos, config=split).write(tmp_path / f"{split.seed}.csv")
            given["split"] = tmp_path / f"{split.seed}.csv"
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=out, callback=StoppingAtStart(), **options)
    chosen = clothes.Run.open(out).config.train
    for same in (options, {}, {"changes": {"train": {"epochs": chosen.epochs, "seed": chosen.seed, "ema": None}}}):
        with pytest.raises(KeyboardInterrupt):
            train(photos, out=out, resume=True, callback=StoppingAtStart(), **same)
    with pytest.raises(RunError, match=r"another split or other settings: .*Leave them out"):
        train(photos, out=out, resume=True, **others)
    with pytest.raises(RunError, match="and --overwrite replaces it"):
        train(photos, out=out, resume=True, overwrite=True)


def test_a_run_of_an_older_version_takes_its_own_settings(begun: clothes.Run) -> None:
    """It does not say which settings were asked for."""
    same = {"model": {"image_size": 28}, "train": {"epochs": 4, "seed": 0}}
    with pytest.raises(KeyboardInterrupt):
        train(begun.photos, out=begun.path, resume=True, config=SMALL, changes=same, callback=StoppingAtStart())
    with pytest.raises(RunError, match="other settings: minutes, image_size, epochs"):
        changes = {"model": {"image_size": 32}, "train": {"epochs": 5, "seed": None}}
        train(begun.photos, out=begun.path, resume=True, changes=changes, minutes=3)


def test_resume_takes_no_other_photos(begun: clothes.Run, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"was trained on {begun.photos}, not on {photos}"):
        train(photos, out=begun.path, resume=True)
    gone = clothes.Run.new(tmp_path / "gone", SMALL, Split(tmp_path / "none", clothes.split(photos).rows))
    with pytest.raises(PhotosError, match=r"There is no folder .*none any more"):
        train(tmp_path / "none", out=gone.path, resume=True)


def test_a_finished_run_is_said_to_be_finished(run: clothes.Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run.path / "bundle" / "bundle.json").stat().st_mtime_ns
    train_command(run.photos, out=run.path, resume=True)
    shown = capsys.readouterr()
    assert f"{run.path} was finished already, on {run.info['finished'][:10]}. " in shown.err
    assert "Validation accuracy" in shown.out
    assert (run.path / "bundle" / "bundle.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_ctrl_c_and_sigterm_save_and_say_how_to_go_on(
    photos: Path,
    tmp_path: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    (tmp_path / "long.json").write_text(SMALL.changed({"train": {"epochs": 100_000, "patience": 0}}).to_json())

    def send() -> None:
        until = time.monotonic() + 120
        while not (out / "history.csv").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(
        sys, "argv", ["clothes", "train", str(photos), "--out", str(out), "--config", str(tmp_path / "long.json")]
    )
    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(SystemExit) as ended:
        main.main()
    sender.join()
    assert ended.value.code == 128 + number
    assert f"Continue with:  clothes train {photos} --out {out} --resume\nStopped." in capsys.readouterr().err
    run = clothes.Run.open(out)
    assert newest(run)[0].epoch == len(run.history) > 0
    assert not list(out.rglob(".making-*"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.skipif(not BENCHMARKS.exists(), reason="not in a checkout")
def test_kills_change_nothing() -> None:
    command = [sys.executable, str(BENCHMARKS / "killed_training.py"), "--kills", "3"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    result = json.loads(done.stdout)
    assert result["kills"] == 3
    assert result["most epochs lost"] <= 1
    assert result["left over"] == 0
    assert result["equal to the bit"]


@pytest.mark.slow
def test_a_second_training_into_one_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    run = stopped(photos, tmp_path / "run", after=1)

    class Second(TrainingCallback):
        said: str = ""

        def on_start(self, *_: object) -> None:
            for options in ({"resume": True}, {"config": SMALL, "overwrite": True}):
                with pytest.raises(RunError, match=r"Another training goes on in .*run now"):
                    train(photos, out=run.path, **options)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    before = newest(run)[0]
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=run.path, resume=True, callback=Second())
    assert newest(run)[0] == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from clothes.inference.run import run_lock\n"
        "with run_lock(pathlib.Path(sys.argv[1])): print(1, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.read(1)
        with pytest.raises(RunError, match="Another training"), run_lock(tmp_path):
            pass
        process.kill()
    (tmp_path / ".making-half").write_bytes(b"half")
    with run_lock(tmp_path):
        assert not list(tmp_path.iterdir())
