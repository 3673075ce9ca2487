"""The sequential network: three convolutions with pooling, three hidden layers, softmax."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="training needs the extra 'train'")

from clothes.config import Config, ModelConfig
from clothes.models.architectures import build_model


@pytest.mark.parametrize("config", [Config().model, Config.for_photos(28).model, ModelConfig(normalization="none")])
def test_three_convolutions_with_pooling_three_hidden_layers_softmax(config: ModelConfig) -> None:
    model = build_model(config, 7)
    assert isinstance(model, keras.Sequential)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == kinds.count("MaxPooling2D") == 3
    assert kinds.count("Dense") == 4  # three hidden ones and the scores
    convolutions = [i for i, kind in enumerate(kinds) if kind == "Conv2D"]
    assert all("MaxPooling2D" in kinds[i : i + 3] for i in convolutions)
    assert model.input_shape == (None, config.image_size, config.image_size, 3)
    assert model.layers[-1].activation is keras.activations.softmax
    scores = model.predict_on_batch(np.zeros((2, config.image_size, config.image_size, 3), dtype=np.uint8))
    assert scores.shape == (2, 7)
    assert scores.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert model.get_layer("features").output.shape == (None, config.units[-1])


@pytest.mark.slow
def test_weights_move_between_precisions() -> None:
    config = ModelConfig(image_size=32, filters=(4, 4, 4), units=(8, 8, 8))
    low, full = build_model(config, 3, precision="mixed_bfloat16"), build_model(config, 3)
    full.set_weights(low.get_weights())
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    assert np.abs(full.predict_on_batch(pictures) - low.predict_on_batch(pictures)).max() < 0.05
    assert all(weight.dtype == np.float32 for weight in low.get_weights())
