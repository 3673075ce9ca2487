"""The studio's page in each station and state, light and dark, wide and narrow: by axe-core, and all in view."""

import os
from pathlib import Path
from typing import Any

import pytest

from clothes.studio import jobs
from clothes.studio.project import Project
from tests.support.browser import cut_off, load_axe, violations
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import photo
from tests.support.studio_browser import STATIONS, drop, opened
from tests.support.studio_page import served_studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]

if os.environ.get("CLOTHES_REQUIRE_BROWSER") != "1":
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")

PRETEND = """([job, more, history]) => {
    window.realFetch ??= window.fetch;
    window.pretended = 0;
    window.fetch = async (path, options) => {
        if (path.startsWith("studio/result/")) return Response.json({ history });
        const answer = await window.realFetch(path, options);
        if (!path.startsWith("studio/state")) return answer;
        const state = await answer.json();
        setTimeout(() => window.pretended += 1);
        return Response.json({ ...state, ...more, job: job ? { ...state.job, ...job } : state.job });
    };
}"""
SUGGEST = """(suggested) => {
    const real = window.fetch;
    window.fetch = async (path, options) =>
        path.startsWith("studio/suggestions") ? Response.json(suggested) : real(path, options);
}"""
LOOKS = pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        for width in (1280, 320)
        for scheme in ("light", "dark")
    ],
    ids=lambda look: f"{look['viewport']['width']}-{look['color_scheme']}",
)
RUN = "20261129-114001"  # as the studio names them
EPOCHS = [
    {"epoch": n, "loss": 1 / n, "accuracy": 1 - 0.5 / n, "val_loss": 1.1 / n, "val_accuracy": 0.9 - 0.4 / n}
    for n in range(1, 8)
]
SEEN = {"what": "The training could not write its files: No space left.", "safe": "Your photos are unchanged."}


