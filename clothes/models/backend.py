"""Keras on the backend that KERAS_BACKEND names: the same results for the same seed, and no chatter."""

import logging
import os
from importlib.util import find_spec

from clothes.errors import ConfigError
from clothes.system.stderr import quiet

__all__ = ["keras"]

_BACKENDS = ("tensorflow", "jax", "torch")
_chosen = os.environ.get("KERAS_BACKEND") or "tensorflow"
if _chosen not in _BACKENDS:
    raise ConfigError(f"KERAS_BACKEND is {_chosen!r}. Set it to one of {', '.join(_BACKENDS)}.")
if _chosen != "tensorflow" and find_spec(_chosen) is None:
    raise ConfigError(
        f"KERAS_BACKEND is {_chosen!r}, but {_chosen} is not installed. Install it with: pip install {_chosen}"
    )
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of several networks in one process
with quiet():
    import keras

    keras.ops.zeros(1)  # the rest of a backend's start-up lines come with its first array
