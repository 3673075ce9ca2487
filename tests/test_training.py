"""A training: to the bit the same for the same seed, also when it was interrupted; nothing overwritten."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.datasets import decode
from clothes.errors import ConfigError, RunError, SplitError
from clothes.splits import Split
from clothes.training import Trainer, Watcher, learning_rate, train
from tests.conftest import SMALL, draw, make_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("training") / "photos", each=20)


def weights(run: clothes.Run) -> list[np.ndarray]:
    return run.bundle.weights()


def test_the_run_folder_holds_what_it_should(run: clothes.Run) -> None:
    names = {path.name for path in run.path.iterdir()}
    assert names >= {"config.json", "split.csv", "history.csv", "run.json", "checkpoints", "bundle"}
    with (run.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"} <= set(rows[0])
    assert run.config == SMALL
    assert run.info["finished"]
    assert run.info["test_part_opened"] == 0
    assert Split.read(run.path / "split.csv", run.photos).counts()["train"] == {"bar": 28, "frame": 28, "square": 28}
    assert len(list((run.path / "checkpoints").iterdir())) == 3


def test_it_learns(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=40, shapes=("bar", "square"))
    run = train(photos, out=tmp_path / "run", config=SMALL.changed({"train": {"epochs": 15, "learning_rate": 0.01}}))
    history = run.history
    assert history[-1]["loss"] < history[0]["loss"] * 0.8
    assert run.bundle.info["metrics"]["validation"]["accuracy"] >= 0.75


def test_the_best_epoch_is_kept(run: clothes.Run) -> None:
    best = max(run.history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert run.bundle.info["epochs"]["best"] == best["epoch"]
    # One photo of twelve may turn over by the bundle's 8-bit weights.
    assert run.bundle.info["metrics"]["validation"]["accuracy"] == pytest.approx(best["val_accuracy"], abs=0.09)


def test_the_same_seed_gives_the_same_bits_and_an_interrupted_run_too(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 4, "seed": 7}})
    whole = train(photos, out=tmp_path / "whole", config=config)

    class Interrupted(Watcher):
        def on_epoch(self, row: dict[str, float]) -> None:
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(photos, out=tmp_path / "torn", config=config, watcher=Interrupted())

    class Counting(Watcher):
        epochs: list[float] = []  # noqa: RUF012

        def on_epoch(self, row: dict[str, float]) -> None:
            self.epochs.append(row["epoch"])

    resumed = train(photos, out=tmp_path / "torn", resume=True, watcher=Counting())
    assert Counting.epochs[0] in (2, 3)
    assert Counting.epochs[-1] == 4
    again = train(photos, out=tmp_path / "again", config=config)
    for other in (resumed, again):
        assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(other), strict=True))
        assert [row["val_loss"] for row in other.history] == [row["val_loss"] for row in whole.history]
    another = train(photos, out=tmp_path / "another", config=config.changed({"train": {"seed": 8}}))
    assert not np.array_equal(weights(whole)[0], weights(another)[0])
    assert another.split.fingerprint == whole.split.fingerprint


def test_early_stop(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 50, "patience": 2, "learning_rate": 1e-7}})
    run = train(photos, out=tmp_path / "run", config=config)
    assert len(run.history) < 50
    assert len(run.history) == run.bundle.info["epochs"]["best"] + 2


def test_the_split_is_read_from_the_photos_or_made_without_touching_them(photos: Path, tmp_path: Path) -> None:
    before = sorted(photos.rglob("*"))
    config = SMALL.changed({"train": {"epochs": 1}})
    made = train(photos, out=tmp_path / "made", config=config)
    assert sorted(photos.rglob("*")) == before
    other = clothes.split(photos, config=clothes.SplitConfig(seed=5))
    other.write(tmp_path / "other.csv")
    given = train(photos, out=tmp_path / "given", config=config, split=tmp_path / "other.csv")
    assert given.split.fingerprint == other.fingerprint != made.split.fingerprint


def test_a_run_folder_in_use_is_left_alone(run: clothes.Run, photos: Path, tmp_path: Path) -> None:
    before = (run.path / "bundle" / "bundle.json").read_bytes()
    with pytest.raises(RunError, match="is in use"):
        train(photos, out=run.path, config=SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a run folder"):
        train(photos, out=tmp_path / "mine", config=SMALL, overwrite=True)
    with pytest.raises(RunError, match=r"has no run\.json"):
        train(photos, out=tmp_path / "none", resume=True)
    assert (run.path / "bundle" / "bundle.json").read_bytes() == before
    assert (tmp_path / "mine" / "diary.txt").read_text() == "mine"


def test_too_little_to_learn_from_is_explained(tmp_path: Path) -> None:
    make_photos(tmp_path / "one", each=10, shapes=("bar",))
    with pytest.raises(SplitError, match="at least two classes"):
        train(tmp_path / "one", out=tmp_path / "run")
    for part, shapes in (("train", ("bar", "frame")), ("test", ("bar", "square")), ("validation", ("bar", "frame"))):
        make_photos(tmp_path / "odd" / part, each=3, shapes=shapes)
    with pytest.raises(SplitError, match="No train photo of square"):
        train(tmp_path / "odd", out=tmp_path / "run")
    with pytest.raises(ConfigError):
        train(make_photos(tmp_path / "ok", each=10), out=tmp_path / "run", changes={"train": {"epochs": 0}})
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_with_advice(run: clothes.Run) -> None:
    parts = decode(run.split, 28, ("train", "validation"))
    trainer = Trainer(run.config, run.split.classes, parts["train"], parts["validation"])
    trainer.model.set_weights([np.full_like(weight, np.nan) for weight in trainer.model.get_weights()])
    with pytest.raises(clothes.TrainingError, match="smaller learning_rate than"):
        next(trainer.epochs(on_step=lambda done, total: None))


def test_photos_decide_the_defaults(tmp_path: Path) -> None:
    from clothes.training import typical_side

    small = clothes.split(make_photos(tmp_path / "small", each=10))
    assert typical_side(small) == 48
    for label in ("a", "b"):
        (tmp_path / "large" / label).mkdir(parents=True)
        for i in range(10):
            draw("bar", i, size=(200, 300)).save(tmp_path / "large" / label / f"{i}.jpg")
    assert typical_side(clothes.split(tmp_path / "large")) == 64


def test_the_learning_rate_warms_up_and_goes_to_nearly_zero() -> None:
    config = clothes.TrainConfig(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_a_torn_checkpoint_is_passed_over(run: clothes.Run) -> None:
    parts = decode(run.split, 28, ("train", "validation"))
    trainer = Trainer(run.config, run.split.classes, parts["train"], parts["validation"])
    newest = max((run.path / "checkpoints").glob("*.npz"))
    data = newest.read_bytes()
    try:
        newest.write_bytes(data[: len(data) // 2])
        trainer.restore(run.path / "checkpoints")
        assert trainer.state.epoch == 3
        assert [row["epoch"] for row in trainer.state.history] == [1, 2, 3]
    finally:
        newest.write_bytes(data)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_too(backend: str, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    code = (
        "import json, sys, clothes\n"
        "config = clothes.Config.from_dict(json.loads(sys.argv[1]))\n"
        "run = clothes.train(sys.argv[2], out=sys.argv[3], config=config)\n"
        "print(run.bundle.info['versions']['backend'], len(run.history))"
    )
    config = json.dumps(SMALL.changed({"train": {"epochs": 2}}).to_dict())
    done = subprocess.run(
        [sys.executable, "-c", code, config, str(photos), str(tmp_path / "run")],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [backend, "2"], done.stderr
    assert clothes.load(tmp_path / "run").predict(draw("bar", 1)).label in ("bar", "frame", "square")
