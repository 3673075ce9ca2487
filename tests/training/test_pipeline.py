"""Trainings: reproducible to the bit, also after an interruption; existing folders are never overwritten."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer

keras = pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli.commands.report import plot
from clothes.cli.commands.training import train as train_command
from clothes.errors import BundleError, ConfigError, MissingExtraError, PhotosError, RunError, SplitError
from clothes.photos.split_file import Split
from clothes.training import fit, plan
from clothes.training.callbacks import TrainingCallback
from clothes.training.datasets import decode
from clothes.training.pipeline import train
from clothes.training.trainer import Trainer
from tests.support.pictures import SMALL, draw, make_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("training") / "photos", each=20)


@pytest.fixture
def begun(run: clothes.Run, tmp_path: Path) -> clothes.Run:
    """A run that was interrupted before its first epoch was over."""
    return clothes.Run.new(tmp_path / "begun", run.config, run.split)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Runs the test as a user without access to the folders of the tests."""
    if not hasattr(os, "setresuid"):
        pytest.skip("needs POSIX permissions")
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    os.setresuid(65534, 65534, 0)
    yield
    os.setresuid(0, 0, 0)


class Noting(TrainingCallback):
    """Records the notes of a split, and stops the training before its first step."""

    notes: tuple[str, ...] = ()

    def on_start(self, run: clothes.Run, config: clothes.Config, split: Split) -> None:
        self.notes = split.notes
        raise KeyboardInterrupt


def notes_of(photos: Path, out: Path, **options: object) -> tuple[str, ...]:
    callback = Noting()
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=out, callback=callback, **options)  # type: ignore[arg-type]
    return callback.notes


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_and_an_interrupted_run_too(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 4, "seed": 7}})
    whole = train(photos, out=tmp_path / "whole", config=config)

    class Interrupted(TrainingCallback):
        def on_epoch(self, row: dict[str, float]) -> None:
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(photos, out=tmp_path / "torn", config=config, callback=Interrupted())

    class Counting(TrainingCallback):
        epochs: list[float] = []  # noqa: RUF012

        def on_epoch(self, row: dict[str, float]) -> None:
            self.epochs.append(row["epoch"])

    resumed = train(photos, out=tmp_path / "torn", resume=True, callback=Counting())
    assert Counting.epochs[0] in (2, 3)
    assert Counting.epochs[-1] == 4
    again = train(photos, out=tmp_path / "again", config=config)
    for other in (resumed, again):
        assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(other), strict=True))
        assert [row["val_loss"] for row in other.history] == [row["val_loss"] for row in whole.history]
    another = train(photos, out=tmp_path / "another", config=config.changed({"train": {"seed": 8}}))
    assert not np.array_equal(weights(whole)[0], weights(another)[0])
    assert another.split.fingerprint == whole.split.fingerprint


@pytest.mark.slow
def test_early_stop(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 50, "patience": 2, "learning_rate": 1e-7}})
    run = train(photos, out=tmp_path / "run", config=config)
    assert len(run.history) < 50
    assert len(run.history) == run.bundle.info["epochs"]["best"] + 2


@pytest.mark.slow
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
    with pytest.raises(ConfigError, match="one for sequential, and --model asks for efficientnet-lite0"):
        train(tmp_path / "ok", out=tmp_path / "run", config=SMALL, changes=LITE)
    assert not (tmp_path / "run").exists()


def test_photos_that_changed_leave_no_folder_and_no_old_run_is_lost(tmp_path: Path, begun: clothes.Run) -> None:
    photos = make_photos(tmp_path / "photos", each=10, seed=5000)  # in no cache
    split = clothes.split(photos)
    split.write(photos / "split.csv")
    changed = split.part("train")[-1].photo
    draw("bar", 99).save(photos / changed)
    for out in (tmp_path / "run", begun.path):
        with pytest.raises(SplitError, match=f"{changed} has changed since the split was made. Split again"):
            train(photos, out=out, overwrite=True)
    assert not (tmp_path / "run").exists()
    assert begun.info["finished"] is None
    (photos / split.part("train")[0].photo).unlink()
    with pytest.raises(SplitError, match=r"in the split but cannot be used: there is no such file\. Split again"):
        train(photos, out=tmp_path / "run")


def test_resume_takes_no_other_settings_and_no_other_photos(begun: clothes.Run, photos: Path, tmp_path: Path) -> None:
    other = clothes.split(photos)
    for options, named in (
        ({"config": SMALL}, "config"),
        ({"split": other}, "split"),
        ({"overwrite": True}, "overwrite"),
        ({"changes": {"model": {"image_size": 32}, "train": {"epochs": 5, "seed": None}}}, "image_size, epochs"),
    ):
        with pytest.raises(RunError, match=f"so {named} cannot be given too"):
            train(begun.photos, out=begun.path, resume=True, **options)
    with pytest.raises(RunError, match=f"was trained on {begun.photos}, not on {photos}"):
        train(photos, out=begun.path, resume=True)
    gone = clothes.Run.new(tmp_path / "gone", SMALL, Split(tmp_path / "none", other.rows))
    with pytest.raises(PhotosError, match=r"There is no folder .*none any more"):
        train(tmp_path / "none", out=gone.path, resume=True)


