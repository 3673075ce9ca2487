"""A bundle of outfits is exported to LiteRT, described as what it is."""

import json
from pathlib import Path

import pytest

import clothes


def test_it_is_exported_to_litert(color_bundle: Path, tmp_path: Path) -> None:
    result = clothes.export(color_bundle, to="litert", out=tmp_path / "lite")
    assert all(agreement.agreement == 1 for agreement in result.compared)
    described = json.loads((tmp_path / "lite" / "export.json").read_text())
    assert list(described["outputs"]) == ["regions", "scores", "features"]
    assert described["classes"] == list(clothes.load_outfit(color_bundle).classes)


@pytest.mark.parametrize("to", ["onnx", "space", "web", "keras", "saved-model"])
def test_other_formats_are_refused(color_bundle: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(clothes.ExportError, match="Export it to litert"):
        clothes.export(color_bundle, to=to, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
