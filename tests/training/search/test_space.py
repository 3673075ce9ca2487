"""The search space contains only settings that a config can have."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="tuning needs the extra 'train'")

import clothes
from clothes.config import Config
from clothes.training.search.space import SEARCHED, Span, apply_settings, read_setting, space_around


def test_every_setting_of_the_space_gives_a_config_that_can_be_built() -> None:
    rng = np.random.default_rng(0)
    searched = space_around(Config())
    assert set(searched) == set(SEARCHED)  # no setting is outside for the defaults
    for _ in range(200):
        settings = {}
        for name, options in searched.items():
            if isinstance(options, Span):
                value = rng.uniform(options.low, options.high)
                settings[name] = round(value) if options.whole else value
            else:
                settings[name] = options[rng.integers(len(options))]
        config = apply_settings(Config(), settings)
        for name, value in settings.items():
            if name != "train.augmentation":
                assert read_setting(config, name) == value
    assert clothes.build_model(config.model, 3).count_params() > 0


def test_the_space_ends_where_the_config_does() -> None:
    model = {"filters": [4000, 1, 96], "units": [65000, 1, 64]}
    train = {"learning_rate": 4.0, "weight_decay": 8.0, "augmentation": clothes.Augmentation(zoom=(1, 8))}
    config = Config().changed({"model": model, "train": train})
    space = space_around(config)
    for name, low, high in (
        ("model.filters.0", 2000, 4096),
        ("model.filters.1", 1, 2),
        ("model.units.0", 32500, 65536),
        ("model.units.1", 1, 2),
        ("train.learning_rate", 0.8, 10),
        ("train.weight_decay", 0.8, 10),
        ("train.augmentation", 0, 9 / 7),  # a zoom of 10
    ):
        span = space[name]
        assert isinstance(span, Span) and (span.low, span.high) == (low, pytest.approx(high)), name
        for end in (span.low, span.high):
            apply_settings(config, {name: end})


def test_a_rate_written_as_a_whole_number_has_fractions() -> None:
    rate = space_around(Config().changed({"train": {"learning_rate": 1}}))["train.learning_rate"]
    assert rate == Span(0.2, 5, log=True)


def test_settings_of_another_network_are_not_in_the_space() -> None:
    lite = space_around(Config.for_photos(400, architecture="efficientnet-lite0"))
    assert set(lite) == {
        f"train.{name}" for name in ("learning_rate", "weight_decay", "batch_size", "label_smoothing", "augmentation")
    }
    span = lite["train.learning_rate"]
    assert isinstance(span, Span) and span.low < 3e-4 < span.high


def test_the_strength_of_the_augmentation() -> None:
    usual = clothes.Augmentation()
    assert usual.times(1) == usual
    none = usual.times(0)
    assert (none.rotation, none.zoom, none.color, none.erase) == (0, (1, 1), 0, 0)
    assert usual.times(1.5).zoom == pytest.approx((0.55, 1.225))
