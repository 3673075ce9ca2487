"""`verify`: whether a bundle is still what it was made as, and answers here as it did where it was made."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import Bundle, read_bundle
from clothes.inference.classifier import TOLERANCE, open_model
from clothes.system.checksums import CHECKSUM
from clothes.system.version import __version__


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it holds, and what was found."""

    what: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Verification:
    """What was found in a bundle; `difference` is the largest of a probe's score from the recorded one."""

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
    """Whether the hashes of a bundle (or of a run's) hold, all its probes are answered as recorded, and more.

    A score may differ by TOLERANCE: processors round differently. Raises BundleError when bundle.json itself is
    missing, damaged or from a newer version.
    """
    bundle = read_bundle(path)
    findings = [_seal(bundle), *(_file(bundle, name) for name in sorted(bundle.info["files"]))]
    difference = None
    if all(finding.holds for finding in findings):
        answers, difference = _probes(bundle)
        findings += answers
    return Verification(bundle.path, (*findings, _versions(bundle)), difference)


def _seal(bundle: Bundle) -> Finding:
    has = CHECKSUM in bundle.info
    return Finding("bundle.json", has, "is as it was made" if has else "has no hash of its own, so it may be changed")


def _file(bundle: Bundle, name: str) -> Finding:
    try:
        data = bundle.file(name)
    except BundleError as error:
        return Finding(name, False, str(error))
    return Finding(name, True, f"is as it was made, {len(data) / 1e6:.1f} MB")


def _probes(bundle: Bundle) -> tuple[list[Finding], float | None]:
    """What the model says to its probes, and for how many classes."""
    names, size = bundle.classes, bundle.image_size
    try:
        pictures, expected = bundle.probes()
        if not len(pictures) or pictures.shape[1:] != (size, size, 3):
            return [Finding("probes", False, f"there are none, or they are not of its image size, {size}")], None
        model = open_model(bundle)
        scores = np.array([model.run(picture)[0] for picture in pictures])
    except (BundleError, ValueError, RuntimeError, KeyError) as error:
        return [Finding("probes", False, f"cannot be answered: {error}")], None
    if scores.shape != (len(pictures), len(names)) or scores.shape != expected.shape:
        found = f"{len(names)}, but the model knows {scores.shape[-1]}, and its probes {expected.shape[-1]}"
        return [Finding("classes", False, found)], None
    difference = float(np.abs(scores - expected).max())
    found = f"{len(scores)}, the largest difference of a score {difference:.2g} (up to {TOLERANCE:g} is allowed)"
    classes = Finding("classes", True, f"{len(names)}: {', '.join(names)}")
    return [classes, Finding("probes", difference <= TOLERANCE, found)], difference


def _versions(bundle: Bundle) -> Finding:
    versions = bundle.info.get("versions", {})
    by, here = str(versions.get("clothes", "")), __version__
    if not by:
        return Finding("versions", False, "it does not say by what version it was made")
    newer = _numbers(by) > _numbers(here)
    return Finding("versions", not newer, f"made by clothes {by}, this is {here}" + ": update clothes" * newer)


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdecimal() else 0 for part in version.split(".")]
