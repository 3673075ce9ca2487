"""Measures how long saving a checkpoint takes and how large it is. Prints a row for each network.

python benchmarks/checkpoint_speed.py
"""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from clothes.config import Config
from clothes.training.datasets import Pictures
from clothes.training.training_loop import Trainer

CONFIGS = {
    "sequential": Config.for_photos(400),
    "efficientnet-lite0": Config.for_photos(400, architecture="efficientnet-lite0", weights="none"),
}

if __name__ == "__main__":
    for name, config in CONFIGS.items():
        size = config.model.image_size
        pictures = Pictures(np.zeros((64, size, size, 3), np.uint8), np.arange(64) % 10)
        trainer = Trainer(config, tuple("abcdefghij"), pictures, pictures)
        folder = Path(tempfile.mkdtemp(prefix="clothes-saves-"))
        seconds = []
        for trainer.state.epoch in range(1, 8):
            started = time.perf_counter()
            trainer.save(folder / "checkpoints", photos="")
            seconds.append(time.perf_counter() - started)
        kept = list((folder / "checkpoints").iterdir())
        megabytes = sum(path.stat().st_size for path in kept[0].iterdir()) / 1e6
        print(f"| {name} | {megabytes:.0f} | {np.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) |")
        shutil.rmtree(folder)
