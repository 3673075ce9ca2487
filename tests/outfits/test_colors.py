"""Colours by name, on drawn garments: plain, in folds, in dim light, striped."""

import json
from pathlib import Path

import numpy as np
import pytest

from clothes.outfits import colors
from clothes.outfits.colors import name_colors

CLOTHS = {
    "#111214": "black",
    "#f7f7f5": "white",
    "#2b2b2d": "black",  # as cameras show it
    "#808183": "grey",
    "#4c5054": "dark grey",
    "#f3e36b": "yellow",
    "#c81420": "red",
    "#1c2544": "navy",
    "#1f4fb8": "blue",
    "#3f5f8a": "blue",  # jeans
    "#50687f": "blue",  # faded
    "#607088": "blue",
    "#5c3540": "burgundy",  # faded too
    "#905060": "burgundy",
    "#a9cbe8": "light blue",
    "#e7d8b8": "beige",
    "#5a3a22": "brown",
    "#2f8a3c": "green",
    "#f2c81e": "yellow",
    "#f4a6bd": "pink",
    "#5d1626": "burgundy",
    "#f5801f": "orange",
    "#6a2c86": "purple",
}


def cloth(*codes: str, light: float = 1, folds: float = 0, seed: int = 0) -> np.ndarray:
    """The pixels of a garment of equally wide stripes; `folds` is the share of the light that a fold takes."""
    rng = np.random.default_rng(seed)
    rgb = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in codes], float)
    stripes = np.repeat(rgb, 3000 // len(codes), axis=0)
    shade = light * (1 - folds * rng.beta(1, 2, (len(stripes), 1)))
    lit = (stripes / 255) ** 2.2 * shade
    return (255 * lit ** (1 / 2.2) + rng.normal(0, 3, stripes.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("code", CLOTHS)
def test_a_plain_garment_has_one_colour(code: str) -> None:
    found = name_colors(cloth(code))
    assert [color.name for color in found] == [CLOTHS[code]]
    assert found[0].share == 1
    got, wanted = ([int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in (found[0].hex, code))
    assert np.abs(np.subtract(got, wanted)).max() <= 8


@pytest.mark.parametrize("code", [code for code in CLOTHS if CLOTHS[code] not in ("black", "navy")])
def test_folds_do_not_change_the_colour(code: str) -> None:
    found = name_colors(cloth(code, folds=0.6))
    assert found[0].name == CLOTHS[code]
    assert found[0].share >= 0.9


def test_stripes_have_two_colours() -> None:
    found = name_colors(cloth("#f7f7f5", "#1c2544", folds=0.2))
    assert {color.name for color in found} == {"white", "navy"}
    assert all(0.4 < color.share < 0.6 for color in found)


def test_a_small_print_is_no_colour_of_the_garment() -> None:
    pixels = np.concatenate([cloth("#111214"), cloth("#f2c81e")[:150]])
    assert [color.name for color in name_colors(pixels)] == ["black"]


def test_the_order_of_the_pixels_does_not_matter_and_none_give_none() -> None:
    pixels = cloth("#c81420", "#f7f7f5")[:1800]
    mixed = np.random.default_rng(1).permutation(pixels)
    assert [color.name for color in name_colors(mixed)] == [color.name for color in name_colors(pixels)]
    assert name_colors(np.zeros((0, 3), np.uint8)) == ()
    assert [color.name for color in name_colors(pixels[:1])] == ["red"]


def test_the_list_names_its_source_and_about_twenty_colours() -> None:
    listed = json.loads((Path(colors.__file__).parent / "color_names.json").read_text())
    assert "xkcd" in listed["source"]
    assert 18 <= len(listed["names"]) <= 24
    codes = [code for names in listed["names"].values() for code in names.values()]
    assert len(set(codes)) == len(codes)
