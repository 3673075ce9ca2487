"""Text for a terminal. File names can hold any characters."""

import unicodedata

from rich.cells import cell_len


def plain(text: str) -> str:
    """Replaces control characters and line breaks by question marks, so that a name cannot control the terminal."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Zl", "Zp") else "?" for c in text)


def columns(text: str) -> int:
    """Returns the number of terminal columns of the plain text."""
    return cell_len(plain(text))


def padded(text: str, width: int) -> str:
    """Returns the plain text with spaces up to this number of terminal columns."""
    return plain(text) + " " * (width - columns(text))
