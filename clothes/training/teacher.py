"""The teacher of a distillation (Hinton et al., 2015): its probabilities are a part of a network's targets."""

import os
from pathlib import Path

import numpy as np

from clothes.errors import BundleError, ConfigError, PhotoError, RunError, SplitError
from clothes.inference.bundle import MODEL, Bundle, read_bundle
from clothes.inference.classifier import BUNDLED, Classifier
from clothes.inference.run import Run
from clothes.photos.class_names import choose_spellings
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Split
from clothes.system.progress import Progress
from clothes.training.datasets import read_photo

_BUNDLED = "bundled"  # the name of the bundled model


class Teacher:
    """A loaded bundle. It looks at each train photo once, as it is, before the training. Raises BundleError."""

    def __init__(self, bundle: str | os.PathLike[str]) -> None:
        self._network = Classifier(_find(bundle))
        self._scores: np.ndarray | None = None

    @property
    def origin(self) -> dict[str, str]:
        """Its name and the SHA-256 of its model, as they stand in run.json and bundle.json."""
        return {"name": self._network.info.get("name", ""), "sha256": self._network.info["files"][MODEL]}

    def scores(self, split: Split, progress: Progress) -> np.ndarray:
        """Returns its probabilities of the split's classes for the train photos, float32 (N, classes).

        They are equal for a photo of no class. The first call computes them, later ones return the same. Raises
        ConfigError if it does not know all classes, SplitError if a photo is missing or has changed since the split.
        """
        if self._scores is None:
            self._scores = self._look(split, progress)
        return self._scores

    def _look(self, split: Split, progress: Progress) -> np.ndarray:
        columns, rows = self._columns(split.classes), split.part("train")
        scores = np.full((len(rows), len(columns)), 1 / len(columns), dtype=np.float32)
        chosen = [i for i, row in enumerate(rows) if row.label != OTHER]
        answers = self._network.outputs_many(read_photo(split.root, rows[i]) for i in chosen)
        for done, (i, answer) in enumerate(zip(chosen, answers, strict=True), start=1):
            if isinstance(answer, PhotoError):
                raise SplitError(f"{rows[i].photo} is in the split but cannot be used: {answer.reason}. Split again.")
            scores[i] = answer.scores[columns]
            progress(done, len(chosen))
        return scores

    def _columns(self, classes: tuple[str, ...]) -> list[int]:
        """Returns the place of each class among those that it knows, in any spelling."""
        known = self._network.classes
        names = choose_spellings(classes, known)
        if missing := [name for name in classes if names[name] not in known]:
            raise ConfigError(
                f"The teacher {self._network.path} does not know {', '.join(missing)}, but {', '.join(known)}. Name "
                "one that knows all classes, or leave these photos out."
            )
        return [known.index(names[name]) for name in classes]


def require_same(bundle: str | os.PathLike[str], run: Run) -> None:
    """Raises RunError if this is not the teacher that the run began with, BundleError if there is no bundle."""
    known = run.info["teacher"]
    try:
        found = _find(bundle).info["files"][MODEL]
    except BundleError as error:
        raise BundleError(f"{error} It taught {run.path}: name the same one by --teacher to go on.") from None
    if found != known.get("sha256"):
        raise RunError(
            f"{run.path} began with another teacher than {bundle}: {known.get('name', '')}, whose model has the "
            f"SHA-256 {known.get('sha256', '')[:16]}. Name that one by --teacher, or train into another --out."
        )


def _find(bundle: str | os.PathLike[str]) -> Bundle:
    return read_bundle(BUNDLED if Path(bundle) == Path(_BUNDLED) else bundle)
