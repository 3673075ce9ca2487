"""Keras: one .keras archive, which `keras.models.load_model` reads without clothes."""

from pathlib import Path

from clothes.exporting.source import Scorer, Source, keras_scorer


def to_keras(source: Source, folder: Path) -> Scorer:
    """Writes model.keras and reads it back."""
    from clothes.models.backend import keras

    path = folder / "model.keras"
    source.network.save(path)
    return keras_scorer(keras.models.load_model(path))
