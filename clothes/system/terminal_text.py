"""Text for a terminal. File names can hold any characters."""

import os
import re
import shlex
import string
import subprocess
import sys

from rich.cells import cell_len

# Control characters (C0, DEL, C1), line and paragraph separators, and the marks that reverse the direction of text.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_LETTERS = string.ascii_letters + string.digits + " /._-"


def plain(text: str) -> str:
    """Replaces control characters and line breaks by question marks, so that a name cannot control the terminal."""
    return _CONTROL.sub("?", text)


def plain_json(text: str) -> str:
    """Replaces control characters in JSON, except for line breaks between its values, by their escapes."""
    return _CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def utf8(name: str) -> str:
    """Returns a name with question marks for bytes that are not UTF-8, so that it can be written into a file."""
    return name.encode("utf-8", "replace").decode()


def quote(path: str | os.PathLike[str]) -> str:
    """Returns the path as the shell of this system needs it in a command."""
    raw = os.fsencode(path)
    if sys.platform != "win32" and plain(utf8(os.fspath(path))).encode() != raw:  # as Bash and Zsh take odd characters
        return "$'" + "".join(chr(byte) if chr(byte) in _LETTERS else f"\\x{byte:02x}" for byte in raw) + "'"
    text = os.fspath(path)
    text = f"./{text}" if text.startswith("-") else text  # else an option
    return subprocess.list2cmdline([text]) if sys.platform == "win32" else shlex.quote(text)


def columns(text: str) -> int:
    """Returns the number of terminal columns of the plain text."""
    return cell_len(plain(text))


def padded(text: str, width: int) -> str:
    """Returns the plain text with spaces up to this number of terminal columns."""
    return plain(text) + " " * (width - columns(text))
