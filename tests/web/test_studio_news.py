"""What the tab's title and notifications tell a person who looks at something else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clothes.studio import jobs
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import photo
from tests.support.studio_browser import chips, drop, opened
from tests.support.studio_page import served_studio

pytestmark = pytest.mark.browser

# Chromium without a window hides no tab and shows no notification.
PRETEND = """
    window.shown = [];
    window.answer = "granted";
    window.Notification = class {
        static permission = "default";
        static requestPermission() {
            this.permission = window.answer;
            window.asked = (window.asked ?? 0) + 1;
            return Promise.resolve(window.answer);
        }
        constructor(title, { body }) {
            window.shown.push([title, body]);
        }
    };
    Object.defineProperty(document, "hidden", { get: () => window.isAway ?? false });
"""
LOOK = "(away) => { window.isAway = away; document.dispatchEvent(new Event('visibilitychange')); }"
JOB = """(job) => {
    window.realFetch ??= window.fetch;
    window.fetch = async (path, options) => {
        const answer = await window.realFetch(path, options);
        if (!path.startsWith("studio/state")) return answer;
        const state = await answer.json();
        return Response.json({ ...state, job: { ...state.job, ...job } });
    };
    document.dispatchEvent(new Event("visibilitychange")); // the page looks again
}"""
RUNNING = {
    **{"id": "x", "kind": "train", "state": "running", "stage": "train", "run": "a", "epoch": 5, "epochs": 8},
    **{"done": 5, "total": 8, "seconds": 10, "seconds_left": 40, "problem": None, "offers": ["stop"], "asked": {}},
}


@contextmanager
def pretending(browser: Any, url: str) -> Iterator[Any]:
    with opened(browser, url) as page:
        page.add_init_script(PRETEND)
        page.reload()
        page.wait_for_selector(".studio h1:not(:empty)")
        yield page


def title(page: Any, wanted: str) -> None:
    page.wait_for_function("(wanted) => document.title === wanted", arg=wanted)


def test_the_title_tells_how_far_a_training_is_and_how_it_ended(browser: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", each=20)
    with served_studio(project.root) as url, pretending(browser, url) as page:
        title(page, "mine · clothes studio")
        page.evaluate(JOB, RUNNING)
        title(page, "Epoch 5 of 8, about 40 s left · mine · clothes studio")
        page.evaluate("window.fetch = window.realFetch")
        page.evaluate(LOOK, True)
        jobs.start(project, "train", run="a")
        wait_until_ended(project)
        page.wait_for_function("document.title.startsWith('✓ Trained: ')")
        state = page.evaluate("fetch('studio/state').then((answer) => answer.json())")
        share = state["runs"][0]["validation"]["accuracy"]
        title(page, f"✓ Trained: {int(share * 1000) / 10:g} % · mine · clothes studio")
        page.evaluate(LOOK, False)
        title(page, "mine · clothes studio")
        assert page.evaluate("window.shown.length + (window.asked ?? 0)") == 0  # nobody allowed it


def test_a_notification_comes_only_if_it_was_allowed_by_a_click(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path / "mine") as url, pretending(browser, url) as page:
        page.evaluate(JOB, RUNNING)
        page.locator("nav button[data-step=train]").click()
        panel = page.locator("section[data-step=train] .panel")
        assert page.evaluate("window.asked") is None
        panel.get_by_role("button", name="Tell me when it is done").press("Enter")
        page.locator(".status").get_by_text("A notification tells you when a job is done.").wait_for()
        assert page.locator(".notifier").count() == 0
        page.evaluate(JOB, RUNNING | {"state": "failed", "problem": {"what": "A", "safe": "B", "next": "again"}})
        panel.get_by_text("failed").wait_for()
        assert page.evaluate("window.shown") == []  # it was seen
        page.evaluate(JOB, RUNNING)
        panel.get_by_text("runs.").wait_for()
        page.evaluate(LOOK, True)
        page.evaluate(JOB, RUNNING | {"state": "failed", "problem": {"what": "A", "safe": "B", "next": "again"}})
        title(page, "✗ Training failed · mine · clothes studio")
        assert page.evaluate("window.shown") == [["✗ Training failed", "mine"]]


def test_refused_notifications_are_told_and_not_asked_for_again(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, pretending(browser, url) as page:
        page.evaluate("window.answer = 'denied'")
        page.evaluate(JOB, RUNNING)
        page.locator(".job").get_by_role("button", name="Tell me when it is done").click()
        page.locator(".status.problem").get_by_text("The browser blocks notifications").wait_for()
        page.locator("nav button[data-step=train]").click()
        page.locator("section[data-step=train] .stop").wait_for()
        assert page.locator(".notifier").count() == 0 and page.evaluate("window.asked") == 1


def test_the_title_tells_of_photos_and_of_their_check(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "mine" / "photos" / "hat").mkdir(parents=True)
    with served_studio(tmp_path / "mine", checks=True) as url, pretending(browser, url) as page:
        page.evaluate("Notification.permission = 'granted'")
        page.evaluate(LOOK, True)
        drop(page, ".chip[data-name=hat]", "coat.png", photo(1))
        chips(page, {"hat": 1})
        title(page, "✓ 1 photo added. · mine · clothes studio")
        page.wait_for_function("window.shown.length === 2")
        assert page.evaluate("window.shown") == [["✓ 1 photo added.", "mine"], ["✓ Photos checked", "mine"]]
        title(page, "✓ 1 photo added. · mine · clothes studio")
