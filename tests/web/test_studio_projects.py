"""Several projects and folders of this computer on the studio's page, without a browser."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.pictures import make_photos, photo
from tests.support.studio import below
from tests.support.studio_page import counts, edit, studio_client, upload
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def _own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOTHES_CONFIG", str(tmp_path / "config"))


def tell(client: httpx.Client, **given: Any) -> httpx.Response:
    return client.post("project", json=given)


def test_projects_are_made_opened_and_listed(tmp_path: Path) -> None:
    with studio_client(tmp_path / "one") as client:
        upload(client, "a.png", photo(1), "hat")
        assert client.get("projects").json() == {"projects": [], "beside": str(tmp_path)}
        assert tell(client, do="new", name="two").status_code == 200
        assert (client.get("state").json()["name"], counts(client)) == ("two", {})
        assert client.get("projects").json()["projects"] == [{"name": "one", "folder": str(tmp_path / "one")}]
        upload(client, "b.png", photo(2), "cap")
        assert tell(client, do="open", folder=str(tmp_path / "one")).status_code == 200
        assert counts(client) == {"hat": 1}
        edit(client, "undo")
        assert counts(client) == {}
    assert len(list((tmp_path / "two" / "photos" / "cap").iterdir())) == 1


def test_what_a_page_asks_of_another_project_than_the_open_one_changes_nothing(tmp_path: Path) -> None:
    with studio_client(tmp_path / "one") as client:
        one = client.get("state").json()["folder"]
        assert upload(client, "a.png", photo(1), "hat", project=one).json()["added"] == 1
        tell(client, do="new", name="Test")
        assert client.get("state").json()["name"] == "Test"
        late = [
            upload(client, "b.png", photo(2), "hat", project=one),
            edit(client, "add_class", label="cap", project=one),
            client.post("job", json={"do": "start", "kind": "check", "project": one}),
            tell(client, do="copy", folder=str(tmp_path), label="", project=one),
        ]
        assert all("Another project was opened" in answer.json()["problem"] for answer in late)
        assert counts(client) == {} and client.get("state").json()["adding"] is None


def test_a_folder_of_class_folders_is_used_in_place(tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "mine", each=2)
    before = below(folder)
    with studio_client(tmp_path / "one") as client:
        assert tell(client, do="open", folder=f' "{folder}" ').status_code == 200
        assert counts(client) == {"bar": 2, "frame": 2, "square": 2}
    assert below(folder) == before and (tmp_path / "mine-studio" / "runs").is_dir()


def test_a_folder_is_copied_by_a_job_as_one_step(tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "mine", each=2)
    (folder / "bar" / "note.doc").write_text("x")
    (folder / "loose.png").write_bytes(photo(900))
    with studio_client(tmp_path / "one") as client:
        assert client.get("state").json()["adding"] is None
        assert tell(client, do="copy", folder=str(folder), label="hat").status_code == 200
        wait_for(lambda: client.get("state").json()["adding"]["state"] == "done")
        assert counts(client) == {"bar": 2, "frame": 2, "hat": 1, "square": 2}
        assert client.get("state").json()["job"] is None
        answer = client.get("added").json()
        assert (answer["added"], [name for name, _ in answer["refused"]]) == (7, ["bar/note.doc"])
        edit(client, "undo")
        assert sum(counts(client).values()) == 0
    assert len(below(folder)) == 8


def test_a_copy_is_cancelled_and_what_is_there_is_one_step(tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "mine", each=100)
    with studio_client(tmp_path / "one") as client:
        tell(client, do="copy", folder=str(folder), label="")
        client.post("job", json={"do": "stop", "kind": "add"})
        wait_for(lambda: client.get("state").json()["adding"]["state"] in ("done", "stopped"))
        answer = client.get("added").json()
        assert answer["stopped"] and answer["added"] < 300
        edit(client, "undo")
        assert sum(counts(client).values()) == 0


def test_addresses_of_the_web_are_fetched_by_a_job(tmp_path: Path) -> None:
    with studio_client(tmp_path / "one") as client:
        asked = {"do": "start", "kind": "add", "addresses": "http://127.0.0.1:9/x.png\n\nnone", "label": "hat"}
        assert client.post("job", json=asked).status_code == 200
        wait_for(lambda: client.get("state").json()["adding"]["state"] == "done")
        answer = client.get("added").json()
        assert [name for name, _ in answer["refused"]] == ["http://127.0.0.1:9/x.png", "none"]
        assert "No photo came from 2 addresses" in answer["notes"][0] and not answer["stopped"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"do": "open"},
        {"do": "open", "folder": ""},
        {"do": "open", "folder": "mine"},
        {"do": "open", "folder": "/no/such/folder"},
        {"do": "copy", "folder": "/no/such/folder", "label": ""},
        {"do": "new", "name": "a/b"},
        {"do": "new", "name": "one"},
        {"do": "new", "name": ""},
    ],
)
def test_what_cannot_be_opened_is_refused_in_words(tmp_path: Path, given: dict[str, Any]) -> None:
    with studio_client(tmp_path / "one") as client:
        answer = tell(client, **given)
        assert answer.status_code == 400 and len(answer.json()["problem"].split(". ")) > 1
        assert client.get("state").json()["name"] == "one"


def test_folders_of_the_computer_are_not_named_to_the_network(tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "mine", each=2)
    with studio_client(tmp_path / "one", is_local=False) as client:
        for do in ("open", "copy"):
            answer = tell(client, do=do, folder=str(folder), label="")
            assert answer.status_code == 400 and "open to the network" in answer.json()["problem"]
        assert str(tmp_path) not in client.get("projects").text
        assert client.post("job", json={"do": "start", "kind": "add", "folder": str(folder)}).status_code == 400
        assert client.get("state").json()["adding"] is None
