"""Embeddings with clear classes, made without a network."""

import numpy as np

from clothes.evaluation.embeddings import Embeddings
from clothes.photos.split_file import Row


def clusters(count: int, *, classes: int = 4) -> Embeddings:
    """Train photos c0, c1, ... in turn: a cluster in 12 dimensions for each class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    values = rng.normal(size=(count, 12)).astype(np.float32)
    values[np.arange(count), labels] += 5
    rows = tuple(Row(f"{i}.jpg", f"c{label}", "train", "", str(i)) for i, label in enumerate(labels))
    return Embeddings(rows, values, labels, labels)
