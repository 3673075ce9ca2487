"""What the page is told in trouble: what happened, what is safe, and the next click."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from clothes.studio.job_folder import JobFolder
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import photo
from tests.support.studio_page import edit, studio_client, upload


def test_a_folder_that_is_gone_is_named_and_no_empty_one_takes_its_place(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=2)
    with studio_client(project.root) as client:
        project.root.rename(tmp_path / "moved")
        answers = [
            client.get("state"),
            edit(client, "add_class", label="hat"),
            client.post("job", json={"do": "start", "kind": "train"}),
            upload(client, "a.png", photo(1), "hat"),
        ]
        for answer in answers:
            assert answer.status_code == 400
            told = answer.json()["problem"]
            assert f"{project.photos} is gone" in told and "changed nothing. Put it back" in told
        assert not project.root.exists()
        (tmp_path / "moved").rename(project.root)
        assert client.get("state").json()["photos"] == 6


def test_a_full_disk_is_named_with_what_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project", each=2)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with studio_client(project.root) as client:
        with monkeypatch.context() as patch:
            patch.setattr(JobFolder, "write", full)
            told = client.post("job", json={"do": "start", "kind": "train"}).json()["problem"]
        assert "No space left" in told and "Make room" in told and "photos and models are unchanged" in told
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
            answer = upload(client, "a.png", photo(1), "hat")
        assert answer.status_code == 507 and "Nothing was lost; make room" in answer.json()["problem"]
        assert client.get("state").json()["photos"] == 6


def test_a_training_that_cannot_begin_leads_to_the_photos(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=1, shapes=("bar",))
    with studio_client(project.root) as client:
        client.post("job", json={"do": "start", "kind": "train"})
        wait_until_ended(project)
        job = client.get("state").json()["job"]
        assert job["state"] == "failed"
        assert "needs at least two classes" in job["problem"]["what"]
        assert "unchanged" in job["problem"]["safe"] and job["problem"]["next"] == "photos"
