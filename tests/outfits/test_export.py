"""A bundle of outfits is exported to LiteRT and ONNX, described as what it is."""

import json
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.exporting.agreement import Scorer
from clothes.exporting.export import OUTFIT_FORMATS
from clothes.exporting.source_bundle import Source
from clothes.photos.decode import letterbox
from tests.support.outfits import COLORS, SIZE, draw_outfit, wearer

OUTPUTS = ["regions", "scores", "features"]


def test_it_is_exported_to_litert(color_bundle: Path, tmp_path: Path) -> None:
    result = clothes.export(color_bundle, to="litert", out=tmp_path / "lite")
    assert all(agreement.agreement == 1 for agreement in result.compared)
    described = json.loads((tmp_path / "lite" / "export.json").read_text())
    assert list(described["outputs"]) == OUTPUTS
    assert described["classes"] == list(clothes.load_outfit(color_bundle).classes)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_onnx_gives_the_same_maps(color_bundle: Path, tmp_path: Path, int8: bool) -> None:
    for module in ("onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(module, reason="ONNX needs the extra 'export'")
    import onnxruntime

    result = clothes.export(color_bundle, to="onnx", out=tmp_path / "out", int8=int8)
    assert all(agreement.agreement > 0.99 for agreement in result.compared)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    parser = clothes.load_outfit(color_bundle)
    squares = np.stack([letterbox(np.asarray(draw_outfit(*wearer(left))), SIZE) for left in (-20, 0, 20)])
    answers = dict(zip(OUTPUTS, session.run(OUTPUTS, {"pictures": squares}), strict=True))
    for i, square in enumerate(squares):
        expected = parser.model.run_all(square)
        for name in OUTPUTS:
            assert np.abs(answers[name][i] - expected[name]).max() < 0.02
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(parser.classes)


def test_a_map_that_differs_is_not_kept(color_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def everything_is_background(source: Source, folder: Path) -> Scorer:
        (folder / "model.onnx").write_bytes(b"")
        cells = SIZE // 8, SIZE // 8
        return lambda pictures: np.broadcast_to(np.eye(len(COLORS))[0], (len(pictures.squares), *cells, len(COLORS)))

    wrong = OUTFIT_FORMATS["onnx"]._replace(write=everything_is_background)
    monkeypatch.setitem(OUTFIT_FORMATS, "onnx", wrong)
    with pytest.raises(clothes.ExportError, match="does not agree with its bundle"):
        clothes.export(color_bundle, to="onnx", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["space", "keras", "saved-model"])
def test_other_formats_are_refused(color_bundle: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(clothes.ExportError, match="Choose one of onnx, litert, web"):
        clothes.export(color_bundle, to=to, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
