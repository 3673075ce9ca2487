"""`verify` checks all checksums and golden samples, and names everything that is wrong with a copy."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import clothes
from clothes.errors import BundleError
from clothes.inference import verification
from clothes.inference.bundle import MODEL, PROBES, read_bundle
from clothes.inference.classifier import BUNDLED, TOLERANCE
from tests.support.bundle_damage import Damage, change_info, change_probe, flip, update_info
from tests.support.commands import run_command


def test_intact_bundles_pass(bundle: Path, run: clothes.Run) -> None:
    for path in (bundle, run.path, BUNDLED):
        result = clothes.verify(path)
        assert result.holds, result
        files = sorted(read_bundle(path).info["files"])
        assert [f.what for f in result.findings] == ["bundle.json", *files, "classes", "probes", "versions"]
        assert result.difference is not None and result.difference <= TOLERANCE


@pytest.mark.parametrize(
    ("damage", "what", "found"),
    [
        (flip(MODEL), MODEL, "changed after it was written"),
        (flip("weights.npz"), "weights.npz", "changed after it was written"),
        (lambda copy: (copy / PROBES).unlink(), PROBES, "No such file"),
        (change_probe(7, 2 * TOLERANCE), "probes", "largest difference of a score 0.002"),
        (update_info(classes=["a", "b"]), "classes", "2, but the model has 3"),
        (update_info(image_size=32), "probes", "do not have its image size"),
        (update_info(versions={"clothes": "99.0"}), "versions", "update clothes"),
        (update_info(versions={"clothes": "9" * 5000}), "versions", "update clothes"),
        (update_info(versions={}), "versions", "is not recorded"),
    ],
)
def test_damage_is_named(bundle: Path, tmp_path: Path, damage: Damage, what: str, found: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    damage(copy)
    result = clothes.verify(copy)
    bad = [finding for finding in result.findings if not finding.holds]
    assert [finding.what for finding in bad] == [what]
    assert found in bad[0].found
    assert not result.holds


def test_missing_checksum_of_bundle_json_is_noticed(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    info = json.loads((copy / "bundle.json").read_text())
    del info["sha256"]
    (copy / "bundle.json").write_text(json.dumps(info | {"threshold": 0.0}))
    clothes.load(copy)  # old bundles have none
    assert [finding.what for finding in clothes.verify(copy).findings if not finding.holds] == ["bundle.json"]
    change_info(threshold=0.9, sha256="0" * 64)(copy)
    with pytest.raises(BundleError, match="changed after it was written"):
        clothes.verify(copy)


def test_score_within_the_tolerance_passes(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    change_probe(3, TOLERANCE / 2)(tmp_path / "copy")
    result = clothes.verify(tmp_path / "copy")
    assert result.holds
    assert result.difference == pytest.approx(TOLERANCE / 2, abs=1e-4)


def test_verify_command_tells_intact_from_damaged(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    flip(MODEL)(tmp_path / "copy")
    good = run_command("verify", bundle)
    assert (good.status, good.err) == (0, "")
    assert good.out.endswith(f"{bundle} is complete and answers as it was made to.\n")
    bad = run_command("verify", tmp_path / "copy")
    assert bad.status == 1
    assert bad.out.count("BAD") == 1 and "do not use it" in bad.out
    data = json.loads(run_command("verify", bundle, "--json").out)
    assert data["holds"] and data["tolerance"] == TOLERANCE
    assert np.isfinite(data["difference"])


def test_scores_that_are_no_numbers_give_json(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (np.full(len(read_bundle(BUNDLED).classes), np.nan),)
    monkeypatch.setattr(verification, "open_model", lambda bundle: SimpleNamespace(run=lambda picture: answer))
    result = clothes.verify(BUNDLED)
    assert not result.holds and result.difference is None
    json.dumps(result.to_dict(), allow_nan=False)
