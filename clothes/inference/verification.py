"""`verify`: a copy of a bundle is intact, and gives the scores here that it gave where it was made."""

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import INFO, Bundle, read_bundle
from clothes.inference.classifier import TOLERANCE, open_model
from clothes.system.checksums import CHECKSUM
from clothes.system.files import megabytes
from clothes.system.plurals import counted
from clothes.system.version import __version__


@dataclass(frozen=True)
class Finding:
    """One check: its subject, whether it passed, and the details."""

    what: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Verification:
    """All checks of a bundle; `difference` is the largest one between a golden sample's score and the recorded one."""

    path: Path
    findings: tuple[Finding, ...]
    difference: float | None

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        findings = [asdict(finding) for finding in self.findings]
        return {"holds": self.holds, "tolerance": TOLERANCE, "difference": self.difference, "findings": findings}


def verify(path: str | os.PathLike[str]) -> Verification:
    """Checks a bundle, or the bundle of a run: checksums, classes, golden samples and versions.

    Scores may differ by TOLERANCE, as processors round differently. Raises BundleError if bundle.json itself is
    missing, damaged or from a newer version.
    """
    bundle = read_bundle(path)
    has_checksum = CHECKSUM in bundle.info  # which `read_bundle` compared
    found = "matches its checksum" if has_checksum else "has no checksum, so it may have been changed"
    findings = [Finding(INFO, has_checksum, found)]
    findings += [_check_file(bundle, name) for name in sorted(bundle.info["files"])]
    difference = None
    if all(finding.holds for finding in findings):
        answers, difference = _check_answers(bundle)
        findings += answers
    return Verification(bundle.path, (*findings, _check_versions(bundle)), difference)


def _check_file(bundle: Bundle, name: str) -> Finding:
    try:
        return Finding(name, True, f"matches its checksum, {megabytes(len(bundle.file(name)))}")
    except BundleError as error:
        return Finding(name, False, str(error))


def _check_answers(bundle: Bundle) -> tuple[list[Finding], float | None]:
    """Checks the number of classes and all golden samples. Returns their largest difference of a score, too."""
    classes = bundle.classes
    try:
        pictures, expected = bundle.probes()
        model = open_model(bundle)
        scores = np.array([model.run(picture)[0] for picture in pictures])
    except (BundleError, ValueError, RuntimeError, KeyError) as error:
        return [Finding("probes", False, f"the golden samples cannot be predicted: {error}")], None
    if not scores.shape == expected.shape == (len(pictures), len(classes)):
        found = f"{len(classes)}, but the model has {scores.shape[-1]} and the golden samples {expected.shape[-1]}"
        return [Finding("classes", False, found)], None
    difference = float(np.abs(scores - expected).max())
    samples = counted(len(scores), "golden sample")
    found = f"{samples}, largest difference of a score {difference:.2g} ({TOLERANCE:g} is allowed)"
    return [
        Finding("classes", True, f"{len(classes)}: {', '.join(classes)}"),
        Finding("probes", difference <= TOLERANCE, found),
    ], difference if math.isfinite(difference) else None


def _check_versions(bundle: Bundle) -> Finding:
    made_by = str(bundle.info.get("versions", {}).get("clothes", ""))
    if not made_by:
        return Finding("versions", False, "the version of clothes that made it is not recorded")
    newer = _numbers(made_by) > _numbers(__version__)
    found = f"made by clothes {made_by}, this is {__version__}" + (": update clothes" if newer else "")
    return Finding("versions", not newer, found)


def _numbers(version: str) -> list[int]:
    return [int(part[:9]) if part.isdecimal() else 0 for part in version.split(".")]
