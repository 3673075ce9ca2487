"""An export agrees with its bundle or is not kept; it describes its classes and preprocessing."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import clothes
from clothes.cli.commands.inference import ExportFormat
from clothes.errors import BundleError, ConfigError, ExportError
from clothes.exporting.agreement import CONVERTED, PICTURES
from clothes.exporting.export import FORMATS
from clothes.inference.bundle import WEIGHTS, read_bundle, write_bundle
from clothes.inference.classifier import BUNDLED, TOLERANCE
from clothes.system.arrays import pack_arrays
from clothes.system.checksums import verify_checksum
from tests.support.commands import run_command
from tests.support.exports import MADE, READERS, files_below
from tests.support.pictures import make_photos

OF_THE_RUN = "96 photos of the run, 4 starter pictures"  # 84 to train and 12 to validate


@pytest.mark.parametrize(
    "to",
    [
        "litert",
        "onnx",
        pytest.param("keras", marks=pytest.mark.slow),
        pytest.param("saved-model", marks=pytest.mark.slow),
    ],
)
def test_export_scores_like_its_bundle_without_clothes(
    bundle: Path, classifier: clothes.Classifier, pictures: np.ndarray, tmp_path: Path, to: str
) -> None:
    for module in ("onnx", "onnxruntime", "tf2onnx") if to == "onnx" else ():
        pytest.importorskip(module, reason="ONNX needs the extra 'export'")
    steps: list[tuple[int, int]] = []
    result = clothes.export(bundle, to=to, out=tmp_path / "out", progress=lambda *step: steps.append(step))
    expected = [classifier.predict(picture) for picture in pictures]
    scores = np.asarray(READERS[to](tmp_path / "out", pictures))
    assert [classifier.classes[i] for i in scores.argmax(axis=1)] == [answer.label for answer in expected]
    described = json.loads((tmp_path / "out" / "export.json").read_text())
    verify_checksum(described)
    assert described["classes"] == list(classifier.classes)
    assert "longer side has 28 pixels" in described["preprocessing"] and "127,127,127" in described["preprocessing"]
    assert described["input"]["shape"] == ["N", 28, 28, 3]
    assert [(item.what, item.pictures) for item in result.compared] == [("probes", 8), (OF_THE_RUN, 100)]
    assert result.compared[1].agreement >= 0.95
    assert max(item.difference for item in result.compared) <= CONVERTED.difference
    assert (result.conversion is None) if to == "litert" else (result.conversion is not None)
    assert result.conversion is None or result.conversion <= TOLERANCE
    assert set(result.files) | {"export.json"} == files_below(tmp_path / "out")
    assert [name for name in result.files if name.startswith(MADE[to])] == list(result.files)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert str(tmp_path) not in (tmp_path / "out" / "export.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_command_and_library_have_the_same_formats() -> None:
    assert get_args(ExportFormat) == tuple(FORMATS)


@pytest.mark.parametrize("to", ["keras", "saved-model"])
def test_formats_in_float32_refuse_int8(bundle: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(ConfigError, match="is in float32"):
        clothes.export(bundle, to=to, out=tmp_path / "no", int8=True)


@pytest.mark.parametrize("to", ["onnx", "saved-model", "keras"])
def test_bundle_without_weights_cannot_be_converted(tmp_path: Path, to: str) -> None:
    with pytest.raises(BundleError, match=r"has no weights.npz, .*Keras trained has them, .* litert, space and web"):
        clothes.export(BUNDLED, to=to, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_bundled_model_is_copied_as_litert(tmp_path: Path) -> None:
    result = clothes.export(BUNDLED, to="litert", out=tmp_path / "new" / "phone")
    assert [item.what for item in result.compared] == ["probes", f"{PICTURES} starter pictures"]
    assert result.compared[1] == type(result.compared[1])(f"{PICTURES} starter pictures", 100, 1.0, 0.0)
    assert (result.path / "model.tflite").read_bytes() == (BUNDLED / "model.tflite").read_bytes()


@pytest.mark.parametrize("by", [0.3, pytest.param(3.0, marks=pytest.mark.slow)])
def test_export_that_disagrees_is_not_kept(bundle: Path, tmp_path: Path, by: float) -> None:
    """The bundle has other weights than its model."""
    found = read_bundle(bundle)
    rng = np.random.default_rng(0)
    others = pack_arrays(*[value + rng.normal(0, by, value.shape).astype("float32") for value in found.weights()])
    files = {name: found.file(name) for name in found.info["files"]} | {WEIGHTS: others}
    write_bundle(tmp_path / "other", found.info, files)
    with pytest.raises(ExportError, match=r"does not agree with its bundle, so it is not kept. probes: .*--photos DIR"):
        clothes.export(tmp_path / "other", to="keras", out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_folder_in_use_is_left_alone(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("mine", "mine/notes.txt"):
        with pytest.raises(ExportError, match="is in use and stays as it is"):
            clothes.export(bundle, to="litert", out=tmp_path / name)
    with pytest.raises(ExportError, match="Nothing can be written"):
        clothes.export(bundle, to="litert", out=tmp_path / "mine" / "notes.txt" / "out")
    clothes.export(bundle, to="litert", out=tmp_path / "empty")
    assert files_below(tmp_path) == {"mine/notes.txt", "empty/model.tflite", "empty/export.json"}


def test_export_is_compared_on_given_photos(bundle: Path, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=4)
    (photos / "bar" / "torn.png").write_bytes(b"\x89PNG")
    result = clothes.export(bundle, to="litert", out=tmp_path / "out", photos=photos)
    assert (result.compared[1].what, result.compared[1].pictures) == ("12 photos of photos", 12)
    (tmp_path / "none").mkdir()
    with pytest.raises(clothes.PhotosError, match="No photo in"):
        clothes.export(bundle, to="litert", out=tmp_path / "other", photos=tmp_path / "none")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are UTF-8 there")
def test_photos_in_a_folder_that_is_not_utf8_are_compared(bundle: Path, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / os.fsdecode(b"m\xfctzen"), each=1)
    assert clothes.export(bundle, to="litert", out=tmp_path / "out", photos=photos).compared[1].what == (
        "3 photos of m?tzen"
    )


def test_export_does_not_open_the_test_part(run: clothes.Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path.parent, tmp_path / "copy") / "run"
    copied = clothes.Run.open(copy)
    opened = copied.info["test_part_opened"]
    for row in copied.split.part("test"):
        (copied.photos / row.photo).unlink()
    result = clothes.export(copy, to="litert", out=tmp_path / "out")
    assert result.compared[1].what == OF_THE_RUN
    assert copied.info["test_part_opened"] == opened


def test_export_says_where_the_photos_of_the_run_should_lie(run: clothes.Run, tmp_path: Path) -> None:
    copy = clothes.Run(shutil.copytree(run.path, tmp_path / "run"))
    export = ("export", copy.path / "bundle", "--format", "litert", "--out")
    shown = run_command(*export, tmp_path / "a")
    assert shown.status == 0 and "100 starter pictures" in shown.out
    place = f"{copy.photos}, which {copy.path / 'run.json'} names"
    assert shown.err == f"No photo of the run can be read in {place}: see --photos.\n"
    for more in (("--photos", make_photos(tmp_path / "others", each=2)), ()):
        assert run_command(*export, tmp_path / "again" / str(len(more)), *more).err == ""
        shutil.copytree(run.photos, copy.photos, dirs_exist_ok=True)


def test_export_command(bundle: Path, tmp_path: Path) -> None:
    words = ("export", bundle, "--format", "litert", "--out")
    done = run_command(*words, tmp_path / "a b")
    assert (done.status, done.err) == (0, "")
    assert OF_THE_RUN in done.out and done.out.splitlines()[-1].endswith("a b/export.json")
    again = run_command(*words, tmp_path / "a b")
    assert again.status == 1 and "is in use" in again.err
    data = json.loads(run_command(*words, tmp_path / "c", "--json").out)
    assert data["compared"][1]["agreement"] == 1
