"""`compare`: two recognisers on the same test photos, from what `evaluate` wrote of each."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clothes.errors import RunError
from clothes.evaluation.evaluate import read_predictions
from clothes.metrics import mcnemar, wilson_interval
from clothes.photos.folders import OTHER
from clothes.photos.splits import Split


@dataclass(frozen=True)
class Difference:
    """A photo to which two recognisers give different answers."""

    photo: str
    truth: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """Two recognisers, the first and the second, on the photos that both were tested on.

    `only_first` and `only_second` count the photos on which just one is right; `p` is McNemar's exact test of these
    two, two-sided. `left_out` counts the photos that only one of them was tested on.
    """

    photos: int
    accuracy: tuple[float, float]
    interval: tuple[tuple[float, float], tuple[float, float]]  # 95 %, Wilson
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p: float
    differences: tuple[Difference, ...]  # by photo
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Comparison:
    """Which of two runs is better, on the test photos of both, by the predictions.csv of each.

    Takes folders that `evaluate` wrote into: runs, or evaluations on the same photos. Photos that show none of the
    classes do not count. Raises RunError when one was not evaluated yet, or they have no test photo in common.
    """
    answers = _answers(Path(first)), _answers(Path(second))
    common = sorted(key for key in answers[0].keys() & answers[1].keys() if answers[0][key].is_like(answers[1][key]))
    if not common:
        raise RunError(
            f"{first} and {second} were tested on different photos ({len(answers[0])} and {len(answers[1])}, none in "
            "common). Train both with the same --split, or evaluate both on one folder: --photos DIR --out DIR."
        )
    pairs = [(truth, *(found[photo, truth].label for found in answers)) for photo, truth in common]
    rights = [(a == truth, b == truth) for truth, a, b in pairs]
    right = [sum(right[i] for right in rights) for i in (0, 1)]
    only_first, only_second = rights.count((True, False)), rights.count((False, True))
    return Comparison(
        photos=len(common),
        accuracy=(right[0] / len(common), right[1] / len(common)),
        interval=(wilson_interval(right[0], len(common)), wilson_interval(right[1], len(common))),
        both_right=rights.count((True, True)),
        only_first=only_first,
        only_second=only_second,
        both_wrong=rights.count((False, False)),
        p=mcnemar(only_first, only_second),
        differences=tuple(
            Difference(photo, *labels)
            for (photo, _), labels in zip(common, pairs, strict=True)
            if labels[1] != labels[2]
        ),
        left_out=len((answers[0].keys() | answers[1].keys()) - set(common)),
    )


@dataclass(frozen=True)
class _Answer:
    label: str
    sha256: str  # of the photo, where a split tells

    def is_like(self, other: "_Answer") -> bool:
        """Whether the two photos of one name are not known to be different ones."""
        return self.sha256 == other.sha256 or not (self.sha256 and other.sha256)


def _answers(folder: Path) -> dict[tuple[str, str], _Answer]:
    """(photo, truth) -> answer, for what predictions.csv holds."""
    split = Split.read(folder / "split.csv", folder).rows if (folder / "split.csv").exists() else ()
    hashes = {row.photo: row.sha256 for row in split}
    return {
        (answer.photo or "", truth): _Answer(answer.label, hashes.get(answer.photo or "", ""))
        for truth, answer in read_predictions(folder)
        if truth != OTHER
    }
