"""Cancel ends an upload also when the studio has received it: what was added is told, and is one step."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from clothes.studio.shelves import Shelves
from tests.support.pictures import make_photos, photo
from tests.support.studio_browser import chips, drop, opened, zipped
from tests.support.studio_page import counts, edit, served_studio, studio_client, upload

LISTEN = """() => {
    window.said = [];
    const status = document.querySelector(".status");
    new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
}"""


def cancel(client: httpx.Client, batch: str = "one") -> httpx.Response:
    return client.post("job", json={"do": "stop", "batch": batch})


@contextmanager
def held_after(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Callable[[], bool], threading.Event]]:
    """Holds what adds photos before it ends the one of this number. Yields what waits for that, and what lets it go."""
    real, put, is_held, go = Shelves.put, 0, threading.Event(), threading.Event()

    def hold(*given: Any) -> Any:
        nonlocal put
        outcome, put = real(*given), put + 1
        if put == number:
            is_held.set()
            assert go.wait(60)
        return outcome

    monkeypatch.setattr(Shelves, "put", hold)
    yield lambda: is_held.wait(60), go
    go.set()


def test_a_zip_that_was_received_is_cancelled_and_what_is_there_is_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zipped(make_photos(tmp_path / "mine", each=4))
    with (
        studio_client(tmp_path / "one") as client,
        held_after(5, monkeypatch) as (is_held, go),
        ThreadPoolExecutor() as other,
    ):
        answer = other.submit(upload, client, "mine.zip", data)
        assert is_held()
        assert cancel(client).status_code == 200
        go.set()
        assert answer.result().json() == {"added": 5, "already": 0, "refused": [], "notes": []}
        assert sum(counts(client).values()) == 5 and not client.get("state").json()["filling"]
        assert edit(client, "undo").json()["message"] == "Undone: 5 photos added."
        assert sum(counts(client).values()) == 0
        assert upload(client, "mine.zip", data, batch="two").json()["added"] == 12


def test_what_arrives_after_cancel_is_not_added(tmp_path: Path) -> None:
    with studio_client(tmp_path / "one") as client:
        cancel(client)
        assert upload(client, "mine.zip", zipped(make_photos(tmp_path / "mine", each=2))).json()["added"] == 0
        answer = upload(client, "a.png", photo(1), "hat").json()
        assert answer["refused"] == [["a.png", "cancelled before it was added"]]
        assert counts(client) == {} and not client.get("state").json()["undo"]


@pytest.mark.browser
def test_the_page_cancels_a_zip_that_has_arrived_and_takes_the_next(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zipped(make_photos(tmp_path / "mine", each=4))
    with served_studio(tmp_path / "one") as url, opened(browser, url) as page:
        page.evaluate(LISTEN)
        with held_after(5, monkeypatch) as (is_held, go):
            drop(page, ".drop", "mine.zip", data)
            page.get_by_text("mine.zip has arrived.").wait_for()
            assert is_held()
            with page.expect_response("**/studio/job"):
                page.locator(".uploading").get_by_role("button", name="Cancel").click()
            drop(page, ".drop", "coat.png", photo(900))  # waits for the end of the one before
            go.set()
            chips(page, {"": 1, "bar": 4, "frame": 1})
        page.get_by_text("1 photo added.", exact=True).wait_for()
        assert "Cancelled. 5 photos added. Undo takes them back." in page.evaluate("said")
        for rest in ({"bar": 4, "frame": 1}, {}):
            page.get_by_role("button", name="Undo").click()
            chips(page, rest)
