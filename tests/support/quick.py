"""Trains quick models on a network that looks at a photo in no time."""

from pathlib import Path
from typing import Any

import clothes

OLD = Path(__file__).parents[1] / "data" / "made-by-0.1.0" / "finished"  # the run of a small sequential network


def train_quick(photos: Path, out: Path | None, **more: Any) -> clothes.Run:
    """Trains a quick model; `more` as for `clothes.train`."""
    return clothes.train(photos, out=out, **{"trunk": OLD, "changes": {"model": {"architecture": "quick"}}} | more)
