"""Reads the checkpoints that the tests themselves have written."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import clothes
from clothes.training.checkpoints import Arrays, State, read_checkpoints


def arrays_like(folder: Path) -> Arrays:
    """Arrays of the shapes and dtypes that the manifest of a checkpoint names."""
    described = json.loads((folder / "manifest.json").read_text())["arrays"]
    return {part: [np.zeros(shape, kind) for kind, shape in values] for part, values in described.items()}


def identity(run: clothes.Run) -> dict[str, object]:
    return {"config": run.config.to_dict(), "photos": run.split.fingerprint}


def checkpoints_of(run: clothes.Run) -> Iterator[tuple[State, Arrays]]:
    """The checkpoints of a run, the newest first."""
    folder = run.path / "checkpoints"
    return read_checkpoints(folder, of=identity(run), like=arrays_like(max(folder.glob("epoch-*"))))


def newest(run: clothes.Run) -> tuple[State, Arrays]:
    return next(checkpoints_of(run))
