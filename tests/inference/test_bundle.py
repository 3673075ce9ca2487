"""Damaged bundles are refused with a reason; bundles hold nothing of the machine that made them."""

import json
import shutil
from pathlib import Path

import pytest

import clothes
from clothes.errors import BundleError
from clothes.inference.bundle import MODEL, PROBES, read_bundle
from tests.support.bundle_damage import Damage, change_info, flip, replace_model, update_info


def test_bundle_json_describes_the_model_and_names_no_path(bundle: Path, run: clothes.Run) -> None:
    info = json.loads((bundle / "bundle.json").read_text())
    assert info["classes"] == ["bar", "frame", "square"]
    assert info["photos"] == {"train": 84, "test": 24, "validation": 12}
    assert info["fingerprint"] == run.split.fingerprint
    assert 0 <= info["metrics"]["validation"]["interval"][0] <= info["metrics"]["validation"]["accuracy"]
    text = (bundle / "bundle.json").read_text() + (bundle / MODEL).read_bytes().decode("latin-1")
    assert str(run.path) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda copy: (copy / "bundle.json").unlink(), "it has no bundle.json"),
        (lambda copy: (copy / "bundle.json").write_text("{"), "is damaged: bundle.json"),
        (lambda copy: (copy / "bundle.json").write_text("[]"), "is damaged: bundle.json"),
        (lambda copy: (copy / MODEL).unlink(), f"incomplete: {MODEL}"),
        (flip(MODEL), f"damaged: {MODEL}"),
        (flip(PROBES), f"damaged: {PROBES}"),
        (replace_model(b"no model" * 100), "does not load"),
        (change_info(threshold=0.9), "is damaged: bundle.json: checksum mismatch, changed after it was written"),
        (change_info(format=3), "made by a newer version of clothes"),
        (change_info(classes=["one"]), "at least two names"),
        (change_info(classes=["a", "a", "b"]), "must not repeat a name"),
        (change_info(classes=["a", "b"], sha256=None), "sha256 must be text"),
        (update_info(classes=["a", "b"]), "does not reproduce its recorded scores"),
        (change_info(image_size=-1), "must be an integer from 1 to 1024"),
        (update_info(image_size=32), "do not have its image size"),
        (change_info(files={}), "is missing"),
        (change_info(files=[]), "files must be an object"),
        (change_info(format="2"), "format must be an integer"),
        (change_info(photos=None), "photos must be an object"),
        (change_info(metrics={"validation": {}}), "is missing"),
        (
            change_info(metrics={"test": {"accuracy": "high", "photos": 1, "interval": [0, 1]}}),
            "accuracy must be a number",
        ),
        (change_info(files={"../../etc/passwd": "0"}), "not a file of a bundle"),
    ],
)
def test_damaged_bundle_is_refused(bundle: Path, tmp_path: Path, damage: Damage, message: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    damage(copy)
    with pytest.raises(BundleError, match=message):
        clothes.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": [65536, 65536, 8]}, "it claims .* weights"),
        ({"filters": [4096, 6, 6], "image_size": 1024}, "it is for 1024 pixels"),
        ({"filters": [4096, 6, 6]}, "it claims .* weights"),
        ({"architecture": "keras:NoSuchNetwork"}, "NoSuchNetwork"),
        ({"units": "many"}, "units must be"),
        ({"normalization": "none"}, "do not fit its network"),
    ],
)
def test_network_that_does_not_fit_its_weights_is_not_built(
    bundle: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    config = read_bundle(bundle).info["config"]
    config["model"] |= changes
    with pytest.raises(BundleError, match=message):
        update_info(config=config)(tmp_path / "copy")
        read_bundle(tmp_path / "copy").network()


def test_run_without_bundle_names_the_command_that_resumes_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BundleError, match=r"was not finished.*--resume"):
        clothes.load(tmp_path)
