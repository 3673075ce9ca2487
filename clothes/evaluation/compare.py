"""`compare`: two models on the same test photos, from the predictions.csv of each."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clothes.errors import RunError
from clothes.evaluation.results import read_predictions
from clothes.inference.metrics import mcnemar, wilson_interval
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Split


@dataclass(frozen=True)
class Difference:
    """A photo for which two models predict different classes."""

    photo: str
    truth: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """Two models on the photos that both were tested on.

    `only_first` and `only_second` count the photos that only one model classifies correctly. `p` is the two-sided
    p-value of McNemar's exact test. `left_out` counts the photos that only one model was tested on.
    """

    photos: int
    accuracy: tuple[float, float]
    interval: tuple[tuple[float, float], tuple[float, float]]  # 95 %, Wilson
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p: float
    differences: tuple[Difference, ...]  # sorted by photo
    left_out: int

    @property
    def is_significant(self) -> bool:
        """Whether chance alone seldom gives the difference: in less than 1 of 20 cases."""
        return self.p < 0.05

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Comparison:
    """Compares two runs on the test photos of both.

    Takes folders that `evaluate` wrote into: runs, or evaluations on the same photos. Photos that show none of the
    classes do not count. Raises RunError if a folder has not been evaluated or the two have no test photo in common.
    """
    (a, hashes_a), (b, hashes_b) = _read_answers(Path(first)), _read_answers(Path(second))
    replaced = {photo for photo in hashes_a.keys() & hashes_b.keys() if hashes_a[photo] != hashes_b[photo]}
    common = sorted(key for key in a.keys() & b.keys() if key[0] not in replaced)
    if not common:
        raise RunError(
            f"{first} and {second} were tested on different photos ({len(a)} and {len(b)}, none in common). Train both "
            "with the same --split, or evaluate both on one folder: --photos DIR --out DIR."
        )
    right = [(a[key] == key[1], b[key] == key[1]) for key in common]
    total, right_first, right_second = len(common), sum(r for r, _ in right), sum(r for _, r in right)
    only_first, only_second = right.count((True, False)), right.count((False, True))
    return Comparison(
        photos=total,
        accuracy=(right_first / total, right_second / total),
        interval=(wilson_interval(right_first, total), wilson_interval(right_second, total)),
        both_right=right.count((True, True)),
        only_first=only_first,
        only_second=only_second,
        both_wrong=right.count((False, False)),
        p=mcnemar(only_first, only_second),
        differences=tuple(Difference(*key, a[key], b[key]) for key in common if a[key] != b[key]),
        left_out=len((a.keys() | b.keys()) - set(common)),
    )


def _read_answers(folder: Path) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Returns (photo, true class) -> predicted class from predictions.csv, photo -> checksum from a split.csv there."""
    answers = {(str(p.photo), truth): p.label for truth, p in read_predictions(folder) if truth != OTHER}
    split = Split.read(folder / "split.csv", folder).rows if (folder / "split.csv").exists() else ()
    return answers, {row.photo: row.sha256 for row in split if row.sha256}
