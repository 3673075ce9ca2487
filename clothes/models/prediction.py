"""Runs a Keras model on pictures in batches."""

import numpy as np

from clothes.models.backend import keras
from clothes.system.progress import Progress

_BATCH = 64


def predict(
    model: keras.Model, pixels: np.ndarray, chosen: np.ndarray, *, progress: Progress = lambda done, total: None
) -> np.ndarray:
    """Returns the outputs of a model for the chosen pictures, float32 (N, ...), with one batch in memory at a time."""
    outputs = []
    for start in range(0, len(chosen), _BATCH):
        outputs.append(np.asarray(model.predict_on_batch(pixels[chosen[start : start + _BATCH]])))
        progress(min(start + _BATCH, len(chosen)), len(chosen))
    return np.concatenate(outputs)
