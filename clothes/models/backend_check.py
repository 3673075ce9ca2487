"""Checks that a network can be trained here, without importing Keras."""

import os
from importlib.util import find_spec

from clothes.errors import EXTRAS, ConfigError, MissingExtraError

BACKENDS = ("tensorflow", "jax", "torch")


def require_training(what: str) -> None:
    """Raises MissingExtraError if Keras or TensorFlow is not installed, ConfigError if KERAS_BACKEND is wrong."""
    for module in ("keras", "tensorflow", "cv2"):
        if find_spec(module) is None:
            raise MissingExtraError(EXTRAS[module], what)
    chosen_backend()


def chosen_backend() -> str:
    """Returns the backend named by KERAS_BACKEND, TensorFlow by default. Raises ConfigError if it cannot be used."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in BACKENDS:
        raise ConfigError(f"KERAS_BACKEND is {backend!r}. Set it to one of {', '.join(BACKENDS)}.")
    if backend != "tensorflow" and find_spec(backend) is None:
        raise ConfigError(
            f"KERAS_BACKEND is {backend!r}, but {backend} is not installed. Install it with: pip install {backend}"
        )
    return backend
