"""A bundle is proved by all its hashes and probes; what is wrong with a copy is said, all of it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.errors import BundleError
from clothes.inference.bundle import MODEL, PROBES, pack_probes, read_bundle, write_bundle
from clothes.inference.classifier import BUNDLED, TOLERANCE
from tests.inference.test_classifier import change_info, flip


def test_what_was_made_here_holds(bundle: Path, run: clothes.Run) -> None:
    for path in (bundle, run.path, BUNDLED):
        result = clothes.verify(path)
        assert result.holds, result
        files = sorted(read_bundle(path).info["files"])
        assert [f.what for f in result.findings] == ["bundle.json", *files, "classes", "probes", "versions"]
        assert result.difference is not None and result.difference <= TOLERANCE


def change_a_probe(number: int, by: float) -> Callable[[Path], None]:
    """Records another score for one probe, with all hashes right."""

    def change(copy: Path) -> None:
        found = read_bundle(copy)
        pictures, scores = found.probes()
        scores[number, 0] += by
        files = {name: found.file(name) for name in found.info["files"]} | {PROBES: pack_probes(pictures, scores)}
        write_bundle(copy, found.info, files)

    return change


@pytest.mark.parametrize(
    ("damage", "what", "found"),
    [
        (flip(MODEL), MODEL, "changed after it was written"),
        (flip("weights.npz"), "weights.npz", "changed after it was written"),
        (lambda copy: (copy / PROBES).unlink(), PROBES, "No such file"),
        (change_a_probe(7, 2 * TOLERANCE), "probes", "largest difference of a score 0.002"),
        (lambda copy: read_bundle(copy).update(classes=["a", "b"]) and None, "classes", "2, but the model knows 3"),
        (lambda copy: read_bundle(copy).update(image_size=32) and None, "probes", "not of its image size"),
        (lambda copy: read_bundle(copy).update(versions={"clothes": "99.0"}) and None, "versions", "update clothes"),
        (lambda copy: read_bundle(copy).update(versions={}) and None, "versions", "does not say"),
    ],
)
def test_what_is_wrong_is_named(
    bundle: Path, tmp_path: Path, damage: Callable[[Path], None], what: str, found: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    damage(copy)
    result = clothes.verify(copy)
    bad = [finding for finding in result.findings if not finding.holds]
    assert [finding.what for finding in bad] == [what]
    assert found in bad[0].found
    assert not result.holds


def test_a_seal_that_was_cut_off_is_noticed(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    info = json.loads((copy / "bundle.json").read_text())
    del info["sha256"]
    (copy / "bundle.json").write_text(json.dumps(info | {"threshold": 0.0}))
    clothes.load(copy)  # which old bundles need
    assert [finding.what for finding in clothes.verify(copy).findings if not finding.holds] == ["bundle.json"]
    change_info(threshold=0.9, sha256="0" * 64)(copy)
    with pytest.raises(BundleError, match="changed after it was written"):
        clothes.verify(copy)


def test_a_probe_within_the_tolerance_holds(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    change_a_probe(3, TOLERANCE / 2)(tmp_path / "copy")
    result = clothes.verify(tmp_path / "copy")
    assert result.holds
    assert result.difference == pytest.approx(TOLERANCE / 2, abs=1e-4)


def test_the_command(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    flip(MODEL)(tmp_path / "copy")
    command = [sys.executable, "-m", "clothes", "verify"]
    good = subprocess.run([*command, bundle], capture_output=True, text=True)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith(f"{bundle} answers as it did where it was made.\n")
    bad = subprocess.run([*command, tmp_path / "copy"], capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stdout.count("BAD") == 1 and "do not use it" in bad.stdout
    data = json.loads(subprocess.run([*command, bundle, "--json"], capture_output=True, text=True).stdout)
    assert data["holds"] and data["tolerance"] == TOLERANCE
    assert np.isfinite(data["difference"])
