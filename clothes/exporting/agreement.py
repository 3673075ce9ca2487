"""How well an export agrees with its bundle, and how well it must."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothes.errors import ExportError
from clothes.inference.classifier import TOLERANCE

# The bundle computes with 8 bits, a converted export in float32: they may differ by this much.
LEAST_AGREEMENT = 0.95
LARGEST_DIFFERENCE = 0.25


@dataclass(frozen=True)
class Agreement:
    """The answers of an export and its bundle for some pictures.

    `agreement` is the share of equal labels, `difference` the largest difference of a score.
    """

    what: str
    pictures: int
    agreement: float
    difference: float


def compare(what: str, scores: np.ndarray, expected: np.ndarray) -> Agreement:
    """Compares the scores (N, classes) of an export with those of its bundle."""
    agreement = float((scores.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return Agreement(what, len(scores), agreement, largest_difference(scores, expected))


def largest_difference(scores: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(scores - expected).max())


def require_equality(format_name: str, difference: float) -> None:
    """Raises ExportError if a score differs from the Keras network that was converted.

    Passes NaN, the difference of two networks that both answer NaN: `require_agreement` refuses them.
    """
    if difference > TOLERANCE:
        raise ExportError(
            f"The {format_name} export is wrong: a score differs by {difference:.2g} from the network that it was made "
            f"from ({TOLERANCE:g} is allowed), so it is not kept. Please report this with `clothes info`."
        )


def require_agreement(format_name: str, agreements: Sequence[Agreement], *, exact: bool) -> None:
    """Raises ExportError if an export answers differently from its bundle; `exact` is for copies of its model."""
    least, largest = (1.0, TOLERANCE) if exact else (LEAST_AGREEMENT, LARGEST_DIFFERENCE)
    on_pictures = agreements[-1]
    if on_pictures.agreement >= least and all(item.difference <= largest for item in agreements):  # false for NaN
        return
    found = "; ".join(
        f"{item.what}: {item.agreement:.0%} equal labels, largest difference of a score {item.difference:.2g}"
        for item in agreements
    )
    raise ExportError(
        f"The {format_name} export does not agree with its bundle, so it is not kept. {found}. Required are "
        f"{least:.0%} equal labels on pictures, and differences up to {largest:g}. If the bundle is for other photos "
        "than these, name some: --photos DIR."
    )
