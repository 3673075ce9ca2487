"""Imports Keras on the backend named by KERAS_BACKEND, with deterministic operations and without start-up messages."""

import logging
import os

from clothes.models.backend_check import chosen_backend
from clothes.system.stderr import quiet

__all__ = ["keras"]

chosen_backend()
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns if a process builds several networks
with quiet():
    import keras

    keras.ops.zeros(1)  # the first array prints the remaining start-up messages of the backend
