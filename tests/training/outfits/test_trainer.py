"""The loss of an outfit network, a short training of it, and the bundle that it becomes."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs the extra 'train'")

import clothes
import clothes.errors
from clothes.config import TrainConfig
from clothes.models.backend import keras
from clothes.outfits.kinds import CLASSES, GARMENTS
from clothes.training.outfits import trainer
from clothes.training.outfits.batches import Batch, make_batches
from clothes.training.outfits.bundle_writer import write_outfit_bundle
from clothes.training.outfits.examples import Example, bits
from clothes.training.outfits.network import build_parser, load_trunk, served_parser
from clothes.training.training_step import learning_rate

SHIRT, PANTS = CLASSES.index("shirt"), CLASSES.index("pants")


def example(seed: int, kind: str = "street") -> Example:
    rng = np.random.default_rng(seed)
    pixels, mask = rng.integers(0, 90, (120, 90, 3)).astype(np.uint8), np.zeros((120, 90), np.uint8)
    if kind != "empty":
        pixels[10:60, 20:70], mask[10:60, 20:70] = (220, 30, 30), SHIRT
        pixels[60:115, 25:65], mask[60:115, 25:65] = (30, 30, 220), PANTS
    return Example(pixels, mask, bits(""), (), True, kind)


def loss_of(logits: np.ndarray, cells: list[int], present: set[str] = frozenset()) -> float:
    """The loss of logits (cells, classes) of one photo with unweighted classes."""
    flags = np.array([[float(name in present) for name in GARMENTS]], np.float32)
    packed = trainer.pack(Batch(np.zeros(1), np.array(cells, np.int32)[None, None], flags))
    loss = trainer.make_loss(np.ones(len(CLASSES), np.float32), len(cells))
    return float(loss(packed, logits[None, None].astype(np.float32)))


def sure_of(*codes: int) -> np.ndarray:
    return 12.0 * np.eye(len(CLASSES))[list(codes)]


def test_the_loss_is_small_where_any_allowed_class_is_likely() -> None:
    cells = [1 << SHIRT | 1, 1 << SHIRT, *[1] * 6]
    background = [0] * 6
    right = loss_of(sure_of(SHIRT, SHIRT, *background), cells)
    assert loss_of(sure_of(0, SHIRT, *background), cells) == pytest.approx(right, abs=0.05)  # either is allowed
    assert loss_of(sure_of(PANTS, SHIRT, *background), cells) > right + 0.5
    everything = (1 << len(CLASSES)) - 1
    unlabelled = [everything] * 8
    assert loss_of(sure_of(*[0] * 8), unlabelled) < 0.01


def test_the_loss_tells_garments_that_are_in_the_photo() -> None:
    everything = (1 << len(CLASSES)) - 1
    unlabelled = [everything] * 8
    shirts, none = sure_of(*[SHIRT] * 8), sure_of(*[0] * 8)
    assert loss_of(shirts, unlabelled, {"shirt"}) < 0.01 < loss_of(none, unlabelled, {"shirt"})
    assert loss_of(none, unlabelled) < 0.01 < loss_of(shirts, unlabelled)


def test_rare_classes_weigh_more_but_not_without_limit() -> None:
    shares = np.full(len(CLASSES), 0.01)
    shares[0], shares[SHIRT], shares[PANTS] = 0.8, 0.0025, 0
    weights = trainer.class_weights(shares)
    assert weights[SHIRT] == pytest.approx(2)
    assert weights[PANTS] == 4
    assert weights[0] < 0.5


@pytest.mark.slow
def test_a_short_training_finds_drawn_garments(tmp_path: Path) -> None:
    """From a trunk without knowledge it learns two colours, and its bundle answers as the network does."""
    keras.utils.set_random_seed(0)
    network = build_parser((128, 96), len(CLASSES))
    for layer in network.layers:
        layer.trainable = True
    config = TrainConfig(learning_rate=3e-3, ema=0.5, weight_decay=0.0)
    trainer.compile_parser(network, np.ones(len(CLASSES), np.float32), config)
    examples = [example(seed) for seed in range(6)] + [example(9, "empty")]
    accuracies: list[float] = []

    def after_step(step: int, loss: float, accuracy: float) -> None:
        accuracies.append(accuracy)

    batches = make_batches(examples, {"street": 4, "empty": 1}, (128, 96), np.random.default_rng(0))
    average = trainer.train(network, batches, config, steps=60, after_step=after_step)
    assert [mean.shape for mean in average] == [tuple(one.shape) for one in network.trainable_variables]
    assert np.mean(accuracies[-5:]) > 0.8 > 0.3 > np.mean(accuracies[:3])

    bundle = write_outfit_bundle(tmp_path / "bundle", network, examples, examples, size=128, about={"seed": 0})
    assert clothes.verify(bundle.path).holds
    assert bundle.info["outfit"]["measured"]["photos"] == 7
    parser = clothes.load_outfit(bundle.path)
    picture = np.zeros((128, 128, 3), np.uint8)
    expected = served_parser(network, 128).predict_on_batch(picture[None])["regions"][0]
    assert np.abs(parser.model.run_all(picture)["regions"] - expected).mean() < 0.05


def test_a_training_fits_into_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second a step it takes half of its steps in half of the time, and the rate still falls to its end."""
    clock = iter(range(10_000))
    rates: list[float] = []
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))

    class Network:
        trainable_variables = ()

    def step(*arguments: object, step: int, steps: int) -> tuple[float, float]:
        rates.append(learning_rate(config, step, steps))
        return 1.0, 0.5

    monkeypatch.setattr(trainer, "training_step", step)
    config = TrainConfig(learning_rate=1.0)
    batches = make_batches([example(0)], {"street": 1}, (64, 64), np.random.default_rng(0))
    trainer.train(Network(), batches, config, steps=400, seconds=200)
    assert len(rates) == pytest.approx(200, abs=25)
    assert rates[-1] < 0.01
    monkeypatch.setattr(trainer, "training_step", lambda *arguments, **others: (float("nan"), 0.0))
    with pytest.raises(clothes.errors.DivergenceError, match="after 1 steps"):
        trainer.train(Network(), batches, config, steps=5)


def test_a_trunk_starts_from_a_trained_classifier() -> None:
    classifier = clothes.build_model(clothes.ModelConfig("efficientnet-lite0", image_size=64), 3)
    network = build_parser((64, 64), len(CLASSES))
    load_trunk(network, classifier)
    for name in ("stem", "stage5_block2_depthwise_norm", "stage7_block1_project"):
        theirs, ours = classifier.get_layer(name).get_weights(), network.get_layer(name).get_weights()
        assert all(map(np.array_equal, theirs, ours))
    assert network.output_shape == (None, 8, 8, len(CLASSES))
