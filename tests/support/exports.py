"""Reads exports as other programs do, without clothes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MADE = {"onnx": "model.onnx", "litert": "model.tflite", "saved-model": "saved_model", "keras": "model.keras"}


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def score_with_onnx(folder: Path, pictures: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(folder / MADE["onnx"]).run(["scores"], {"pictures": pictures})[0]


def score_with_litert(folder: Path, pictures: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(folder / MADE["litert"])).get_signature_runner()
    return np.concatenate([runner(pictures=picture[None])["scores"] for picture in pictures])


def score_with_tensorflow(folder: Path, pictures: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    serve = tf.saved_model.load(folder / MADE["saved-model"]).signatures["serving_default"]
    return np.asarray(serve(tf.constant(pictures))["scores"])


def score_with_keras(folder: Path, pictures: np.ndarray) -> np.ndarray:
    import keras

    return np.asarray(keras.models.load_model(folder / MADE["keras"])(pictures)["scores"])


READERS: dict[str, Callable[[Path, np.ndarray], Any]] = {
    "onnx": score_with_onnx,
    "litert": score_with_litert,
    "saved-model": score_with_tensorflow,
    "keras": score_with_keras,
}
