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
    return _shorten([name.translate(escapes) for name in names]), [*rcParams["font.family"], *families]


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


def _shorten(names: Sequence[str]) -> list[str]:
    """Cuts the middle out of long names. Names that would look alike keep what differs, or else get a number."""
    labels = [_cut(name, _MAX_LENGTH) for name in names]
    for label in {label for label in labels if len(label) == _MAX_LENGTH and labels.count(label) > 1}:
        alike = [i for i, found in enumerate(labels) if found == label]
        prefix = _common_start([names[i] for i in alike])
        suffix = _common_start([names[i][prefix:][::-1] for i in alike])
        for i in alike:
            middle = names[i][prefix : len(names[i]) - suffix]
            labels[i] = f"{label[:6]}…{_cut(middle, _MAX_LENGTH - 14)}…{label[-6:]}"
    return [f"{i} {label}" if labels.count(label) > 1 else label for i, label in enumerate(labels, 1)]


def _common_start(names: Sequence[str]) -> int:
    """Returns the number of characters that all names begin with."""
    differs = (len(set(column)) > 1 for column in zip(*names, strict=False))
    return next((i for i, found in enumerate(differs) if found), min(map(len, names)))


def _cut(name: str, length: int) -> str:
    half = length // 2
    return name if len(name) <= length else f"{name[: half - 1]}…{name[-half:]}"
