"""Openverse's API as a server on this machine: pages, limits, licences, and no thumbnail."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clothes.collection import http_client
from clothes.collection.collect import Collected, collect_web
from clothes.collection.http_client import Fetcher, FetchLimits
from clothes.collection.openverse import search
from clothes.errors import DownloadError, PhotosError
from tests.support.openverse_server import Openverse, photo
from tests.support.photo_folders import below, reasons, rows
from tests.support.pictures import draw, encode
from tests.support.web_server import Canary, Names, inside, reply, running

LIMITS = FetchLimits(pause=0, patience=2)
BODIES = {
    **{"html": b"<html>", "list": b"[]", "empty": b"{}", "number": b'{"results": 1, "page_count": 1}'},
    **{"deep": b"[" * 100_000, "no text": b"\xff"},
    "many": json.dumps({"page_count": 1, "results": [{}] * 1000}).encode(),
    "long": json.dumps({"page_count": 1, "results": [], "x": "x" * 6_000_000}).encode(),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Openverse]:
    monkeypatch.setattr(http_client, "WAIT", 0.001)
    with running(Openverse(45)) as server:
        yield server  # type: ignore[misc]


def collect(server: Openverse, into: Path, count: int) -> Collected:
    fetch = Fetcher(inside=inside, find=Names(), limits=LIMITS)
    return collect_web("denim jacket", into=into, label="jacket", count=count, fetcher=fetch, api=server.url("v1/"))


def test_photos_come_page_by_page_with_licence_and_author(tmp_path: Path, server: Openverse) -> None:
    result = collect(server, tmp_path, 30)
    assert (result.new, result.refused) == ({"jacket": 30}, ())
    assert server.pages() == 2
    assert sum(path.endswith(".png") for path in server.asked) == 30  # no more than was wanted
    first = next(row for row in rows(tmp_path) if row["origin"] == server.url("0.png"))
    assert {name: first[name] for name in ("licence", "author", "title", "page")} == {
        "licence": "CC BY-SA 2.0 https://creativecommons.org/licenses/by-sa/2.0/",
        "author": "Jané Doe",
        "title": "Jacket 0",
        "page": "https://photos.test/0",
    }
    again = collect(server, tmp_path, 30)
    assert (again.new, again.already) == ({}, {"jacket": 30})
    assert set(server.asked.values()) == {1, 2}
    assert all(server.asked[f"{i}.png"] == 1 for i in range(30))
    assert collect(server, tmp_path, 100).new == {"jacket": 15}


def test_photos_that_were_removed_since_stay_away(tmp_path: Path, server: Openverse) -> None:
    collect(server, tmp_path, 10)
    removed = [row for row in rows(tmp_path) if row["title"] in ("Jacket 1", "Jacket 2")]
    for row in removed:
        (tmp_path / row["file"]).unlink()
    result = collect(server, tmp_path, 10)
    assert (result.new, result.already) == ({"jacket": 2}, {"jacket": 8})
    assert set(reasons(result).values()) == {"it was collected before, and removed since"}
    assert not any((tmp_path / row["file"]).exists() for row in removed)
    server.odd = {12: {"url": server.url("copy.png")}}  # another page shows a removed photo
    server.answers["copy.png"] = reply(photo(1))
    result = collect(server, tmp_path, 15)
    assert (result.new, result.already) == ({"jacket": 5}, {"jacket": 10})
    assert reasons(result)[server.url("copy.png")] == "it was collected before, and removed since"


def test_pages_that_overlap_bring_each_photo_once(tmp_path: Path, server: Openverse) -> None:
    server.odd = dict.fromkeys(range(20, 25), server.result(3))
    result = collect(server, tmp_path, 100)
    assert (result.new, result.already) == ({"jacket": 40}, {})


def test_thumbnails_and_what_has_no_licence_are_refused(tmp_path: Path, server: Openverse, canary: Canary) -> None:
    server.odd = {
        0: {"url": server.url("v1/images/id-0/thumb/")},
        1: {"url": server.url("t.png"), "thumbnail": server.url("t.png")},
        2: {"url": server.url("wiki/thumb/a.png/120px-a.png")},
        3: {"license": None},
        4: {"url": None},
        5: {"url": 5, "foreign_landing_url": ["x"]},
        6: {"width": 150, "height": 4000},
        7: {"url": server.url("small.png")},
        8: {"url": server.url("gone.png")},
        9: {"url": f"http://127.0.0.1:{canary.port}/9.png"},
        10: {"url": server.url(f"to/http://127.0.0.1:{canary.port}/9.png")},
        11: {"license": "cc0", "license_version": "1.0", "license_url": None, "creator": None},
        12: {"license": "pdm", "license_version": "1.0", "license_url": None, "title": {"a": 1}},
    }
    server.answers["small.png"] = reply(encode(draw("bar", 0, size=(100, 100)), "PNG"))
    result = collect(server, tmp_path, 20)
    assert result.new == {"jacket": 20}
    found = [reason for _, reason in sorted(reasons(result).items())]
    expected = ["a thumbnail"] * 3 + ["has no licence", "has no address", "has no address", "150 x 4000 pixels"]
    expected += ["100 x 100 pixels", "answered 404 Not Found", *["127.0.0.1 belongs to this machine"] * 2]
    assert len(found) == len(expected)
    for reason in expected:
        assert any(reason in text for text in found), reason
    assert canary.hits == 0
    assert not [path for path in server.asked if "thumb" in path or path == "t.png"]
    licences = {row["title"]: (row["licence"], row["author"]) for row in rows(tmp_path)}
    assert licences["Jacket 11"] == ("CC0 1.0", "")
    assert licences[""] == ("Public Domain Mark 1.0", "Jané Doe")


def test_a_rate_limit_is_waited_for_and_a_long_one_is_told(tmp_path: Path, server: Openverse) -> None:
    good = server.answers[server.page(1)]
    busy = [reply(b"", status=429, Retry_After="1")]
    server.answers[server.page(1)] = lambda handler: handler.wfile.write(busy.pop()) if busy else good(handler)  # type: ignore[operator]
    assert collect(server, tmp_path, 5).new == {"jacket": 5}
    assert server.asked[server.page(1)] == 2
    server.answers[server.page(1)] = reply(b"", status=429, Retry_After="40000")
    with pytest.raises(
        DownloadError,
        match=r"Openverse cannot be searched: the server answered 429 Too Many Requests, and asks to wait "
        r"40,000 seconds: try again later\.",
    ):
        collect(server, tmp_path, 5)


def test_a_later_page_that_fails_ends_the_search_and_is_told(tmp_path: Path, server: Openverse) -> None:
    server.answers[server.page(2)] = reply(b"", status=401)
    result = collect(server, tmp_path, 30)
    assert result.new == {"jacket": 20}
    assert reasons(result) == {"page 2 of the search": "the server answered 401 Unauthorized"}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_answer_that_is_none_is_an_error(tmp_path: Path, server: Openverse, body: bytes) -> None:
    server.answers[server.page(1)] = reply(body)
    with pytest.raises(DownloadError, match="the answer is not one of its API"):
        collect(server, tmp_path, 5)


def test_a_search_ends_where_openverse_ends(tmp_path: Path) -> None:
    with running(Openverse(300)) as server:
        result = collect(server, tmp_path, 300)  # type: ignore[arg-type]
        assert server.pages() == 12  # type: ignore[attr-defined]
        assert (result.new, len(result.refused)) == ({"jacket": 45}, 195)


def test_any_words_can_be_searched_for(tmp_path: Path, server: Openverse) -> None:
    with Fetcher(inside=inside, find=Names(), limits=LIMITS) as fetch:
        for words in ("\udcff", "a\0b", "a&q=b#?", "x" * 100):
            with pytest.raises(DownloadError, match="404"):
                list(search(words, fetch, api=server.url("v1/")))


def test_a_wrong_class_is_told_before_anything_is_asked(tmp_path: Path, server: Openverse) -> None:
    with pytest.raises(PhotosError, match="No class can be called"):
        collect_web("denim jacket", into=tmp_path / "photos", label="../x", api=server.url("v1/"))
    assert not server.asked
    assert below(tmp_path) == {}
