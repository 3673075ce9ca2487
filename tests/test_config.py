"""Settings: validated, to and from JSON, with errors that name the setting."""

import json
from pathlib import Path

import pytest

from clothes.config import Augmentation, Config, ModelConfig, SplitConfig, TrainConfig
from clothes.errors import ConfigError


@pytest.mark.parametrize("config", [Config(), Config.for_photos(28)])
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


def test_files_that_are_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        Config.read(tmp_path / "none.json")
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
