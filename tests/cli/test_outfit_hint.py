"""`clothes predict` says in its text if a photo shows several garments, and in nothing else."""

from pathlib import Path

import numpy as np
import pytest

from clothes.outfits import several
from tests.support.commands import run_command
from tests.support.outfits import draw_outfit, wearer, write_color_bundle


@pytest.fixture(scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hint")
    write_color_bundle(root / "colors")
    (root / "photos").mkdir()
    draw_outfit(*wearer()).save(root / "photos" / "a person.png")
    draw_outfit(("shirt", (40, 60, 200, 300))).save(root / "photos" / "shirt.png")
    draw_outfit(("shirt", (40, 60, 200, 300)), ("outwear", (40, 60, 80, 300))).save(root / "photos" / "layers.png")
    draw_outfit(("shirt", (40, 60, 200, 300)), ("bag", (100, 200, 108, 208))).save(root / "photos" / "button.png")
    return root


@pytest.fixture
def place(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos/. The bundled network knows garments by their colours."""
    monkeypatch.chdir(_folder)
    monkeypatch.setattr(several, "BUNDLED_OUTFIT", _folder / "colors")
    return _folder


def test_a_person_in_several_garments_is_told_from_one_garment(place: Path) -> None:
    shown = run_command("predict", "photos/a person.png", "photos/shirt.png")
    assert shown.status == 0 and len(shown.out.splitlines()) == 2
    assert shown.err == "photos/a person.png shows several garments. Try:  clothes outfit 'photos/a person.png'\n"
    shown = run_command("predict", "photos/layers.png", "photos/button.png")
    assert (shown.status, shown.err) == (0, "")


@pytest.mark.parametrize("asked", [["photos"], ["photos/*.png"], ["photos/a person.png"] * 4, ["-"]])
def test_answers_about_many_photos_are_as_before(place: Path, asked: list[str]) -> None:
    shown = run_command("predict", *asked, stdin="photos/a person.png\n")
    assert (shown.status, shown.err) == (0, "") and "photos/a person.png: " in shown.out


def test_json_and_other_models_are_as_before(place: Path, bundle: Path) -> None:
    assert run_command("predict", "photos/a person.png", "--json").err == ""
    assert run_command("predict", "photos/a person.png", "--model", bundle).err == ""


def test_pixels_are_judged_too(place: Path) -> None:
    assert several.FirstLook().shows_several(np.asarray(draw_outfit(*wearer(), size=(700, 360))))
