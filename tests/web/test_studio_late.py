"""What comes late to the studio's page, an answer or a camera, neither shows nor stays on."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import photo
from tests.support.studio_browser import drop, opened
from tests.support.studio_page import served_studio

pytestmark = pytest.mark.browser

RUN = {"run": "one", "has_model": True, "validation": None, "test": None}
RESULT: dict[str, Any] = {"history": [], "test": None, "downloads": [], "recommendations": None, "comparison": None}
COUNT_STREAMS = """() => {
    window.streams = [];
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await real(wanted);
        streams.push(stream);
        return stream;
    };
}"""
HOLD_STREAM = """() => {
    const real = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await real(wanted);
        await new Promise((done) => window.allow = done);
        return stream;
    };
}"""
HOLD_ANSWERS = """() => {
    window.held = [];
    const real = window.fetch;
    const answer = (label) => Response.json({ label, confidence: 1, known: true, scores: { [label]: 1 } });
    window.fetch = (path, options) => path.startsWith("studio/predict")
        ? new Promise((done) => held.push((label) => done(answer(label)))) : real(path, options);
}"""


def test_a_camera_that_is_asked_for_twice_is_stopped_as_a_whole(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.evaluate(COUNT_STREAMS)
        for number in (1, 2):
            page.get_by_role("button", name="Use the camera").click()
            page.wait_for_function(
                "(number) => document.querySelector('.shooting video').srcObject === streams[number - 1]", arg=number
            )
        page.get_by_role("button", name="Stop camera").click()
        assert page.evaluate("streams.map((stream) => stream.active)") == [False, False]


def test_a_camera_that_starts_after_its_station_was_left_is_stopped(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.evaluate(COUNT_STREAMS)
        page.evaluate(HOLD_STREAM)
        page.get_by_role("button", name="Use the camera").click()
        page.wait_for_function("Boolean(window.allow)")
        page.locator("nav button[data-step=check]").click()
        page.evaluate("allow()")
        page.wait_for_function("!streams[0].active")
        page.locator("nav button[data-step=photos]").click()
        assert page.locator(".shooting").is_hidden()


def test_the_answer_to_an_earlier_photo_is_not_shown(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        state = page.evaluate("fetch('studio/state').then((answer) => answer.json())") | {"runs": [RUN]}
        page.route("**/studio/state*", lambda route: route.fulfill(json=state))
        page.route("**/studio/result/*", lambda route: route.fulfill(json=RESULT))
        page.evaluate(HOLD_ANSWERS)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.locator("nav button[data-step=use]").click()
        page.locator(".asking .drop").wait_for()
        for number in (1, 2):
            drop(page, ".asking .drop", f"{number}.png", photo(number))
            page.wait_for_function("(number) => held.length === number", arg=number)
        page.evaluate("held[1]('later')")
        page.locator(".said .verdict").get_by_text("later").wait_for()
        page.evaluate("held[0]('earlier'); new Promise((done) => setTimeout(done))")
        assert page.locator(".said .verdict").inner_text() == "later"
