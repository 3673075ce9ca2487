"""Checkpoints survive kills, stops, damage, a second training in the same folder, and a loss of NaN."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli import main
from clothes.errors import RunError, TrainingError
from clothes.inference.run import run_lock
from clothes.training.callbacks import TrainingCallback
from clothes.training.checkpoints import Arrays, read_checkpoints, write_checkpoint
from clothes.training.datasets import decode
from clothes.training.pipeline import train
from clothes.training.trainer import Trainer
from tests.support.pictures import SMALL, make_photos

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OF = {"config": {"epochs": 4}, "photos": "a hash"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("checkpoints") / "photos", each=20)


def of(run: clothes.Run) -> dict[str, object]:
    return {"config": run.config.to_dict(), "photos": run.split.fingerprint}


def newest(run: clothes.Run) -> tuple[dict[str, object], Arrays]:
    return next(read_checkpoints(run.path / "checkpoints", of=of(run)))


def write(folder: Path, epoch: int) -> None:
    arrays = {"variables": [np.full((2, 3), epoch, np.float32), np.array(epoch)], "best": []}
    write_checkpoint(folder, f"epoch-{epoch:06d}", of=OF, state={"epoch": epoch}, arrays=arrays)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "c", 7)
    state, arrays = next(read_checkpoints(tmp_path / "c", of=OF))
    assert state == {"epoch": 7}
    assert [(value.dtype, value.shape) for value in arrays["variables"]] == [(np.float32, (2, 3)), (np.int64, ())]
    assert [value.max() for value in arrays["variables"]] == [7, 7]
    assert arrays["best"] == []


def test_the_last_three_are_kept_and_the_newest_whole_one_is_read(tmp_path: Path) -> None:
    for epoch in range(1, 6):
        write(tmp_path / "c", epoch)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [f"epoch-{i:06d}" for i in (3, 4, 5)]
    (tmp_path / "c" / "epoch-000005" / "arrays.bin").write_bytes(b"torn")
    found = read_checkpoints(tmp_path / "c", of=OF)
    assert [next(found)[0]["epoch"] for _ in range(2)] == [4, 3]
    for epoch in (3, 4):
        (tmp_path / "c" / f"epoch-{epoch:06d}" / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match=r"No checkpoint in .* can be resumed .*000005.*checksum mismatch.*--overwrite"):
        list(read_checkpoints(tmp_path / "c", of=OF))
    assert list(read_checkpoints(tmp_path / "none", of=OF)) == []


@pytest.mark.parametrize("what", ["config", "photos"])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, what: str) -> None:
    write(tmp_path / "c", 1)
    with pytest.raises(RunError, match=f"of another {what}"):
        next(read_checkpoints(tmp_path / "c", of=OF | {what: "other"}))


@pytest.mark.slow
def test_a_run_whose_settings_were_changed_does_not_go_on(photos: Path, tmp_path: Path) -> None:
    run = stopped(photos, tmp_path / "run", after=1)
    changed = SMALL.changed({"train": {"learning_rate": 0.123}})
    (run.path / "config.json").write_text(changed.to_json())
    with pytest.raises(RunError, match="of another config"):
        train(photos, out=run.path, resume=True)


class Stopping(TrainingCallback):
    """Stops the training after a number of steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_progress(self, stage: str, done: int, total: int) -> None:
        if stage == "train" and done == self.after:
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
    for after in (2, 3, 7):  # at the end of one, in the middle of others
        state, _ = newest(run)
        assert (state["epoch"], state["step"]) != (0, 0)
        with pytest.raises(KeyboardInterrupt):
            train(photos, out=run.path, resume=True, callback=Stopping(after))
        state, _ = newest(run)
        assert state["epoch"] * steps + state["step"] == after  # type: ignore[operator]
    train(photos, out=run.path, resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(run.bundle.weights(), whole.bundle.weights(), strict=True))
    without = [[{**row, "seconds": 0} for row in each.history] for each in (run, whole)]
    assert without[0] == without[1]
    for part, values in newest(whole)[1].items():  # the optimiser and the averages too
        assert all(np.array_equal(a, b) for a, b in zip(newest(run)[1][part], values, strict=True)), part


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
    assert newest(run)[0]["epoch"] == len(run.history) > 0
    assert not list(out.rglob(".making-*"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.skipif(not BENCHMARKS.exists(), reason="not in a checkout")
def test_ten_kills_change_nothing() -> None:
    command = [sys.executable, str(BENCHMARKS / "killed_training.py"), "--kills", "10"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    result = json.loads(done.stdout)
    assert result["kills"] == 10
    assert result["most epochs lost"] <= 1
    assert result["left over"] == 0
    assert result["equal to the bit"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_kill_at_any_line_of_a_save_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_saving", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    counts = json.loads(done.stdout)
    assert counts["kills"] > 60
    assert 0 < counts["old"] < counts["kills"]


@pytest.mark.slow
@pytest.mark.skipif(not BENCHMARKS.exists(), reason="not in a checkout")
def test_sixty_damaged_bundles_and_checkpoints(
    run: clothes.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from damaged_files import count_outcomes

    outcomes = count_outcomes(run, 60, tmp_path)
    print(outcomes)
    assert sum(outcomes["bundles"].values()) == sum(outcomes["checkpoints"].values()) == 30
    assert outcomes["bundles"]["refused"] >= 25
    assert outcomes["checkpoints"]["the newest whole one"] >= 10


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


def trainer_of(run: clothes.Run, **settings: object) -> Trainer:
    parts = decode(run.split, 28, ("train", "validation"))
    return Trainer(run.config.changed({"train": settings}), run.split.classes, parts["train"], parts["validation"])


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(photos: Path, tmp_path: Path) -> None:
    class Poisoning(TrainingCallback):
        """Sets the weights to NaN, as a learning rate that is too high does."""

        def on_epoch(self, row: dict[str, float]) -> None:
            if row["epoch"] == 2:
                trainers[0].model.set_weights([w * np.nan for w in trainers[0].model.get_weights()])

    trainers: list[Trainer] = []
    real = Trainer.__init__

    def noting(self: Trainer, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        trainers.append(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(TrainingError) as stopped:
        patch.setattr(Trainer, "__init__", noting)
        train(photos, out=tmp_path / "run", config=SMALL, callback=Poisoning())
    said = str(stopped.value)
    assert said.startswith("The loss is no number any more in epoch 3; after epoch 2 it was ")
    assert "Train again with a smaller learning_rate than" in said
    assert said.endswith(f"The checkpoint of epoch 2 is kept in {tmp_path / 'run'}.")
    state, arrays = newest(clothes.Run.open(tmp_path / "run"))
    assert state["epoch"] == 2
    assert all(np.isfinite(value).all() for values in arrays.values() for value in values)


def test_weights_that_are_no_numbers_are_never_saved(run: clothes.Run, tmp_path: Path) -> None:
    trainer = trainer_of(run)
    trainer.model.set_weights([np.full_like(weight, np.inf) for weight in trainer.model.get_weights()])
    with pytest.raises(TrainingError, match="smaller learning_rate"):
        trainer.save(tmp_path / "c", photos="x")
    assert not (tmp_path / "c").exists()


def test_a_loss_that_explodes_stops_with_advice(run: clothes.Run) -> None:
    trainer = trainer_of(run, optimizer="sgd", learning_rate=10.0, warmup=0.0, schedule="constant", epochs=30)
    with pytest.raises(TrainingError, match=r"The loss (has exploded|is no number any more) .*than 10 "):
        for _ in trainer.epochs(on_step=lambda done, total: None):
            pass


def too_much(limit: int, real: Callable[..., object]) -> Callable[..., object]:
    def learn(pictures: np.ndarray, targets: np.ndarray) -> object:
        if len(pictures) > limit:
            raise MemoryError
        return real(pictures, targets)

    return learn


@pytest.mark.parametrize(
    ("limit", "said"), [pytest.param(5, "one of 4 does", marks=pytest.mark.slow), (0, "not even one of 1 does")]
)
def test_without_memory_the_batch_that_fits_is_named(
    run: clothes.Run, monkeypatch: pytest.MonkeyPatch, limit: int, said: str
) -> None:
    trainer = trainer_of(run)
    monkeypatch.setattr(trainer.model, "train_on_batch", too_much(limit, trainer.model.train_on_batch))
    with pytest.raises(TrainingError, match=f"Out of memory: a batch of 16 photos of 28 x 28 pixels .*; {said}|{said}"):
        trainer.seconds_left()
