"""LiteRT: a copy of the bundle's model, as phones and boards run it."""

from pathlib import Path

from clothes.exporting.source import Scorer, Source, lite_scorer
from clothes.inference.bundle import MODEL
from clothes.inference.litert import LiteModel


def to_litert(source: Source, folder: Path) -> Scorer:
    """Writes model.tflite and reads it back."""
    path = folder / MODEL
    path.write_bytes(source.bundle.file(MODEL))
    return lite_scorer(LiteModel(path.read_bytes()))
