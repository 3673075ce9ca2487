"""Searches Openverse (openverse.org) for openly licensed photos of Flickr, Wikimedia Commons and museums."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from clothes.collection.http_client import Fetcher
from clothes.collection.provenance import Origin
from clothes.errors import DownloadError
from clothes.photos.folders import Skipped

API = "https://api.openverse.org/v1/"
MOST = 240  # photos per search without an account
_PAGE = 20  # photos per page without an account
_MOST_BYTES = 5_000_000  # of a page, many times what one has
_LONGEST = 3000  # characters of a text; a longer address is refused


@dataclass(frozen=True)
class Found:
    """A photo that was found: its size in pixels (0 if unknown) and its origin."""

    width: int
    height: int
    origin: Origin


def search(words: str, fetcher: Fetcher, *, api: str = API) -> Iterator[Found | Skipped]:
    """Yields the photos that match the words, best first, and fetches pages as needed.

    Raises DownloadError if the first page cannot be fetched. Another page that fails is skipped and ends the search.
    """
    seen: set[str] = set()  # the pages of a search overlap
    for page in range(1, MOST // _PAGE + 1):
        query = {"q": words, "page": page, "page_size": _PAGE, "category": "photograph"}
        try:
            answer = _page(fetcher.get(f"{api}images/?{urlencode(query, errors='replace')}"))
        except DownloadError as error:
            if page > 1:
                yield Skipped(f"page {page} of the search", str(error))
                return
            raise DownloadError(f"Openverse cannot be searched: {error}. Try again later.") from None
        for item in map(_found, answer["results"]):
            if isinstance(item, Skipped):
                yield item
            elif item.origin.origin not in seen:
                seen.add(item.origin.origin)
                yield item
        if page >= answer["page_count"]:
            return


def _page(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data) if len(data) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("page_count"), int):
        results = answer.get("results")
        if isinstance(results, list) and len(results) <= _PAGE:
            return answer
    raise DownloadError("the answer is not one of its API")


def _found(result: object) -> Found | Skipped:
    about = result if isinstance(result, dict) else {}

    def text(name: str) -> str:
        return value[:_LONGEST] if isinstance(value := about.get(name), str) else ""

    def pixels(name: str) -> int:
        return value if isinstance(value := about.get(name), int) else 0

    address, page = text("url"), text("foreign_landing_url")
    if not address:
        return Skipped(page or "a result", "it has no address")
    if address == text("thumbnail") or "/thumb/" in address:
        return Skipped(address, "a thumbnail")
    if not text("license"):
        return Skipped(address, "it has no licence")
    origin = Origin(address, _licence(text), text("creator"), text("title"), page)
    return Found(pixels("width"), pixels("height"), origin)


def _licence(text: Callable[[str], str]) -> str:
    """Formats a licence: "CC BY-SA 2.0 https://creativecommons.org/licenses/by-sa/2.0/"."""
    code = text("license").lower()
    name = {"cc0": "CC0", "pdm": "Public Domain Mark"}.get(code, f"CC {code.upper()}")
    return " ".join(filter(None, (name, text("license_version"), text("license_url"))))
