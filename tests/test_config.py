"""Settings: validated, to and from JSON, with errors that name the setting."""

import json
from pathlib import Path

import pytest

from clothes.config import Augmentation, Config, ModelConfig, SplitConfig, TrainConfig
from clothes.errors import ConfigError

LITE = Config.for_photos(400, architecture="efficientnet-lite0")
SCRATCH = Config.for_photos(400, architecture="keras:VGG16", weights="none")


@pytest.mark.parametrize("config", [Config(), Config.for_photos(28), LITE, SCRATCH])
def test_to_json_and_back(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(config.to_json())
    assert Config.read(path) == config


def test_what_is_left_out_keeps_its_default() -> None:
    config = Config.from_dict({"train": {"epochs": 3, "augmentation": {"flip": False}}})
    assert config.train.epochs == 3
    assert config.train.augmentation == Augmentation(flip=False)
    assert config.model == ModelConfig()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train": {"epoch": 3}}, "unknown setting 'epoch'"),
        ({"modle": {}}, "unknown setting 'modle'"),
        ({"train": {"epochs": "3"}}, "epochs must be"),
        ({"train": {"epochs": True}}, "epochs must be"),
        ({"train": {"epochs": 0}}, "epochs must be between"),
        ({"train": {"learning_rate": -1}}, "learning_rate must be"),
        ({"train": {"optimizer": "magic"}}, "optimizer must be one of"),
        ({"train": {"augmentation": {"zoom": [2, 1]}}}, "zoom must be"),
        ({"model": {"filters": [1, 2]}}, "filters must be 3 values"),
        ({"model": {"dropout": [0.5, 0.5, 1.0]}}, "dropout must be"),
        ({"model": {"image_size": 4}}, "image_size must be between"),
        ([], "expected an object"),
        ({"model": 3}, "must be an object"),
    ],
)
def test_a_wrong_setting_is_named(data: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.from_dict(data)


def test_few_photos_get_enough_steps() -> None:
    assert Config.for_photos(400, count=3068) == Config()
    few = Config.for_photos(400, count=84)
    assert (few.train.batch_size, few.train.epochs, few.train.patience) == (16, 200, 50)
    assert few.model == Config().model
    assert Config.for_photos(400, count=3).train.epochs == 1000


def test_fine_tuning_takes_few_epochs_and_more_where_photos_are_few() -> None:
    assert (LITE.model.weights, LITE.model.image_size, LITE.train.epochs) == ("imagenet", 224, 10)
    steps = {}
    for count in (100, 400, 3000, 20_000, 50_000):
        train = Config.for_photos(400, count=count, architecture="efficientnet-lite0").train
        steps[count] = train.epochs * (count // train.batch_size)
    assert min(steps.values()) >= 300
    assert steps[3000] == 10 * (3000 // 32)
    assert steps[20_000] < 10 * (20_000 // 32)  # fewer epochs do
    assert steps[50_000] == 3 * (50_000 // 32)
    scratch = Config.for_photos(400, count=3000, architecture="efficientnet-lite0", weights="none")
    assert (scratch.model.weights, scratch.train.epochs) == ("none", 80)


def test_a_known_network_is_described_without_the_layers_of_the_sequential_one() -> None:
    assert "filters" not in LITE.to_dict()["model"]
    assert "weights" not in Config().to_dict()["model"]


def test_files_that_are_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        Config.read(tmp_path / "none.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(ConfigError, match="is a link"):
        Config.read(tmp_path / "loop.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        Config.read(tmp_path / "bad.json")


def test_changes_go_on_top_and_none_changes_nothing() -> None:
    config = Config().changed({"train": {"epochs": 7, "seed": None}, "model": {"image_size": None}})
    assert config == Config(train=TrainConfig(epochs=7))


def test_ratios() -> None:
    assert SplitConfig.from_ratios("80/10/10", seed=3) == SplitConfig(train=80, test=10, validation=10, seed=3)
    for bad in ("70/20", "70/20/20", "a/b/c", "100/0/0"):
        with pytest.raises(ConfigError):
            SplitConfig.from_ratios(bad)


def test_the_recipes_are_valid() -> None:
    recipes = sorted((Path(__file__).parents[1] / "recipes").glob("*.json"))
    assert recipes
    for recipe in recipes:
        assert json.loads(recipe.read_text())
        Config.read(recipe)
