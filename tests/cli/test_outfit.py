"""`clothes outfit`."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.cli.commands.outfit import _to_line
from tests.support.commands import run_command
from tests.support.outfits import draw_outfit, wearer, write_color_bundle


@pytest.fixture(scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("outfit")
    write_color_bundle(root / "colors")
    (root / "photos" / "more").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    draw_outfit(*wearer()).save(root / "photos" / "me.jpg", quality=95, exif=exif)
    draw_outfit(("dress", (80, 60, 160, 300))).save(root / "photos" / "more" / "me.png")
    draw_outfit().save(root / "photos" / "wall.png")
    (root / "page.jpg").write_text("<html>")
    return root


@pytest.fixture
def place(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos/ and a bundle of outfits in colors/."""
    monkeypatch.chdir(_folder)
    return _folder


MODEL = ("--model", "colors")


def test_it_prints_a_line_a_photo(place: Path) -> None:
    shown = run_command("outfit", "photos", *MODEL)
    assert (shown.status, shown.err) == (0, "")
    assert re.sub(r"9\d\.\d %", "9x %", shown.out).splitlines() == [
        "photos/me.jpg: shirt 9x % (white), pants 9x % (navy), shoes 9x % (brown)",
        "photos/more/me.png: dress 9x % (purple)",
        "photos/wall.png: no clothing found",
    ]


def test_only_the_name_that_is_a_guess_is_not_sure(place: Path) -> None:
    found = list(clothes.load_outfit("colors").garments("photos/me.jpg"))
    shirt, pants, shoes = (replace(garment, confidence=0.25) for garment in found)
    plain, guess = replace(shirt, known=False, colors=()), replace(pants, known=False)
    outfit = clothes.Outfit([plain, guess, shoes], {}, "me.jpg")
    assert _to_line(outfit, 1) == "me.jpg: shirt 25.0 % (not sure), pants 25.0 % (navy, not sure), shoes 25.0 % (brown)"


def test_top_shows_more_names_of_each_garment(place: Path) -> None:
    shown = run_command("outfit", "photos/more/*.png", "--top", 2, *MODEL)
    assert shown.out.startswith("photos/more/me.png: dress 9") and " or " in shown.out
    garment = json.loads(run_command("outfit", "photos/more/me.png", "--top", 2, "--json", *MODEL).out)["garments"][0]
    assert len(garment["scores"]) == 2


def test_json_goes_on_after_a_bad_photo(place: Path) -> None:
    shown = run_command("outfit", "-", "--json", *MODEL, stdin="photos/me.jpg\npage.jpg\nno.png\nphotos/wall.png\n")
    assert shown.status == 1
    good, bad, missing, none = map(json.loads, shown.out.splitlines())
    assert list(good) == ["photo", "garments", "scores"]
    assert list(good["garments"][0]) == ["label", "confidence", "known", "box", "area", "colors", "scores"]
    assert good["garments"][0]["colors"] == [{"name": "white", "hex": "#fafafa", "share": 1.0}]
    assert bad == {"photo": "page.jpg", "error": "this is not a picture of a known format", "code": "not-a-photo"}
    assert missing["code"] == "missing"
    assert none["garments"] == []


def test_drawings_lie_beside_each_other_without_exif(place: Path, tmp_path: Path) -> None:
    for expected in (
        ["me-2.jpg", "me.jpg", "wall.jpg"],
        ["me-2.jpg", "me-3.jpg", "me-4.jpg", "me.jpg", "wall-2.jpg", "wall.jpg"],
    ):
        assert run_command("outfit", "photos", "--draw", tmp_path / "drawn", *MODEL).status == 0
        assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == expected
    with Image.open(tmp_path / "drawn" / "me.jpg") as drawn, Image.open(place / "photos" / "me.jpg") as photo:
        assert drawn.size == photo.size
        assert not drawn.getexif()
        changed = np.abs(np.asarray(drawn).astype(int) - np.asarray(photo)).max(axis=-1) > 25
    assert changed[190:320, 75:165].mean() > 0.5  # pants
    assert changed[:, 200:].mean() < 0.02  # nothing is drawn beside the person


def test_errors_say_what_to_do(place: Path) -> None:
    shown = run_command("outfit", "nothing*", *MODEL)
    assert shown.status == 1
    assert shown.err.startswith("Error: nothing*: there is no such file")
    shown = run_command("outfit", "-", *MODEL)
    assert shown.err.startswith("Error: No photo in -.")
    shown = run_command("predict", "photos/me.jpg", *MODEL)
    assert (shown.status, shown.out) == (1, "")
    assert "clothes outfit" in shown.err
    assert run_command("outfit", "photos/me.jpg", "--top", 0, *MODEL).status == 2


def test_info_and_verify_know_the_bundle(place: Path) -> None:
    shown = run_command("info", "colors").out
    assert "task         the garments of an outfit" in shown
    assert "accuracy" not in shown
    assert run_command("verify", "colors").status == 0
