"""The training loop: equal to the bit for the same seed, and stopped by a loss or weights that are no numbers."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.config import Config
from clothes.errors import MissingExtraError, TrainingError
from clothes.models.pretrained import weights_file
from clothes.training import training_loop as loop
from clothes.training.callbacks import TrainingCallback
from clothes.training.datasets import decode
from clothes.training.train import train
from clothes.training.training_loop import Trainer
from tests.support.checkpoints import newest
from tests.support.pictures import SMALL, make_photos


def trainer_of(run: clothes.Run, **settings: object) -> Trainer:
    return make_trainer(run.split, run.config.changed({"train": settings}))


def make_trainer(split: clothes.Split, config: Config) -> Trainer:
    parts = decode(split, config.model.image_size, ("train", "validation"))
    return Trainer(config, split.classes, parts["train"], parts["validation"])


def trained(run: clothes.Run, **settings: object) -> Trainer:
    """A trainer after all its epochs."""
    trainer = trainer_of(run, **settings)
    for _ in trainer.epochs(on_step=lambda done, total: None):
        pass
    return trainer


def are_equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_it_learns(tmp_path: Path) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=40, shapes=("bar", "square")))
    trainer = make_trainer(split, SMALL.changed({"train": {"epochs": 15, "learning_rate": 0.01}}))
    history = list(trainer.epochs(on_step=lambda done, total: None))
    assert history[-1]["loss"] < history[0]["loss"] * 0.8
    assert trainer.state.best[0] >= 0.75


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(run: clothes.Run) -> None:
    one, same, other = (trained(run, epochs=3, seed=seed) for seed in (7, 7, 8))
    assert are_equal(one.best_weights, same.best_weights)
    without = [[{**row, "seconds": 0} for row in trainer.state.history] for trainer in (one, same)]
    assert without[0] == without[1]
    assert not np.array_equal(one.best_weights[0], other.best_weights[0])


@pytest.mark.slow
def test_the_estimate_of_the_time_leaves_no_trace(run: clothes.Run) -> None:
    """A run is estimated before it is trained; here the same training goes without."""
    trainer = trained(run)
    assert are_equal(trainer.best_weights, run.bundle.weights())
    assert trainer_of(run).seconds_left() > 0


@pytest.mark.slow
def test_early_stop(run: clothes.Run) -> None:
    trainer = trained(run, epochs=50, patience=2, learning_rate=1e-7)
    assert len(trainer.state.history) == trainer.state.epoch == trainer.state.best_epoch + 2 < 50


@pytest.mark.parametrize("settings", [{"units": [65536] * 3}, {"filters": [4096] * 3, "kernels": [31] * 3}])
def test_a_network_larger_than_the_memory_is_not_built(
    begun: clothes.Run, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The config of a run from elsewhere may name any size."""
    monkeypatch.setattr(loop, "build_model", lambda *_, **__: pytest.fail("was built"))
    (begun.path / "config.json").write_text(begun.config.changed({"model": settings}).to_json())
    with pytest.raises(TrainingError, match=r"Out of memory: the network has .* Train a smaller one"):
        train(begun.photos, out=begun.path, resume=True)


LITE = Config.for_photos(400, architecture="efficientnet-lite0").changed({"model": {"image_size": 32}})


@pytest.mark.slow
def test_the_best_network_gives_the_scores_that_were_measured_also_after_a_restore(
    run: clothes.Run, tmp_path: Path
) -> None:
    trainer = make_trainer(run.split, SMALL)
    for _ in trainer.epochs(on_step=lambda done, total: None):
        pass
    trainer.save(tmp_path / "checkpoints", photos="of this test")
    network, scores = trainer.best_network()
    labels = trainer.validation.labels
    assert float((scores.argmax(axis=1) == labels[labels >= 0]).mean()) == trainer.state.best[0]
    assert are_equal(network.get_weights(), trainer.best_weights)
    other = make_trainer(run.split, SMALL)
    assert other.restore(tmp_path / "checkpoints", photos="of this test")
    assert np.array_equal(other._best_scores, trainer._best_scores)  # nothing is predicted again
    assert np.array_equal(other.best_network()[1], scores)


@pytest.mark.slow
def test_fine_tuning_begins_with_imagenet_and_a_fitted_head(run: clothes.Run) -> None:
    try:
        weights_file("efficientnet-lite0")
    except MissingExtraError:
        pytest.skip("the extra 'weights' is not installed")
    trainer = make_trainer(run.split, LITE)
    before = trainer.model.get_layer("stem").get_weights()[0]
    fitted: list[int] = []
    trainer.begin(progress=lambda done, total: fitted.append(done))
    assert fitted[-1] == len(trainer.pictures)
    assert not np.array_equal(trainer.model.get_layer("stem").get_weights()[0], before)
    _, accuracy = trainer._validate()
    assert accuracy >= 0.5  # the head alone beats chance: it was fitted to what the network sees already


@pytest.mark.slow
def test_training_from_scratch_begins_with_random_weights(run: clothes.Run) -> None:
    trainer = make_trainer(run.split, LITE.changed({"model": {"weights": "none"}}))
    before = trainer.model.get_weights()
    trainer.begin()
    assert are_equal(trainer.model.get_weights(), before)
    assert trainer.model.get_layer("stem_norm").trainable


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
    assert state.epoch == 2
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


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_advice(run: clothes.Run) -> None:
    trainer = trainer_of(run)
    trainer.model.set_weights([np.full_like(weight, np.nan) for weight in trainer.model.get_weights()])
    with pytest.raises(clothes.TrainingError, match="smaller learning_rate than"):
        next(trainer.epochs(on_step=lambda done, total: None))
