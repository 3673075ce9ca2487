"""Openverse's API as a server on this machine."""

import json
from functools import cache
from typing import Any

from tests.support.pictures import draw, encode
from tests.support.web_server import Server, reply


@cache
def photo(seed: int) -> bytes:
    return encode(draw("bar", seed, size=(220, 240)), "PNG")


class Openverse(Server):
    """Has so many photos of anything, 45 of them whole; `odd` replaces what it tells of some, by their place."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.odd: dict[int, Any] = {}
        self.count = count
        for i in range(count):
            self.answers[f"{i}.png"] = reply(photo(i) if i < 45 else b"")
        for page in range(1, 14):
            self.answers[self.page(page)] = lambda handler, page=page: handler.wfile.write(self.answer(page))

    def page(self, number: int) -> str:
        return f"v1/images/?q=denim+jacket&page={number}&page_size=20&category=photograph"

    def result(self, i: int) -> dict[str, Any]:
        return {
            "id": f"id-{i}",
            "title": f"Jacket {i}",
            "creator": "Jané Doe",
            "license": "by-sa",
            "license_version": "2.0",
            "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
            "foreign_landing_url": f"https://photos.test/{i}",
            "url": self.url(f"{i}.png"),
            "thumbnail": self.url(f"v1/images/id-{i}/thumb/"),
            "width": 220,
            "height": None,
        }

    def answer(self, page: int) -> bytes:
        places = range((page - 1) * 20, min(page * 20, self.count))
        results = [self.result(i) | self.odd.get(i, {}) for i in places]
        body = {"result_count": self.count, "page_count": -(-self.count // 20), "page": page, "results": results}
        return reply(json.dumps(body).encode(), Content_Type="application/json")

    def pages(self) -> int:
        return sum(path.startswith("v1/images/?") for path in self.asked)
