"""The whole way on the starter pictures, written as a user would write it."""

from dataclasses import dataclass
from pathlib import Path

import clothes
from clothes.config import Config
from clothes.public_data import starter
from clothes.training import Watcher


@dataclass(frozen=True)
class Demo:
    """What a demo made, and what its recogniser said of two test pictures: (truth, prediction)."""

    report: clothes.CheckReport
    run: clothes.Run
    evaluation: clothes.Evaluation
    answers: tuple[tuple[str, clothes.Prediction], ...]


def run_demo(out: Path, *, watcher: Watcher) -> Demo:
    """Starter pictures -> class folders -> check -> split -> train -> evaluate -> two predictions, below `out`."""
    photos = starter(out / "photos")
    report = clothes.check(photos)
    split = clothes.split(photos)
    split.write(photos / "split.csv")

    config = Config.for_photos(longer_side=28)
    run = clothes.train(photos, out=out / "run", config=config, watcher=watcher)
    evaluation = clothes.evaluate(run.path)

    classifier = clothes.load(run.path)
    test = split.part("test")
    shown = (test[0], test[len(test) // 2])
    answers = tuple((row.label, classifier.predict(photos / row.photo)) for row in shown)
    return Demo(report, run, evaluation, answers)


def free_folder(wanted: Path) -> Path:
    """The folder wanted, or if it is in use the first free one of the name with -2, -3 and so on."""
    folder, number = wanted, 1
    while folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder
