"""Text for a terminal: names of files may hold anything, in any script."""

import unicodedata


def plain(text: str) -> str:
    """One line without what would move a terminal's cursor or colour it."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Zl", "Zp") else "?" for c in text)


def columns(text: str) -> int:
    """Columns that a text takes: two for most of Chinese, Japanese and Korean, none for accents."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def padded(text: str, width: int) -> str:
    """The text made plain, with spaces after it up to so many columns."""
    text = plain(text)
    return text + " " * (width - columns(text))