def test_a_finished_run_is_said_to_be_finished(run: clothes.Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run.path / "bundle" / "bundle.json").stat().st_mtime_ns
    train_command(run.photos, out=run.path, resume=True)
    shown = capsys.readouterr()
    assert f"{run.path} was finished already, on {run.info['finished']}" in shown.err
    assert "Validation accuracy" in shown.out
    assert (run.path / "bundle" / "bundle.json").stat().st_mtime_ns == before


def test_a_run_folder_that_cannot_be_made_is_an_error(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a file")
    with pytest.raises(RunError, match=r"No run can be made in .*a\.png is a file\. Give another --out"):
        train(photos, out=tmp_path / "a.png" / "run")
    with pytest.raises(RunError, match="File name too long"):
        train(photos, out=tmp_path / ("x" * 300))


def test_folders_without_permission_are_errors(photos: Path, tmp_path: Path, nobody: None) -> None:
    with pytest.raises(RunError, match=r"No run can be made in .*: Permission denied\. Give another --out"):
        train(photos, out=tmp_path / "run")
    with pytest.raises(RunError, match="/usr cannot be written to"):
        train(photos, out="/usr/no/run")
    with pytest.raises(RunError, match="cannot be read: Permission denied"):
        clothes.Run.open(tmp_path)
    with pytest.raises(PhotosError, match="cannot be read: Permission denied"):
        plan.find_split(photos, None)


def test_a_new_split_tells_what_it_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = make_photos(tmp_path / "photos", each=10)
    shutil.copy(photos / "bar" / "000.png", photos / "frame" / "copy.png")
    (photos / "bar" / "page.png").write_text("<html>")
    with pytest.raises(typer.Abort), pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "Trainer", Interrupting)
        train_command(photos, out=tmp_path / "a run")
    shown = capsys.readouterr().err
    assert "1 near-duplicate pair in two classes" in shown
    assert "Skipped bar/page.png: this is not a picture" in shown
    assert shown.splitlines()[-1] == f"Continue with:  clothes train {photos} --out '{tmp_path}/a run' --resume"


class Interrupting:
    def __init__(self, *arguments: object) -> None:
        raise KeyboardInterrupt


def test_photos_that_are_not_in_the_split_are_noted(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=10)
    split = clothes.split(photos)
    split.write(photos / "split.csv")
    split.write(tmp_path / "other.csv")
    assert notes_of(photos, tmp_path / "all") == ()
    draw("bar", 50).save(photos / "bar" / "new.png")
    text = "1 photo is not in the split and so not used, such as bar/new.png. Take new ones in with: "
    assert notes_of(photos, tmp_path / "new") == (f"{text}clothes split {photos}",)
    given = notes_of(photos, tmp_path / "given", split=tmp_path / "other.csv")
    assert given == (f"{text}clothes split {photos} --out {tmp_path / 'other.csv'}",)
    assert notes_of(photos, tmp_path / "object", split=split)[-1].startswith(text)
    shutil.move(photos / "bar", tmp_path / "bar")  # the split's photos lie elsewhere: nothing to say, and no error
    elsewhere = Split(tmp_path / "nowhere", split.rows)
    assert plan.find_split(photos, elsewhere).notes == ()


def test_a_damaged_run_is_an_error(begun: clothes.Run) -> None:
    for text in ("{}", "[]", '{"photos": "p"}', '{"photos": 1, "finished": null}', "{"):
        (begun.path / "run.json").write_text(text)
        with pytest.raises(RunError, match=r"run\.json cannot be read: "):
            train(begun.path, out=begun.path, resume=True)
    (begun.path / "history.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(RunError, match=r"history\.csv cannot be read: it has no column 'accuracy'"):
        begun.history  # noqa: B018


def test_an_unfinished_run_says_how_to_go_on(begun: clothes.Run) -> None:
    with pytest.raises(BundleError, match=f"was not finished.*--out {begun.path} --resume"):
        begun.bundle  # noqa: B018
    go_on = f"no epoch was finished yet. Go on with: clothes train {begun.photos} --out {begun.path} --resume"
    with pytest.raises(RunError, match=go_on):
        plot(begun.path)
    begun.write_history([])
    with pytest.raises(RunError, match=go_on):
        plot(begun.path)


def test_a_run_folder_behind_a_link_finds_its_photos(begun: clothes.Run, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "link").symlink_to(begun.path)
    assert clothes.Run.open(tmp_path / "deep" / "er" / "link").photos == begun.photos


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("foo", "KERAS_BACKEND is 'foo'. Set it to one of tensorflow, jax, torch."),
        ("jax", "KERAS_BACKEND is 'jax', but jax is not installed. Install it with: pip install jax"),
    ],
)
def test_an_unknown_or_missing_backend_is_an_error(backend: str, message: str) -> None:
    code = (
        "import sys, clothes\n"
        "sys.modules['jax'] = None\n"  # as if it were not installed
        "try: clothes.train('photos')\n"
        "except clothes.ConfigError as error: print(error)"
    )
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == message, done.stderr


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_advice(run: clothes.Run) -> None:
    parts = decode(run.split, 28, ("train", "validation"))
    trainer = Trainer(run.config, run.split.classes, parts["train"], parts["validation"])
    trainer.model.set_weights([np.full_like(weight, np.nan) for weight in trainer.model.get_weights()])
    with pytest.raises(clothes.TrainingError, match="smaller learning_rate than"):
        next(trainer.epochs(on_step=lambda done, total: None))


