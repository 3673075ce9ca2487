"""Trainings as the studio's page sees them: in several tabs, after a kill of the studio, and after one of the job."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

from clothes.studio import jobs
from clothes.studio.project import Project
from tests.support.jobs import folder_of, kill, make_project
from tests.support.pictures import SMALL
from tests.support.studio_page import studio_client
from tests.support.waiting import wait_for

LONG = SMALL.changed({"train": {"epochs": 2000, "patience": 0}})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = make_project(tmp_path / "project")
    yield project
    status = jobs.stop(project)
    if status:
        wait_for(lambda: not folder_of(project, status).is_alive)


@contextmanager
def studio_to_kill(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A studio in a process group of its own, and a visitor."""
    command = [sys.executable, "-m", "clothes", "studio", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as studio:
        try:
            assert studio.stdout
            url = next(found[0] for line in studio.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            with httpx.Client(base_url=f"{url}/studio/", timeout=60) as client:
                yield studio, client
        finally:
            studio.kill()


def job(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("state").json()["job"]
    return found


def curve(client: httpx.Client) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = client.get("result/a").json()["history"]
    return rows


def seen_at_once(client: httpx.Client, other: httpx.Client, see: Callable[[httpx.Client], Any]) -> bool:
    """Whether both tabs see the same between two equal looks of the first."""
    before = see(client)
    there = see(other)
    return bool(before == there == see(client))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups of Unix")
def test_a_training_of_a_killed_studio_is_found_again_and_goes_on_after_its_own_kill(project: Project) -> None:
    with studio_to_kill(project.root) as (studio, client):
        asked = {"do": "start", "kind": "train", "how": "own", "run": "a", "changes": LONG.to_dict()}
        started = client.post("job", json=asked).json()["job"]
        wait_for(lambda: job(client)["epoch"] >= 2)
        with studio_client(project.root) as tab:  # of another studio even
            wait_for(lambda: seen_at_once(client, tab, job))  # its epoch and its time left, too
            wait_for(lambda: seen_at_once(client, tab, curve))
            assert len(curve(tab)) >= 2
        before = job(client)
        os.killpg(studio.pid, signal.SIGKILL)
        studio.wait()

    with studio_client(project.root) as client:
        found = client.get("state").json()
        assert (found["job"]["id"], found["job"]["state"], found["next"]) == (started["id"], "running", "wait")
        assert found["job"]["epoch"] >= before["epoch"]
        wait_for(lambda: job(client)["epoch"] > before["epoch"])  # it runs on
        status = jobs.current(project)
        assert status
        kill(project, status)
        died = client.get("state").json()
        known = len(curve(client))
        assert (died["job"]["state"], died["next"], died["next_run"]) == ("died", "goOn", "a")
        assert died["job"]["problem"].keys() == {"what", "safe", "next"}
        assert died["job"]["problem"]["next"] == "go on" and "is kept" in died["job"]["problem"]["safe"]
        assert known >= died["job"]["epoch"] - 1

        client.post("job", json={"do": "go_on", "run": "a"})
        wait_for(lambda: job(client)["epoch"] > 0)
        assert job(client)["epoch"] >= known - 1  # one epoch is lost at most
        wait_for(lambda: job(client)["epoch"] > known)
        stopping = client.post("job", json={"do": "stop"}).json()["job"]
        assert (stopping["state"], stopping["offers"]) == ("stopping", [])
        wait_for(lambda: job(client)["state"] == "stopped")
        state = client.get("state").json()
        assert (state["next"], state["next_run"], state["runs"][0]["has_model"]) == ("test", "a", True)
