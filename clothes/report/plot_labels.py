"""Class names as axis labels: any script, any length. Imports matplotlib when called."""

import unicodedata
from collections.abc import Sequence

_MAX_LENGTH = 32  # characters


def drawable_labels(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names as matplotlib can draw them, and the font families that have their characters.

    Characters that the default font lacks come from installed fonts. Characters that no font has, and line breaks,
    become escapes such as \\u88d9; joiners and variation selectors that no font has are dropped. Long names lose their
    middle.
    """
    from matplotlib import rcParams

    characters = set().union(*names)
    breaking = {char for char in characters if unicodedata.category(char) in ("Cc", "Zl", "Zp")}
    families, missing = _find_fonts(characters - breaking)
    escapes = str.maketrans({char: _escape(char) for char in missing | breaking})
    return [_shorten(name.translate(escapes)) for name in names], [*rcParams["font.family"], *families]


def _find_fonts(characters: set[str]) -> tuple[list[str], set[str]]:
    """Families of installed fonts for the characters that the default font lacks, and those that no font has."""
    from matplotlib import font_manager

    def glyphs(path: str) -> set[str]:
        return set(map(chr, font_manager.get_font(path).get_charmap()))

    missing = characters - glyphs(font_manager.findfont(font_manager.FontProperties()))
    families = []
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name):
        upright = (font.style, font.weight, font.stretch) == ("normal", 400, "normal")
        last_resort = font.name.lstrip(".").lower().replace(" ", "").startswith("lastresort")  # draws boxes only
        if missing and upright and not last_resort and (found := missing & glyphs(font.fname)):
            missing -= found
            families.append(font.name)
    return families, missing


def _escape(char: str) -> str:
    invisible = unicodedata.category(char) == "Cf" or unicodedata.name(char, "").startswith("VARIATION SELECTOR")
    return "" if invisible else char.encode("unicode_escape").decode()


def _shorten(name: str) -> str:
    half = _MAX_LENGTH // 2
    return name if len(name) <= _MAX_LENGTH else f"{name[: half - 1]}…{name[-half:]}"