@pytest.mark.slow
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


@pytest.mark.slow
def test_photos_of_no_class_are_trained_on_and_counted_apart(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=20)
    (photos / "frame").rename(photos / "_other")
    report = clothes.check(photos)
    assert report.classes == ("bar", "square")
    assert "_other" in str(report)
    alone = make_photos(tmp_path / "alone", each=3, shapes=("bar",))
    (alone / "bar").rename(alone / "_other")
    assert "There are no classes beside _other" in str(clothes.check(alone))
    shown = subprocess.run(
        [sys.executable, "-m", "clothes", "split", str(photos)], capture_output=True, text=True, check=True
    )
    assert "_other" in shown.stdout
    run = train(photos, out=tmp_path / "run", config=SMALL)
    assert run.split.classes == ("bar", "square")
    assert run.split.counts()["train"] == {"_other": 14, "bar": 14, "square": 14}
    validation = run.bundle.info["metrics"]["validation"]
    assert validation["photos"] == 4
    assert validation["known"] >= 0.95
    assert 0 <= validation["others_known"] <= 1
    classifier = clothes.load(run.path)
    assert classifier.classes == ("bar", "square")
    assert 0 < classifier.threshold < 1
    result = clothes.evaluate(run.path)
    assert (result.photos, result.others) == (8, 4)


class Estimates(TrainingCallback):
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.fitted = 0

    def on_estimate(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self.fitted += stage == "fit"


@pytest.mark.slow
def test_the_time_is_told_before_the_training_and_leaves_no_trace(photos: Path, tmp_path: Path) -> None:
    told = Estimates()
    config = SMALL.changed({"train": {"epochs": 3, "seed": 7}})
    run = train(photos, out=tmp_path / "run", config=config, callback=told)
    assert len(told.seconds) == 1
    assert told.seconds[0] > 0
    parts = decode(run.split, 28, ("train", "validation"))
    trainer = Trainer(config, run.split.classes, parts["train"], parts["validation"])
    for _ in trainer.epochs(on_step=lambda done, total: None):
        pass
    assert all(np.array_equal(a, b) for a, b in zip(trainer.best_weights, weights(run), strict=True))


@pytest.mark.slow
def test_minutes_limit_the_epochs_of_a_training(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 100_000, "patience": 0}})
    run = train(photos, out=tmp_path / "run", config=config, minutes=0.5)
    assert len(run.history) == run.config.train.epochs < 100_000


LITE = {"model": {"architecture": "efficientnet-lite0", "image_size": 32}}


@pytest.mark.slow
def test_fine_tuning_begins_with_imagenet_and_a_fitted_head(photos: Path, tmp_path: Path) -> None:
    from clothes.models.pretrained import weights_file

    try:
        weights_file("efficientnet-lite0")
    except MissingExtraError:
        pytest.skip("the extra 'weights' is not installed")
    told = Estimates()
    run = train(photos, out=tmp_path / "run", changes={**LITE, "train": {"epochs": 2}}, callback=told)
    assert told.fitted
    assert run.config.model.weights == "imagenet"
    classifier = clothes.load(run.path)
    scores, features = classifier._model.run(np.zeros((32, 32, 3), np.uint8))
    assert (scores.shape, features.shape) == ((3,), (1280,))
    size = (run.path / "bundle" / "model.tflite").stat().st_size
    assert size < 5_600_000  # 3.4 million weights of 8 bits
    # Where no weight moves, the head alone must beat chance: it was fitted to what the network sees already.
    still = train(photos, out=tmp_path / "still", changes={**LITE, "train": {"epochs": 1, "learning_rate": 1e-9}})
    assert still.history[0]["val_accuracy"] >= 0.5


@pytest.mark.slow
def test_the_same_network_from_scratch(photos: Path, tmp_path: Path) -> None:
    changes = {"model": {**LITE["model"], "weights": "none"}, "train": {"epochs": 1}}
    run = train(photos, out=tmp_path / "run", changes=changes)
    assert run.config.model.weights == "none"
    assert clothes.load(run.path).classes == ("bar", "frame", "square")


@pytest.mark.slow
def test_a_network_of_keras(photos: Path, tmp_path: Path) -> None:
    changes = {
        "model": {"architecture": "keras:MobileNetV2", "image_size": 32, "weights": "none"},
        "train": {"epochs": 1},
    }
    run = train(photos, out=tmp_path / "run", changes=changes)
    assert clothes.load(run.path).predict(draw("bar", 1)).label in ("bar", "frame", "square")
