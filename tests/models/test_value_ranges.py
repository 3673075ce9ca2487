"""The ranges of a network's values are those that TensorFlow's calibrator finds."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs the extra 'train'")

from ai_edge_litert import schema_py_generated as schema

from clothes.config import ModelConfig
from clothes.models import conversion
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.models.value_ranges import add_ranges


def ranges(model: bytes) -> dict[bytes, tuple[float, float]]:
    """The lowest and the highest value of each tensor that has a range, by its name."""
    found = {}
    for tensor in schema.ModelT.InitFromPackedBuf(model).subgraphs[0].tensors:
        if (quantization := tensor.quantization) is not None and quantization.min is not None:
            found[tensor.name] = (float(quantization.min[0]), float(quantization.max[0]))
    return found


@pytest.mark.parametrize("architecture", ["efficientnet-lite0", "keras:MobileNetV3Small"])
def test_they_are_those_of_tensorflows_calibrator(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both networks have sums that overwrite what they add. The logits are below zero."""
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    config = ModelConfig(architecture=architecture, image_size=32)
    examples = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    plain, added = b"", b""

    def note(model: bytes, *more: Any) -> bytes:
        nonlocal plain, added
        plain, added = model, add_ranges(model, *more)
        return added

    monkeypatch.setattr(conversion, "add_ranges", note)
    keras.utils.set_random_seed(0)
    network = build_model(config, 3)
    network.get_layer("logits").bias.assign([-9, -9, -9])
    made = conversion.to_litert(network, config, examples=examples)
    wanted = ranges(Calibrator(plain).calibrate(lambda: ([picture[None]] for picture in examples)))
    assert len(wanted) > 50
    assert ranges(added) == wanted
    parsed = schema.ModelT.InitFromPackedBuf(made)
    kinds = [tensor.type for tensor in parsed.subgraphs[0].tensors]
    assert kinds.count(schema.TensorType.INT8) > 50
    assert [kinds[end.tensorIndex] for end in parsed.signatureDefs[0].outputs] == [schema.TensorType.FLOAT32] * 2
