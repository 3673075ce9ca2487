"""A teacher's probabilities are mixed into the targets; it knows all classes, and a run goes on with the same one."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli.commands.inference import render_info
from clothes.config import TrainConfig
from clothes.errors import BundleError, ConfigError, RunError
from clothes.inference.bundle import MODEL
from clothes.inference.metrics import apply_temperature
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split
from clothes.system.checksums import sha256
from clothes.training import training_loop
from clothes.training.batches import batches, make_targets, one_hot
from clothes.training.callbacks import TrainingCallback
from clothes.training.datasets import Pictures
from clothes.training.teacher import Teacher
from clothes.training.train import train
from tests.support.bundle_damage import flip, update_info
from tests.support.pictures import SMALL, make_photos
from tests.support.quick import OLD
from tests.support.stopping import Stopping


class StoppingAtStart(TrainingCallback):
    def on_start(self, *_: object) -> None:
        raise KeyboardInterrupt


def begin(photos: Path, out: Path, teacher: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=out, config=SMALL, teacher=teacher, callback=StoppingAtStart())


def quiet(done: int, total: int) -> None:
    pass


def test_targets_are_labels_and_answers_in_the_shares_that_are_asked_for() -> None:
    labels = np.array([0, 2, -1])
    taught = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3]], dtype=np.float32)
    pictures = Pictures(np.zeros((3, 16, 16, 3), np.uint8), labels, taught)
    config = TrainConfig(batch_size=3, label_smoothing=0.1, teacher_weight=0.25)
    expected = 0.75 * one_hot(labels, 3, 0.1) + 0.25 * taught
    assert make_targets(pictures, np.array([2, 0]), 3, config) == pytest.approx(expected[[2, 0]])
    assert expected[2] == pytest.approx(np.full(3, 1 / 3))  # of a photo of no class
    ((_, targets),) = batches(pictures, config, 3, epoch=0)
    assert sorted(targets.tolist()) == pytest.approx(np.array(sorted(expected.tolist())))
    alone = dataclasses.replace(pictures, taught=None)
    assert (make_targets(alone, np.arange(3), 3, config) == one_hot(labels, 3, 0.1)).all()


def test_answers_stand_in_the_order_of_the_classes(bundle: Path, tmp_path: Path) -> None:
    """The split has two of the teacher's three classes, in another spelling and with photos of none."""
    photos = make_photos(tmp_path / "photos", each=4, shapes=("square", "bar"))
    rows = [
        Row(path.relative_to(photos).as_posix(), label, "train", "", sha256(path.read_bytes()))
        for folder, label in (("bar", "bar"), ("square", "Square"))
        for path in sorted((photos / folder).glob("*.png"))
    ]
    rows[0] = dataclasses.replace(rows[0], label=OTHER)
    split = Split(photos, tuple(rows))
    assert split.classes == ("Square", "bar")
    scores = Teacher(bundle).scores(split, quiet)
    loaded = clothes.load(bundle)
    for row, answer in zip(split.part("train"), scores, strict=True):
        alone = loaded.predict(photos / row.photo).scores
        expected = [0.5, 0.5] if row.label == OTHER else [alone["square"], alone["bar"]]
        assert answer.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_network_learns_from_the_softened_answers(
    bundle: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    class Noting(training_loop.Trainer):
        def __init__(self, *about: object) -> None:
            super().__init__(*about)  # type: ignore[arg-type]
            seen.append(self.pictures)

    monkeypatch.setattr(training_loop, "Trainer", Noting)
    config = SMALL.changed({"train": {"epochs": 1, "teacher_temperature": 3.0}})
    run = train(photos, out=tmp_path / "run", config=config, teacher=bundle)
    softened = apply_temperature(Teacher(bundle).scores(run.split, quiet), 3.0)
    assert seen[0].taught == pytest.approx(softened, abs=1e-6)
    assert np.ptp(softened, axis=1).min() > 0
    teacher = clothes.load(bundle)
    origin = {"name": teacher.info["name"], "sha256": teacher.info["files"][MODEL]}
    assert run.info["teacher"] == run.bundle.info["teacher"] == origin
    render_info(run.bundle)
    shown = capsys.readouterr().out
    assert f"{origin['name']}, {origin['sha256'][:16]}" in shown and "1 epoch, the best 1" in shown


@pytest.mark.slow
def test_a_stopped_training_goes_on_with_its_teacher_to_the_same_bits(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    whole = train(photos, out=tmp_path / "whole", config=SMALL, teacher=bundle)
    untaught = train(photos, out=tmp_path / "untaught", config=SMALL)
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=tmp_path / "run", config=SMALL, teacher=bundle, callback=Stopping(3))
    run = train(photos, out=tmp_path / "run", resume=True)
    pairs = zip(run.bundle.weights(), whole.bundle.weights(), untaught.bundle.weights(), strict=True)
    equal = [(np.array_equal(a, b), np.array_equal(a, c)) for a, b, c in pairs]
    assert all(same for same, _ in equal) and not all(other for _, other in equal)


def test_a_run_goes_on_with_the_same_teacher_only(bundle: Path, photos: Path, tmp_path: Path) -> None:
    teacher, out = tmp_path / "teacher", tmp_path / "run"
    shutil.copytree(bundle, teacher)
    begin(photos, out, teacher)

    def resume(**options: object) -> None:
        train(photos, out=out, resume=True, callback=StoppingAtStart(), **options)  # type: ignore[arg-type]

    for options in ({}, {"teacher": teacher}, {"teacher": bundle}):
        with pytest.raises(KeyboardInterrupt):
            resume(**options)
    with pytest.raises(RunError, match=r"began with another teacher than .*finished.* Name that one by --teacher"):
        resume(teacher=OLD)
    shutil.move(teacher, tmp_path / "moved")
    with pytest.raises(BundleError, match=r"there is no such folder.* name the same one by --teacher"):
        resume()
    with pytest.raises(KeyboardInterrupt):
        resume(teacher=tmp_path / "moved")
    shutil.copytree(OLD / "bundle", teacher)  # another one in its place
    with pytest.raises(RunError, match="began with another teacher"):
        resume()


def test_a_run_without_a_teacher_goes_on_without(begun: clothes.Run, bundle: Path) -> None:
    with pytest.raises(RunError, match="other settings: teacher"):
        train(begun.photos, out=begun.path, resume=True, teacher=bundle)


def test_a_teacher_that_does_not_know_a_class_is_refused(bundle: Path, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=10, shapes=("bar", "circle", "square"))
    with pytest.raises(ConfigError, match=r"does not know circle, but bar, frame, square\. Name one"):
        train(photos, out=tmp_path / "run", config=SMALL, teacher=bundle)
    with pytest.raises(ConfigError, match=r"does not know bar, circle, square, but dress, "):
        train(photos, out=tmp_path / "run", config=SMALL, teacher="bundled")
    assert not (tmp_path / "run").exists()


def test_a_damaged_or_missing_teacher_is_a_sentence(bundle: Path, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "damaged")
    flip(MODEL)(tmp_path / "damaged")
    shutil.copytree(bundle, tmp_path / "fewer")
    update_info(classes=["bar", "square"])(tmp_path / "fewer")
    for name, problem in (("damaged", "is damaged"), ("fewer", "does not reproduce"), ("none", "is not a bundle")):
        with pytest.raises(BundleError, match=f"{name} {problem}"):
            train(photos, out=tmp_path / "run", config=SMALL, teacher=tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_a_quick_model_has_no_teacher(bundle: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--teacher is not for the quick model"):
        train(photos, out=tmp_path / "run", changes={"model": {"architecture": "quick"}}, teacher=bundle)


@pytest.mark.parametrize("settings", [{"teacher_weight": 1.5}, {"teacher_temperature": 0}])
def test_shares_and_temperatures_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SMALL.changed({"train": settings})
