"""Trials of a search that take no training, and a process that works on a study with them.

    python -m tests.support.fast_search PHOTOS OUT TRIALS STORAGE HEARTBEAT

STORAGE is the URL of a database, or nothing for one in OUT; HEARTBEAT is in seconds. The process does not import Keras.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from clothes.config import Config
from tests.support.pictures import ROOT, SMALL

TINY = SMALL.changed({"model": {"image_size": 16, "filters": [4, 4, 4], "units": [8, 8, 8]}})


class FastTrainer:
    """Replaces the training of a trial. The accuracy depends on the learning rate and the seed only."""

    seeds: ClassVar[list[int]] = []
    errors: ClassVar[list[Exception | None]] = []  # of the next trials
    seconds: ClassVar[float] = 0.0  # of an epoch

    def __init__(self, config: Config, *parts: Any) -> None:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.seeds.append(config.train.seed)
        self.config, self.state = config.train, SimpleNamespace(best=(0.0,))

    def begin(self) -> None:
        pass

    def epochs(self, on_step: Callable[[int, int], None]) -> Iterator[dict[str, float]]:
        rng = np.random.default_rng([self.config.seed, round(1e6 * self.config.learning_rate)])
        for epoch in range(1, self.config.epochs + 1):
            time.sleep(self.seconds)
            on_step(1, 1)
            accuracy = float(rng.uniform())
            self.state.best = (max(accuracy, *self.state.best),)
            yield {"epoch": epoch, "val_accuracy": accuracy}


def use_fast_trainer(patch: pytest.MonkeyPatch, *, seconds: float = 0.0) -> None:
    """Replaces Keras and the training of trials."""
    clear = SimpleNamespace(clear_session=lambda: None)
    for name, content in {
        "clothes.models.backend": {"keras": SimpleNamespace(backend=clear)},
        "clothes.training.training_loop": {"Trainer": FastTrainer},
        "clothes.training.training_step": {"is_out_of_memory": lambda error: isinstance(error, MemoryError)},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        patch.setitem(sys.modules, name, module)
    patch.setattr(FastTrainer, "errors", [])
    patch.setattr(FastTrainer, "seeds", [])
    patch.setattr(FastTrainer, "seconds", seconds)


def start_worker(
    photos: Path, out: Path, *, trials: int, storage: str = "", heartbeat: int = 1
) -> subprocess.Popen[bytes]:
    """A process that runs trials of a study until it has this many."""
    words = [photos, out, trials, storage, heartbeat]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.fast_search", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )


def main(photos: str, out: str, trials: str, storage: str, heartbeat: str) -> None:
    from clothes.training.search import study
    from clothes.training.search.tuning import tune

    with pytest.MonkeyPatch.context() as patch:
        use_fast_trainer(patch, seconds=0.15)
        patch.setattr(study, "HEARTBEAT", int(heartbeat))
        patch.setattr(study.Study, "importance", lambda self: {})  # imports scikit-learn, which takes seconds
        tune(photos, out=out, trials=int(trials), epochs=2, config=TINY, storage=storage or None)


if __name__ == "__main__":
    main(*sys.argv[1:])
