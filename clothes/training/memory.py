"""Recognises that a batch does not fit into memory, and finds one that does."""

import numpy as np

from clothes.errors import OutOfMemoryError
from clothes.models.backend import keras


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether a backend ran out of memory; each has an exception of its own."""
    text = f"{type(error).__name__} {error}".lower().replace("_", "")
    return isinstance(error, MemoryError | OutOfMemoryError) or any(
        sign in text for sign in ("resourceexhausted", "out of memory", "outofmemory")
    )


def too_large(model: keras.Model, pictures: np.ndarray, targets: np.ndarray) -> OutOfMemoryError:
    """Returns an error that names the largest batch that fits, found by halving."""
    size, side = len(pictures), pictures.shape[1]
    problem = f"Out of memory: a batch of {size} photos of {side} x {side} pixels does not fit"
    while size > 1:
        size //= 2
        try:
            model.train_on_batch(pictures[:size], targets[:size])
        except Exception as error:
            if is_out_of_memory(error):
                continue
            raise
        return OutOfMemoryError(
            f'{problem}; one of {size} does. Train with --config FILE that says "batch_size": {size} in "train", '
            "or with a smaller --image-size."
        )
    return OutOfMemoryError(f"{problem}, and not even one of 1 does. Train with a smaller --image-size or network.")
