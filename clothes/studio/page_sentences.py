"""Sentences of the library for a page, which has none of the options, commands and settings that they may name.

In the library's messages the first sentence says what is wrong, for everyone; those after it may say what to do about
it on the command line, and so may an aside in brackets. A page leaves these out and offers its own next step.
"""

import re
from collections.abc import Iterable

from clothes import errors

_COMMAND = re.compile(
    r"(?<![\w-])--[a-z]|`clothes\b|\bpip install\b|\b(learning_rate|batch_size|image_size)\b"
    r"|\bclothes (check|collect|data|evaluate|export|look|predict|report|serve|split|studio|train|tune)\b"
)
_ASIDE = re.compile(r" \([^()]*\)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ALTERNATIVE = re.compile(r",? or (?=[a-z])")

# What the page says in the place of advice, by the kind of the error.
_INSTEAD: tuple[tuple[type[errors.ClothesError], str], ...] = (
    (errors.OutOfMemoryError, "Close other programs, or choose Quick."),
    (errors.DivergenceError, "Choose Quick, or begin another training."),
    (errors.MissingExtraError, "Ask who installed clothes on this computer to add it."),
)
_UNSAID = "This is not possible with these photos and settings."  # of a message about an option alone


def for_page(text: str) -> str:
    """Returns a message without what only the command line has; an empty text if nothing else is in it."""
    if not _COMMAND.search(text):
        return text
    text = _ASIDE.sub(lambda aside: "" if _COMMAND.search(aside[0]) else aside[0], text)
    return " ".join(filter(None, map(_without_command, _SENTENCE.split(text))))


def for_page_all(texts: Iterable[str]) -> list[str]:
    """Returns messages as `for_page` does, without those of which nothing is left."""
    return [shown for text in texts if (shown := for_page(text))]


def error_for_page(error: errors.ClothesError, text: str = "") -> str:
    """Returns the message of an error, or `text` about it, with the page's own advice if it had another one."""
    said = text or str(error)
    shown = for_page(said)
    instead = next((advice for kind, advice in _INSTEAD if isinstance(error, kind)), "") if shown != said else ""
    return " ".join(filter(None, [shown or _UNSAID, instead]))


def _without_command(sentence: str) -> str:
    """Returns a sentence, those alternatives of it that come before one with a command, or an empty text."""
    if not _COMMAND.search(sentence):
        return sentence
    first, *others = _ALTERNATIVE.split(sentence)
    return f"{first}." if others and not _COMMAND.search(first) else ""
