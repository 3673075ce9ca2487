"""Remembers values until what they depend on changes."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


class Memory:
    """Values by name, for many threads: each is computed by one, and the others wait for it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, Any]] = {}  # name: what it depends on, value
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, name: str, depends_on: Any, compute: Callable[[], Any]) -> Any:
        """Returns the value of a name, computed anew if `depends_on` is not what it was."""
        with self._locks[name]:
            known = self._known.get(name)
            if known is None or known[0] != depends_on:
                self._known[name] = known = depends_on, compute()
            return known[1]


def last_changes(*paths: Path | Iterable[Path]) -> str:
    """Returns a text that changes when an entry of one of these folders does."""
    lines = []
    for path in paths:
        for folder in [path] if isinstance(path, Path) else path:
            with suppress(OSError):
                lines.append(f"{folder} {folder.stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogatepass")).hexdigest()[:16]
