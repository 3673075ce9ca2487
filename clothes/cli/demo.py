"""The whole way on the starter pictures, written as a user would write it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import clothes
from clothes.collection.public_datasets import holds_starter, starter
from clothes.config import Config
from clothes.training.callbacks import TrainingCallback


@dataclass(frozen=True)
class Demo:
    """What a demo made, and what its recogniser said of two test pictures: (truth, prediction)."""

    run: clothes.Run
    evaluation: clothes.Evaluation
    answers: tuple[tuple[str, clothes.Prediction], ...]


def run_demo(out: Path, *, callback: TrainingCallback, on_check: Callable[[clothes.CheckReport], None]) -> Demo:
    """Starter pictures -> class folders -> check -> split -> train -> evaluate -> two predictions, below `out`.

    Goes on where an earlier one in `out` was interrupted.
    """
    photos = starter(out / "photos")
    on_check(clothes.check(photos))
    split = clothes.split(photos)
    split.write(photos / "split.csv")

    if (out / "run" / "run.json").exists():
        run = clothes.train(photos, out=out / "run", resume=True, callback=callback)
    else:
        config = Config.for_photos(longer_side=28)
        run = clothes.train(photos, out=out / "run", config=config, callback=callback)
    evaluation = clothes.evaluate(run.path)

    classifier = clothes.load(run.path)
    test = split.part("test")
    shown = (test[0], test[len(test) // 2])
    answers = tuple((row.label, classifier.predict(photos / row.photo)) for row in shown)
    return Demo(run, evaluation, answers)


def free_folder(wanted: Path) -> Path:
    """The folder wanted if it is free or holds an interrupted demo, else the first such one with -2, -3 and so on."""
    folder, number = wanted, 1
    while not (_is_free(folder) or is_interrupted(folder)):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def is_interrupted(folder: Path) -> bool:
    """Whether a demo was begun in this folder and did not come to its end."""
    return holds_starter(folder / "photos") and not (folder / "run" / "evaluation.json").exists()


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
