"""Photos from the web in the studio: from servers on this machine, with a reason for each that is refused."""

import csv
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clothes.collection import http_client
from clothes.collection.http_client import Fetcher, FetchLimits
from clothes.errors import DownloadError
from clothes.studio.edits import Edits
from clothes.studio.intake import Intake
from clothes.studio.project import Project
from clothes.studio.web_intake import add_addresses, add_found
from tests.support.openverse_server import Openverse
from tests.support.pictures import draw, encode
from tests.support.studio import counts, ids, photos
from tests.support.web_server import Names, drip, inside, reply, running


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Openverse]:
    monkeypatch.setattr(http_client, "WAIT", 0.001)
    with running(Openverse(45)) as server:
        yield server  # type: ignore[misc]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open(tmp_path / "project")


def fetcher() -> Fetcher:
    return Fetcher(inside=inside, find=Names(), limits=FetchLimits(pause=0, patience=2))


def find(project: Project, server: Openverse, count: int) -> tuple[int, int, dict[str, str]]:
    with Intake(project) as intake:
        found = add_found(intake, "denim jacket", "jacket", count=count, fetcher=fetcher(), api=server.url("v1/"))
    return len(found.added), len(found.already), {item.name: item.reason for item in found.refused}


def test_each_address_is_added_or_refused_with_its_reason(project: Project, server: Openverse) -> None:
    server.answers["small.png"] = reply(encode(draw("bar", 1, size=(100, 300)), "PNG"))
    lines = ["# from a shop", "", server.url("0.png"), server.url("0.png"), server.url("1.png"), server.url("gone.png")]
    lines += [server.url("small.png"), "no address", "http://127.0.0.1:9/x.png"]
    told: list[tuple[int, int]] = []
    with Intake(project) as intake:
        found = add_addresses(intake, lines, "hat", fetcher=fetcher(), progress=lambda *at: told.append(at))
    assert counts(project) == {"hat": 2} and told[-1] == (6, 6)
    reasons = {item.name: item.reason for item in found.refused}
    assert "404" in reasons[server.url("gone.png")] and "thumbnail" in reasons[server.url("small.png")]
    assert "space" in reasons["no address"] and "refused" in reasons["http://127.0.0.1:9/x.png"]
    assert Edits(project).undo() == "Undone: 2 photos added."
    with Intake(project) as intake:
        assert len(add_addresses(intake, lines[2:5], None, fetcher=fetcher()).added) == 2
        asked = server.asked["0.png"]
        assert len(add_addresses(intake, lines[2:5], "hat", fetcher=fetcher()).already) == 2
    assert len(ids(project, None)) == 2 and server.asked["0.png"] == asked


def test_addresses_that_all_fail_are_told_in_three_parts(project: Project) -> None:
    with Intake(project) as intake:
        found = add_addresses(intake, ["https://nothing.test/1.png"], "hat", fetcher=fetcher())
    assert "No photo came from 1 address." in found.problem and "is online" in found.problem
    assert [item.name for item in found.refused] == ["https://nothing.test/1.png"]


def test_a_search_brings_photos_with_licence_and_author_once(project: Project, server: Openverse) -> None:
    assert find(project, server, 20)[:2] == (20, 0)
    with (project.photos / "sources.csv").open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["origin"] == server.url("0.png"))
    assert (row["author"], row["title"], row["licence"][:5]) == ("Jané Doe", "Jacket 0", "CC BY")
    Edits(project).remove(ids(project, "jacket")[:1])
    added, already, reasons = find(project, server, 100)
    assert (added, already, len(reasons)) == (25, 19, 1)
    assert "removed since" in next(iter(reasons.values()))
    assert all(server.asked[f"{i}.png"] == 1 for i in range(45))


def test_a_search_without_a_connection_says_so_and_changes_nothing(project: Project) -> None:
    with Intake(project) as intake, pytest.raises(DownloadError, match=r"Openverse cannot be searched: .*Try again"):
        add_found(intake, "hat", "hat", fetcher=fetcher(), api="https://nothing.test/v1/")
    assert photos(project) == {} and counts(project) == {}


def test_a_stop_does_not_wait_for_a_slow_server(project: Project, server: Openverse) -> None:
    server.answers["slow.png"] = drip(reply(b"", Content_Length="9999999"), b"x")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with Intake(project) as intake:
        found = add_addresses(intake, [server.url("slow.png")], "hat", fetcher=fetcher(), stop=stop.is_set)
    assert (found.added, found.refused, found.problem) == ([], [], "")
