"""The run folder: what a training leaves, and where each file in it lies.

config.json  split.csv  history.csv  run.json    written by train
history.png  checkpoints/  bundle/
evaluation.json  predictions.csv  confusion.png  written by evaluate
"""

import csv
import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from clothes.bundles import Bundle, read_bundle
from clothes.config import Config
from clothes.errors import RunError
from clothes.files import write_text
from clothes.splits import Split

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class Run:
    """A run folder."""

    path: Path

    @classmethod
    def new(cls, path: Path | None, *, overwrite: bool = False) -> Self:
        """A run in a fresh folder; without a path runs/<date>-<time>. Raises RunError when the folder is in use."""
        if path is None:
            path = Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not overwrite:
                raise RunError(
                    f"{path} is in use. Give another --out, go on with it by --resume, or replace it by --overwrite."
                )
            if not (path / "run.json").exists():
                raise RunError(f"{path} is not a run folder, so --overwrite leaves it alone. Give another --out.")
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The run in this folder. Raises RunError when it is none."""
        folder = Path(path)
        if not (folder / "run.json").is_file():
            raise RunError(f"{folder} is not a run folder: it has no run.json. `clothes train` makes one in runs/NAME.")
        return cls(folder)

    @property
    def config(self) -> Config:
        return Config.read(self.path / "config.json")

    @property
    def info(self) -> dict[str, Any]:
        """run.json: where the photos lie, how the training went, how often the test part was opened."""
        try:
            info: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            return info
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / 'run.json'} cannot be read: {error}.") from None

    @property
    def photos(self) -> Path:
        """The folder of the photos it was trained on."""
        return Path(os.path.normpath(self.path / self.info["photos"]))

    @property
    def split(self) -> Split:
        return Split.read(self.path / "split.csv", self.photos)

    @property
    def bundle(self) -> Bundle:
        return read_bundle(self.path / "bundle")

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch, as in history.csv."""
        try:
            with (self.path / "history.csv").open(encoding="utf-8", newline="") as file:
                return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.path / 'history.csv'} cannot be read: {error}.") from None

    def start(self, config: Config, split: Split) -> None:
        """Writes down what the training is made from."""
        write_text(self.path / "config.json", config.to_json())
        split.write(self.path / "split.csv", overwrite=True)
        try:  # relative, so that a folder with photos and run in it can be moved
            photos = os.path.relpath(split.root.resolve(), self.path.resolve())
        except ValueError:  # another drive
            photos = str(split.root.resolve())
        self.note(photos=photos, started=now(), finished=None, test_part_opened=0)

    def note(self, **changes: Any) -> None:
        """Changes entries of run.json."""
        old = self.info if (self.path / "run.json").exists() else {}
        write_text(self.path / "run.json", json.dumps(old | changes, indent=2) + "\n")

    def write_history(self, history: list[dict[str, float]]) -> None:
        lines = [",".join(HISTORY_COLUMNS)]
        lines += [",".join(f"{row[name]:.6g}" for name in HISTORY_COLUMNS) for row in history]
        write_text(self.path / "history.csv", "\n".join(lines) + "\n")


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