class Viewer:
    """Goes to the states of a page and collects what is wrong in each."""

    def __init__(self, page: Any) -> None:
        self.page, self.found = page, dict[str, list[str]]()
        load_axe(page)

    def check(self, state: str) -> None:
        if wrong := violations(self.page) + cut_off(self.page):
            self.found[state] = wrong

    def station(self, name: str) -> None:
        self.page.locator(f"nav button[data-step={name}]").click()
        self.page.wait_for_load_state("networkidle")

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def dialog(self, state: str) -> None:
        self.page.wait_for_function("[...document.querySelectorAll('dialog img')].every((image) => image.complete)")
        self.check(state)
        self.page.keyboard.press("Escape")

    def pretend(self, job: dict[str, Any] | None = None, **more: Any) -> None:
        """Shows the state with these changes, and the curves of a training."""
        self.page.evaluate(PRETEND, [job, more, EPOCHS])
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.page.wait_for_function("window.pretended > 0")
        self.page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with unsorted photos and a recogniser that was tested, errs, and has a report."""
    project = make_project(tmp_path_factory.mktemp("axe") / "project", each=30)
    for number in range(0, 30, 3):  # mixed up, so that some answers are wrong
        one, other = (project.photos / label / f"{number:03}.png" for label in ("bar", "frame"))
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
    for kind in ("train", "test", "report", "check"):
        jobs.start(project, kind, **({} if kind == "check" else {"run": RUN}))  # type: ignore[arg-type]
        assert wait_until_ended(project, kind).state == "done"  # type: ignore[arg-type]
    for seed in range(3):
        (project.unsorted / f"loose{seed}.png").write_bytes(photo(90 + seed))
    return project


def test_faults_are_seen(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        viewer = Viewer(page)
        page.evaluate("document.querySelector('.undo').textContent = ''")
        page.evaluate("document.querySelector('.folder').style.color = 'rgb(120 120 120 / 50%)'")
        page.evaluate("document.querySelector('.private').style.marginInlineEnd = '-90vw'")
        viewer.check("faulty")
        assert {line.partition(":")[0] for line in viewer.found["faulty"]} == {
            *("button-name", "color-contrast", "cut off"),
        }


@LOOKS
def test_an_empty_project(browser: Any, tmp_path: Path, look: dict[str, Any]) -> None:
    with served_studio(tmp_path / "new") as url, opened(browser, url, **look) as page:
        viewer = Viewer(page)
        for station in STATIONS:
            viewer.station(station)
            viewer.check(station)
        viewer.station("photos")
        drop(page, ".drop", "notes.png", b"no photo")
        page.get_by_text("1 file not added").click()
        viewer.check("refused")
        page.context.set_offline(True)
        viewer.button("New class")
        page.locator(".naming input").fill("hat")
        page.keyboard.press("Enter")
        page.get_by_text("The studio does not answer").wait_for()
        viewer.check("no answer")
        assert not viewer.found


@LOOKS
def test_photos_and_where_they_come_from(browser: Any, project: Project, look: dict[str, Any]) -> None:
    with served_studio(project.root) as url, opened(browser, url, **look) as page:
        viewer = Viewer(page)
        for title in ("Projects", "A folder on this computer", "Your phone", "From the web"):
            page.get_by_text(title, exact=True).click()
        viewer.button("Open a page for the phone")
        page.locator(".qr").wait_for()
        page.locator(".projects ul").evaluate("list => list.append(document.createElement('li'))")
        page.locator(".projects li").last.evaluate(
            "(item, name) => { item.innerHTML = `<button>${name}</button> <span class=hint>${name}</span>`; }",
            "a_long_name_" * 12,
        )
        viewer.check("sources")
        viewer.button("Use the camera")
        page.locator(".shooting video").wait_for()
        viewer.check("camera")
        viewer.button("Stop camera")
        page.locator(".chip[data-name='']").click()
        suggested = {"bar": ["unsorted/loose0.png", "unsorted/loose1.png"]}
        page.evaluate(SUGGEST, suggested)
        viewer.button("Sort them by what they look like")
        page.locator(".looks li").first.wait_for()
        viewer.check("suggestions")
        page.locator(".looks").get_by_role("button", name="Look").first.click()
        viewer.dialog("photos of a suggestion")
        page.locator(".chip[data-name=bar]").click()
        page.locator(".cell").first.click()
        viewer.button("Rename")
        viewer.check("selected")
        viewer.button("Enlarge")
        viewer.dialog("enlarged")
        adding = {"id": "x", "kind": "add", "state": "running", "done": 3, "total": 60}
        viewer.pretend(adding=adding)
        page.locator(".adding").wait_for()
        viewer.check("adding")
        assert not viewer.found


@LOOKS
def test_trainings(browser: Any, project: Project, look: dict[str, Any]) -> None:
    states: dict[str, dict[str, Any]] = {
        "running": {"state": "running", "offers": ["stop"], "seconds": 60, "seconds_left": 90},
        "starting": {"state": "starting", "stage": "start", "offers": ["stop"], "total": 0},
        "stopping": {"state": "stopping", "offers": []},
        "stopped": {"state": "stopped", "offers": ["go on"]},
        "failed": {"state": "failed", "offers": ["go on", "again"], "problem": SEEN | {"next": "go on"}},
        "died": {"state": "died", "offers": ["again"], "problem": SEEN | {"next": "again"}},
    }
    training = {"kind": "train", "run": RUN, "stage": "train", "epoch": 7, "epochs": 20, "done": 7, "total": 20}
    with served_studio(project.root) as url, opened(browser, url, **look) as page:
        viewer = Viewer(page)
        viewer.station("train")
        page.get_by_text("My minutes").click()
        viewer.check("before")
        for name, more in states.items():
            viewer.pretend(training | more)
            viewer.check(name)
            if details := page.locator(".curves summary").all():
                details[0].click()
                viewer.check(f"{name}, numbers")
            for station in ("photos", "train"):
                viewer.station(station)
                viewer.check(f"{name}, {station}")
        assert not viewer.found


@LOOKS
def test_results_and_use(browser: Any, project: Project, look: dict[str, Any]) -> None:
    with served_studio(project.root) as url, opened(browser, url, **look) as page:
        viewer = Viewer(page)
        viewer.station("check")
        page.locator("section[data-step=check] h3").first.wait_for()
        page.evaluate("document.querySelectorAll('.finding').forEach((part) => part.open = true)")
        page.wait_for_load_state("networkidle")
        viewer.check("check")
        viewer.station("test")
        page.locator("section[data-step=test] .cell").first.wait_for()
        viewer.check("test")
        page.locator("section[data-step=test] .cell").first.click()
        viewer.check("wrong photo selected")
        viewer.button("Enlarge")
        viewer.button("Which part decided?")
        page.get_by_text("Warm colours").wait_for()
        viewer.dialog("why")
        page.locator("section[data-step=test] .cell").first.dblclick()
        page.locator("dialog .near img").first.wait_for()
        viewer.dialog("nearest photos")
        page.locator(".confusion button").first.click()
        viewer.dialog("confusion")
        viewer.station("improve")
        page.locator("section[data-step=improve] li").first.wait_for()
        viewer.check("improve")
        viewer.station("use")
        page.locator(".downloads").wait_for()
        drop(page, ".asking .drop", "asked.png", photo(77))
        page.locator(".said .verdict").wait_for()
        viewer.check("answer")
        viewer.button("Whole outfit")
        page.locator(".layers .outfit").wait_for()
        viewer.check("outfit")
        viewer.button("What each layer sees")
        page.locator(".layers li").first.wait_for()
        viewer.check("layers")
        viewer.button("Live camera")
        page.locator(".answer video").wait_for()
        page.wait_for_timeout(1_000)
        viewer.check("live")
        drop(page, ".asking .drop", "asked.png", b"no photo")
        page.locator(".said .problem").wait_for()
        viewer.check("no photo")
        assert not viewer.found


@LOOKS
def test_the_page_of_a_phone(browser: Any, project: Project, look: dict[str, Any]) -> None:
    with served_studio(project.root, is_local=False) as url, opened(browser, url, **look) as page:
        viewer = Viewer(page)
        page.get_by_text("A folder on this computer").click()
        viewer.check("phone")
        assert not viewer.found
