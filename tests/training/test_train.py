"""What `train` reads and writes: the split, the run folder, its notes and its errors."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli.commands.report import plot
from clothes.cli.commands.training import train as train_command
from clothes.errors import BundleError, ConfigError, PhotosError, RunError, SplitError
from clothes.photos.split_file import Split
from clothes.training import split_and_config, training_loop
from clothes.training.callbacks import TrainingCallback
from clothes.training.train import train
from tests.support.photo_folders import below
from tests.support.pictures import SMALL, draw, make_photos

LITE = {"model": {"architecture": "efficientnet-lite0", "image_size": 32}}


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


def test_the_best_epoch_is_kept(run: clothes.Run) -> None:
    best = max(run.history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert run.bundle.info["epochs"]["best"] == best["epoch"]
    # One photo of twelve may turn over by the bundle's 8-bit weights.
    assert run.bundle.info["metrics"]["validation"]["accuracy"] == pytest.approx(best["val_accuracy"], abs=0.09)


def test_the_split_is_read_from_the_photos_or_made_or_given(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=20)
    before = below(photos)
    notes_of(photos, tmp_path / "made", config=SMALL)
    after = below(photos)
    assert after.pop("split.csv") == (tmp_path / "made" / "split.csv").read_bytes()
    assert after == before
    other = clothes.split(photos, config=clothes.SplitConfig(seed=5))
    other.write(tmp_path / "other.csv")
    notes_of(photos, tmp_path / "given", config=SMALL, split=tmp_path / "other.csv")
    made, given = (clothes.Run.open(tmp_path / name).split.fingerprint for name in ("made", "given"))
    assert given == other.fingerprint != made


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
    with pytest.raises(ConfigError, match="one for sequential, and efficientnet-lite0 is asked for"):
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
    (photos / split.part("train")[0].photo).write_bytes(b"")
    with pytest.raises(SplitError, match=r"in the split but cannot be used: the file is empty\. Split again"):
        train(photos, out=tmp_path / "run")


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
        split_and_config.find_split(photos, None)


@pytest.mark.parametrize("minutes", [float("nan"), float("inf"), 0])
def test_a_time_that_is_none_is_an_error(minutes: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--minutes must be a number above 0"):
        clothes.train(tmp_path, minutes=minutes)


def test_a_new_split_tells_what_it_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = make_photos(tmp_path / "photos", each=10)
    shutil.copy(photos / "bar" / "000.png", photos / "frame" / "copy.png")
    (photos / "bar" / "page.png").write_text("<html>")
    with pytest.raises(typer.Abort), pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_loop, "Trainer", Interrupting)
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
    text = "1 photo is not in the split and so not used: bar/new.png. Take new ones in with: "
    assert notes_of(photos, tmp_path / "new") == (f"{text}clothes split {photos}",)
    given = notes_of(photos, tmp_path / "given", split=tmp_path / "other.csv")
    assert given == (f"{text}clothes split {photos} --out {tmp_path / 'other.csv'}",)
    assert notes_of(photos, tmp_path / "object", split=split)[-1].startswith(text)
    shutil.move(photos / "bar", tmp_path / "bar")  # the split's photos lie elsewhere: nothing to say, and no error
    elsewhere = Split(tmp_path / "nowhere", split.rows)
    assert split_and_config.find_split(photos, elsewhere).notes == ()


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


def test_minutes_limit_the_epochs_of_a_training(photos: Path, tmp_path: Path) -> None:
    config = SMALL.changed({"train": {"epochs": 100_000, "patience": 0}})
    notes_of(photos, tmp_path / "run", config=config, minutes=1)
    assert 1 <= clothes.Run.open(tmp_path / "run").config.train.epochs < 100_000
