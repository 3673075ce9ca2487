"""A training on two processes: equal to one on one; a worker that dies ends it, and nothing is lost or left behind."""

import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="several processes need the extra 'jax'")
pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from tests.support.checkpoints import newest
from tests.support.pictures import SMALL, draw
from tests.support.workers import (
    PATIENCE,
    is_running,
    listening_addresses,
    loopback_address,
    start,
    wait_until,
    workers_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores"),
]

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A config file of a training that ends only when it is stopped."""
    path = tmp_path / "long.json"
    path.write_text(SMALL.changed({"train": {"epochs": 100_000, "patience": 0}}).to_json())
    return path


def test_two_processes_learn_what_one_does(photos: Path, tmp_path: Path) -> None:
    """Two that were started apart, as on two machines, and one that `--workers` started."""
    config = SMALL.changed({"train": {"epochs": 8, "patience": 0, "augmentation": {"degrade": 0.3}}})
    (tmp_path / "config.json").write_text(config.to_json())
    address, options = loopback_address(), ("--config", tmp_path / "config.json")
    two = [start(photos, "--out", tmp_path / "two", *options, place=(address, 2, index)) for index in (0, 1)]
    said = [process.communicate(timeout=PATIENCE) for process in two]
    assert [process.returncode for process in two] == [0, 0], said
    assert "Gloo" not in said[0][0]
    assert said[1] == ("", "")
    one = start(photos, "--out", tmp_path / "one", "--workers", 1, *options)
    _, err = one.communicate(timeout=PATIENCE)
    assert one.returncode == 0, err
    assert "Training with JAX on 1 process of this machine." in err
    alone, together = (clothes.Run.open(tmp_path / name) for name in ("one", "two"))
    assert len(alone.history) == 8
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert [row[name] for row in together.history] == pytest.approx([row[name] for row in alone.history], abs=1e-4)
    assert together.bundle.info["versions"]["backend"] == "jax"
    assert clothes.load(together.path).predict(draw("bar", 1)).label in ("bar", "frame", "square")


def test_a_worker_that_dies_ends_the_training_which_goes_on(photos: Path, tmp_path: Path, settings: Path) -> None:
    out = tmp_path / "run"
    training = start(photos, "--out", out, "--config", settings, "--workers", 2)
    wait_until((out / "history.csv").exists, "the first epoch")
    workers = workers_of(training.pid)
    for process in workers.values():
        assert listening_addresses(process) <= LOOPBACK
    assert listening_addresses(workers[0])
    os.kill(workers[1], signal.SIGKILL)
    _, err = training.communicate(timeout=PATIENCE)
    assert training.returncode == 1
    assert "Worker 1 has ended: signal 9." in err
    assert "Error: Another worker of this training has ended. What was learnt until then is kept. Go on with: " in err
    assert f"clothes train {photos} --out {out} --resume" in err
    assert not any(map(is_running, workers.values()))
    run = clothes.Run.open(out)
    kept = newest(run)[0]
    assert kept.epoch >= len(run.history) >= 1

    again = start(photos, "--out", out, "--resume", "--workers", 2)
    wait_until(lambda: len(run.history) > kept.epoch, "the epoch after the kept one")
    workers = workers_of(again.pid)
    again.send_signal(signal.SIGINT)
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 130
    assert err.endswith(f"Continue with:  clothes train {photos} --out {out} --resume --workers 2\nStopped.\n")
    assert not any(map(is_running, workers.values()))
    assert newest(run)[0].epoch > kept.epoch


@pytest.mark.parametrize("dies", ["worker 0", "launcher"])
def test_nothing_is_left_behind(dies: str, photos: Path, tmp_path: Path, settings: Path) -> None:
    out = tmp_path / "run"
    training = start(photos, "--out", out, "--config", settings, "--workers", 2)
    wait_until((out / "history.csv").exists, "the first epoch")
    workers = workers_of(training.pid)
    os.kill(training.pid if dies == "launcher" else workers[0], signal.SIGKILL)
    if dies == "worker 0":
        _, err = training.communicate(timeout=PATIENCE)
        assert training.returncode == 1
        assert "Error: Worker 0 has ended: signal 9. What was learnt up to the last checkpoint is kept. Go on by" in err
    wait_until(lambda: not any(map(is_running, workers.values())), "the end of the workers")
    training.communicate(timeout=PATIENCE)
    assert newest(clothes.Run.open(out))[0].epoch >= 1


def test_photos_that_a_worker_lacks_are_named(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, other = loopback_address(), tmp_path / "other"
    other.mkdir()
    (tmp_path / "config.json").write_text(SMALL.to_json())
    options = ("--out", tmp_path / "run", "--config", tmp_path / "config.json")
    first = start(photos, *options, place=(address, 2, 0))
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "cache"))  # another machine has no photos of this one
    second = start(other, place=(address, 2, 1))
    _, err = first.communicate(timeout=PATIENCE)
    assert first.returncode == 1
    assert "Error: Worker 1 cannot take part: " in err and "cannot be read: No such file or directory" in err
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
