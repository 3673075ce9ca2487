"""The web page of a bundle of outfits is kept only if it names the same garments; it says what was checked."""

import json
from pathlib import Path

import pytest

import clothes
from clothes.errors import ExportError
from clothes.exporting import web_page
from clothes.exporting.drawn_outfits import draw_outfits
from clothes.exporting.outfit_to_web import Found, compare_outfits
from clothes.exporting.web_check import find_chromium
from clothes.inference.classifier import BUNDLED_OUTFIT
from tests.support.commands import run_command
from tests.support.exports import files_below

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
OWN = {"outfit_parser.js", "view.js", "regions.js", "naming.js", "colors.js", "drawing.js", "color_names.json"}
SHIRT = Found("shirt", True, ("navy",), 0.9, (0.1, 0.2, 0.5, 0.6))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, data in enumerate(draw_outfits(12)):
        (folder / f"{number}.png").write_bytes(data)
    return folder


@pytest.mark.slow
@needs_chromium
@pytest.mark.browser
def test_bundled_network_is_exported_and_asked_in_chromium(runtime_folder: Path, tmp_path: Path) -> None:
    shown = run_command(
        "export", BUNDLED_OUTFIT, "--format", "web", "--out", tmp_path / "out", "--runtime", runtime_folder
    )
    assert shown.status == 0, shown.err
    assert "The page itself was asked, in Chromium" in shown.out and "of a box" in shown.out
    described = json.loads((tmp_path / "out" / "export.json").read_text())
    assert [item["what"] for item in described["compared"]] == ["probes", "100 drawn outfits"]
    assert all(item["agreement"] >= 0.95 and item["box"] <= 0.02 for item in described["compared"])
    assert OWN | {"model.tflite", "classifier.tflite"} <= files_below(tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file()) < 20e6
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    assert about["licence"] == "bundled" and about["classifier"]["classes"] == list(clothes.load().classes)
    for path in (tmp_path / "out").rglob("*.js*"):
        assert str(Path.home()) + "/" not in path.read_text("utf-8"), path


def test_drawn_outfits_hold_garments_that_are_found() -> None:
    """Else the comparison on them would say nothing."""
    found = [outfit.garments for outfit in clothes.load_outfit().parse_many(draw_outfits(20))]
    assert sum(len(garments) > 1 for garments in found) >= 5
    assert len({garment.label for garments in found for garment in garments}) >= 4


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("outfit/regions.js", ("FINER = 4", "FINER = 2")),
        pytest.param("outfit/naming.js", ("atCrop * Math.log", "0 * Math.log"), marks=pytest.mark.slow),
        pytest.param("outfit/colors.js", ("LIGHTNESS = 0.7", "LIGHTNESS = 4"), marks=pytest.mark.slow),
        pytest.param("outfit/view.js", ("* size * scale)", "* size * scale * 1.1)"), marks=pytest.mark.slow),
    ],
)
def test_page_that_answers_otherwise_is_not_kept(
    runtime_folder: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    change: tuple[str, str],
) -> None:
    read = web_page._template
    assert change[0] in read(part)
    monkeypatch.setattr(web_page, "_template", lambda name: read(name).replace(*change) if name == part else read(name))
    with pytest.raises(ExportError, match="web export does not agree with its bundle"):
        clothes.export(BUNDLED_OUTFIT, to="web", out=tmp_path / "out", runtime=str(runtime_folder), photos=photos)
    assert list(tmp_path.iterdir()) == []


def test_without_chromium_the_models_are_compared_and_it_says_so(
    runtime_folder: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_page, "find_chromium", lambda: None)
    result = clothes.export(BUNDLED_OUTFIT, to="web", out=tmp_path / "out", runtime=str(runtime_folder), photos=photos)
    assert [(item.agreement, item.difference, item.box) for item in result.compared] == [(1, 0, 0)] * 2
    assert any("the page was not opened" in note for note in result.notes)
    assert not any("in Chromium:" in note for note in result.notes)


def test_outfits_agree_if_names_colours_and_certainty_do() -> None:
    same = compare_outfits("pictures", [[SHIRT], [], None], [[SHIRT._replace(confidence=0.85)], [], None])
    assert (same.pictures, same.agreement) == (3, pytest.approx(2 / 3))  # unread is no answer
    assert same.difference == pytest.approx(0.05) and same.box == 0
    moved = compare_outfits("pictures", [[SHIRT._replace(box=(0.1, 0.2, 0.5, 0.63))]], [[SHIRT]])
    assert moved.agreement == 1 and moved.box == pytest.approx(0.03)
    for other in (SHIRT._replace(label="t-shirt"), SHIRT._replace(known=False), SHIRT._replace(colors=("black",))):
        assert compare_outfits("pictures", [[other]], [[SHIRT]]).agreement == 0
    assert compare_outfits("pictures", [[SHIRT]], [[SHIRT, SHIRT]]).agreement == 0
