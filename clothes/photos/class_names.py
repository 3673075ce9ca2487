"""Names of classes: which ones every system can use as a folder, and which ones are two spellings of one class."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from clothes.errors import PhotosError

# Folder names of the three parts.
PART_FOLDERS = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("validation", "val", "valid"), "validation")
    | dict.fromkeys(("test", "testing"), "test")
)
_LONGEST = 100  # bytes
_NO_LETTERS = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
_WINDOWS_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{i}" for name in ("COM", "LPT") for i in "123456789¹²³")}
_SEPARATORS = re.compile(r"(?<=[^\W_])[\s_\-\u2010-\u2015]+(?=[^\W_])")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


def class_name(text: str) -> str:
    """Returns a class name in Unicode form NFC. Raises PhotosError unless a folder can have it on every system."""
    name = unicodedata.normalize("NFC", text)
    if name.startswith((".", "__")):
        reason = "it begins with a dot or two underscores"
    elif name.lower() in PART_FOLDERS:
        reason = "that is the name of a part of a split"
    else:
        reason = why_no_name(name, longest=_LONGEST)
    if reason:
        raise PhotosError(f"No class can be called {text[:50]!r}: {reason}. Give it another name.")
    return name


def why_no_name(name: str, *, longest: int) -> str:
    """Returns why a file or folder cannot have this name on every system, or nothing. `longest` is in bytes."""
    if not name.strip():
        return "the name is empty"
    if len(name.encode("utf-8", "replace")) > longest:
        return f"the name is longer than {longest} bytes"
    if any(unicodedata.category(c) in _NO_LETTERS and c not in "\u200c\u200d" for c in name):
        return "it has invisible or invalid characters"
    if odd := sorted(set(name) & set('/\\:*?"<>|')):
        return f"it has {odd[0]}, which some systems do not allow"
    if name != name.strip() or name.endswith("."):
        return "it begins with a space, or ends with a space or a dot"
    if name.partition(".")[0].strip().upper() in _WINDOWS_NAMES:
        return "Windows reserves that name for a device"
    return ""


def is_same_class(one: str, other: str) -> bool:
    """Returns whether two names are spellings of one class: Shirt and shirt, t-shirt and T shirt. 1-1 is not 11."""
    return _folded(one) == _folded(other)


def choose_spellings(labels: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Returns one spelling of each label's class: a known one, else that of most labels."""
    counts = Counter(labels)
    names = [*known, *sorted(counts, key=lambda name: (-counts[name], name))]
    chosen = {_folded(name): name for name in reversed(names)}
    return {name: name if name in known else chosen[_folded(name)] for name in counts}


def spelling_notes(chosen: Mapping[str, str]) -> dict[str, str]:
    """Returns a sentence for each label that `choose_spellings` spells otherwise."""
    return {
        name: f"{name} and {spelling} are spellings of one class: counted as {spelling}."
        for name, spelling in sorted(chosen.items())
        if name != spelling
    }


@lru_cache(10_000)
def _folded(name: str) -> str:
    visible = "".join(c for c in name if unicodedata.category(c) != "Cf").strip()
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return _BETWEEN_LETTERS.sub("", _SEPARATORS.sub(" ", text))
