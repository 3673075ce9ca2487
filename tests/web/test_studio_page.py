"""The studio's routes, without a browser."""

import io
import socket
import zipfile
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from clothes.errors import ClothesError
from clothes.studio.filling import filling
from clothes.studio.project import Project
from clothes.web.allowed_routes import STUDIO_ROUTES
from clothes.web.studio_next import done_steps, next_step
from clothes.web.studio_page import MAX_MEGABYTES, launch
from tests.support.commands import run_command
from tests.support.pictures import draw, encode, make_photos, photo
from tests.support.served_page import served_camera
from tests.support.studio_page import counts, edit, ids, served_studio, studio_client, upload
from tests.support.waiting import wait_for

LOCATED = Image.Exif()
LOCATED[0x010E] = "at home"


def made_zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, photo(number))
    return file.getvalue()


def test_a_new_project_says_what_to_do_first(tmp_path: Path) -> None:
    with studio_client(tmp_path / "mine") as client:
        state = client.get("state").json()
        assert (state["name"], state["next"], state["done"]) == ("mine", "add", [])
        assert (state["classes"], state["runs"], state["job"]) == ([], [], None)
        assert {path.name for path in (tmp_path / "mine").iterdir()} >= {"photos", "unsorted", "runs"}


def test_photos_are_added_refused_moved_and_undone(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        assert upload(client, "a.png", photo(1), "hat").json() == {"added": 1, "already": 0, "refused": [], "notes": []}
        assert upload(client, "b.png", photo(1), "hat").json()["already"] == 1
        refused = upload(client, "notes.txt", b"no photo", "hat").json()
        assert refused["added"] == 0 and refused["refused"][0][0] == "notes.txt" and refused["refused"][0][1]
        upload(client, "c.png", photo(2))
        assert counts(client) == {"hat": 1, "": 1}
        assert client.get("state").json()["next"] == "sort"

        version = client.get("state").json()["version"]
        answer = edit(client, "move", ids=ids(client), label="jacket").json()
        assert "jacket" in answer["message"] and counts(client) == {"hat": 1, "jacket": 1}
        state = client.get("state").json()
        assert state["version"] != version and state["undo"] and state["next"] == "train"
        assert "jacket" in edit(client, "undo").json()["message"]
        assert counts(client) == {"hat": 1, "": 1} and client.get("state").json()["redo"]
        edit(client, "redo")
        assert counts(client) == {"hat": 1, "jacket": 1}
        assert "unsorted" in edit(client, "move", ids=ids(client, "hat"), label="").json()["message"]
        assert counts(client) == {"": 1, "hat": 0, "jacket": 1}
        edit(client, "undo")
        assert counts(client) == {"hat": 1, "jacket": 1}


def test_a_zip_sorts_itself_and_is_one_step(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        names = ("all/hat/1.png", "all/hat/2.png", "all/jacket/3.png", "all/jacket/4.txt")
        answer = upload(client, "photos.zip", made_zip(*names), batch="zip").json()
        assert answer["added"] == 3 and [name for name, _ in answer["refused"]] == ["all/jacket/4.txt"]
        assert counts(client) == {"hat": 2, "jacket": 1}
        edit(client, "undo")
        assert sum(counts(client).values()) == 0
        assert upload(client, "photos.zip", b"no zip", batch="zip").json()["problem"]


def test_a_table_of_people_is_taken_and_told_at_the_check(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=4)
    names = [path.relative_to(tmp_path / "photos").as_posix() for path in (tmp_path / "photos").glob("*/*")]
    table = "\n".join(["photo,person", *(f"{name},{number % 6}" for number, name in enumerate(sorted(names)))])
    with studio_client(tmp_path) as client:
        answer = upload(client, "people.csv", table.encode()).json()
        assert answer["told"] == ["6 groups in people.csv: photos of a group stay in one part."]
        wait_for(lambda: client.get("check").json()["job"]["state"] == "done")
        checked = client.get("check").json()
        assert checked["split"]["groups"] and "to learn" in checked["split"]["words"]
        assert upload(client, "people.csv", b"a,b\n").status_code == 400
        assert checked["has_table"] and "forgotten" in edit(client, "forget_groups").json()["message"]
        later = client.get("check").json()
        assert (later["has_table"], later["split"]) == (False, None)
        assert "no groups" in edit(client, "forget_groups").json()["message"]
        version = client.get("state").json()["version"]
        assert client.get("state").json()["undo"] == "Groups of the table forgotten"
    with studio_client(tmp_path) as client:  # another start
        edit(client, "undo")
        again = client.get("check").json()
        assert (again["has_table"], again["split"]) == (True, checked["split"])
        assert client.get("state").json()["version"] != version
        assert edit(client, "undo").json()["message"] == "Undone: Groups of people.csv taken."
        assert not client.get("check").json()["has_table"]


def test_frames_of_a_burst_are_one_garment(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        for number in range(3):
            upload(client, f"{number}.png", photo(number), "hat", burst="7")
        upload(client, "other.png", photo(9), "hat")
        assert client.get("state").json()["classes"] == [{"name": "hat", "photos": 4, "garments": 2}]


def test_classes_are_made_renamed_merged_and_removed(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        for number, label in enumerate(("hat", "cap", "shoe")):
            upload(client, "a.png", photo(number), label)
        edit(client, "add_class", label="dress")
        edit(client, "rename_class", old="shoe", new="boot")
        edit(client, "merge_classes", label="cap", into="hat")
        assert counts(client) == {"boot": 1, "dress": 0, "hat": 2}
        edit(client, "remove_class", label="boot")
        edit(client, "remove", ids=ids(client, "hat")[:1])
        assert counts(client) == {"dress": 0, "hat": 1}
        assert len(list((tmp_path / ".studio" / "trash").rglob("*.png"))) == 2
        answer = edit(client, "rename_class", old="hat", new="a/b")
        assert answer.status_code == 400 and "a/b" in answer.json()["problem"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"do": "explode"},
        {"do": "move", "ids": "photos/hat/1.png", "label": "hat"},
        {"do": "move", "ids": [["x"]], "label": "hat"},
        {"do": "move", "label": "hat"},
        {"do": "sort", "photos": [1]},
        {"do": "move", "ids": ["photos/../../secret.png"], "label": "hat"},
        [1],
    ],
)
def test_odd_edits_are_refused_in_words(tmp_path: Path, given: Any) -> None:
    (tmp_path / "secret.png").write_bytes(photo(1))
    with studio_client(tmp_path / "project") as client:
        answer = client.post("edit", json=given)
        assert answer.status_code == 400 and answer.json()["problem"]
    assert (tmp_path / "secret.png").exists()


@pytest.mark.parametrize(
    "given", [{}, {"do": "start", "kind": "format"}, {"do": "start", "kind": "test", "run": "../x"}]
)
def test_odd_jobs_are_refused_in_words(tmp_path: Path, given: Any) -> None:
    with studio_client(tmp_path) as client:
        answer = client.post("job", json=given)
        assert answer.status_code == 400 and answer.json()["problem"]
        assert client.get("state").json()["job"] is None


def test_the_state_tells_that_photos_are_being_added_and_no_training_begins(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        assert not client.get("state").json()["filling"]
        with filling(Project.open(tmp_path)):
            assert client.get("state").json()["filling"]
            answer = client.post("job", json={"do": "start", "kind": "train", "how": "quick"})
        assert answer.status_code == 400 and "Photos are still being added" in answer.json()["problem"]
        assert client.get("state").json()["job"] is None


def test_thumbnails_carry_no_place_and_cannot_act(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        upload(client, "a.jpg", encode(draw("bar", 7, size=(400, 300)), "JPEG", exif=LOCATED), "hat")
        answer = client.get(f"thumbnail/{ids(client, 'hat')[0]}")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.format, max(picture.size), dict(picture.getexif())) == ("JPEG", 160, {})
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox")
        assert answer.headers["cache-control"] == "private, max-age=600"


def test_layers_are_shown_while_others_are_answered_and_nothing_is_kept(tmp_path: Path) -> None:
    from clothes.web import PAGE_FOLDER

    asked = encode(draw("bar", 7, size=(400, 300)), "JPEG", exif=LOCATED)
    with studio_client(tmp_path) as client, ThreadPoolExecutor() as others:
        before = client.post("predict", content=asked).json()
        answers = [others.submit(client.post, "predict", content=asked) for _ in range(4)]
        shown = client.post("layers", content=asked).json()
        assert [answer.result().json() for answer in answers] == [before] * 4
        sizes = [stage["maps"] for stage in shown["stages"]]
        assert sizes == [[96, 112, 112], [144, 56, 56], [240, 28, 28], [672, 14, 14], [1280, 7, 7], [1, 36, 36]]
        for picture in (shown["picture"], *(stage["picture"] for stage in shown["stages"])):
            with Image.open(io.BytesIO(b64decode(picture.partition(",")[2]))) as opened:
                assert (opened.format, dict(opened.getexif())) == ("JPEG", {})
        assert all(stage["text"].endswith(".") for stage in shown["stages"])
        refused = client.post("layers", content=b"no photo")
        assert refused.status_code == 400 and "not a picture" in refused.json()["problem"]
        assert not list(PAGE_FOLDER.rglob("file"))


@pytest.mark.parametrize(
    "path",
    [
        "thumbnail/photos/..%2f..%2fsecret.png",
        "thumbnail/%2fetc/passwd",
        "thumbnail/.studio/project.json",
        "heatmap/photos/..%2f..%2fsecret.png?run=x",
        "download/..%2f..%2fsecret/bundle",
        "download/run/..%2fbundle",
        "report/..",
        "report/none",
        "result/..",
    ],
)
def test_no_path_leaves_the_project(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.png").write_bytes(photo(1))
    with studio_client(tmp_path / "project") as client:
        answer = client.get(path)
        assert answer.status_code in (400, 404) and "image" not in answer.headers["content-type"]


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    from clothes.web import PAGE_FOLDER

    with studio_client(tmp_path) as client:
        answer = upload(client, "a.png", bytes(MAX_MEGABYTES * 1_000_000 + 1), "hat")
        assert answer.status_code == 413 and f"{MAX_MEGABYTES} MB" in answer.json()["problem"]
        assert not list(PAGE_FOLDER.rglob("file"))
        assert counts(client) == {}


def test_other_websites_may_use_nothing(tmp_path: Path) -> None:
    with studio_client(tmp_path) as client:
        foreign = ({"origin": "https://elsewhere.test"}, {"sec-fetch-site": "cross-site"}, {"host": "elsewhere.test"})
        for headers in foreign:
            assert client.get("state", headers=headers).status_code == 403
            assert client.post("edit", json={"do": "add_class", "label": "x"}, headers=headers).status_code == 403
            query = {"name": "a.png", "batch": "one"}
            assert client.post("upload", params=query, content=photo(1), headers=headers).status_code == 403
        assert counts(client) == {}


def test_all_routes_need_the_password(tmp_path: Path) -> None:
    with served_studio(tmp_path, auth=("me", "right")) as url, httpx.Client(base_url=url) as client:
        for route in STUDIO_ROUTES:
            path = route.path.replace("{path}", "photos/hat/1.png").replace("{file}", "run")
            assert client.request(route.method, path, json={}).status_code == 401, path
        client.post("login", data={"username": "me", "password": "right"})
        assert client.get("studio/state").status_code == 200
        assert client.post("studio/edit", json={"do": "add_class", "label": "hat"}).status_code == 200


def test_other_pages_have_no_studio(tmp_path: Path) -> None:
    with served_camera(tmp_path) as url:
        assert httpx.get(f"{url}studio/state").status_code == 404


def test_the_network_needs_a_password_and_https_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ClothesError, match="--auth USER:PASSWORD"):
        launch(tmp_path / "new", host="0.0.0.0", port=0)
    for more, status in (
        (["--ssl-certfile", "c.pem"], 2),
        (["--ssl-certfile", "c.pem", "--ssl-keyfile", "k.pem"], 1),
    ):
        result = run_command("studio", tmp_path / "new", "--port", 0, *more)
        assert (result.status, "Traceback" in result.err) == (status, False), more
        assert "--ssl-keyfile" in result.err
    assert not (tmp_path / "new").exists()


def test_a_taken_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run_command("studio", tmp_path / "new", "--port", taken.getsockname()[1])
        port = taken.getsockname()[1]
    assert result.status == 1 and f"Port {port} is taken" in result.err
    for words in (f"http://127.0.0.1:{port}", "Nothing was changed", "--port 0"):
        assert words in " ".join(result.err.split()), words
    assert not (tmp_path / "new" / "photos").exists() or not any((tmp_path / "new" / "photos").iterdir())


def test_the_command_says_what_it_does() -> None:
    done = run_command("studio", "--help")
    assert done.status == 0 and "from photos to a tested recogniser" in done.out


def run(**more: Any) -> dict[str, Any]:
    return {"run": "one", "has_model": True, "test": None, "has_report": False} | more


def job(state: str, *offers: str) -> dict[str, Any]:
    return {"state": state, "run": "one", "offers": offers}


@pytest.mark.parametrize(
    ("photos", "unsorted", "job", "runs", "expected"),
    [
        ([], 0, None, [], ("add", None)),
        ([0, 0], 0, None, [], ("add", None)),
        ([3], 0, None, [], ("second", None)),
        ([3], 5, None, [], ("sort", None)),
        ([3, 3], 5, None, [], ("train", None)),
        ([3, 3], 0, job("running", "stop"), [], ("wait", "one")),
        ([3, 3], 0, job("died", "go on", "again"), [], ("goOn", "one")),
        ([3, 3], 0, job("failed", "again"), [], ("train", None)),
        ([3, 3], 0, job("done"), [run()], ("test", "one")),
        ([3, 3], 0, job("stopped", "go on"), [run(has_model=False), run(run="two")], ("test", "two")),
        ([3, 3], 0, None, [run(test={"accuracy": 1})], ("improve", "one")),
    ],
)
def test_the_next_step(photos: list[int], unsorted: int, job: Any, runs: Any, expected: tuple[str, str | None]) -> None:
    counts = {"classes": [{"photos": number} for number in photos], "unsorted": unsorted}
    assert next_step(counts, job, runs) == expected


def test_the_stations_that_are_done() -> None:
    counts = {"classes": [{"photos": 1}, {"photos": 2}]}
    assert done_steps(counts, [run()], False) == ["photos", "train"]
    assert done_steps({"classes": []}, [run(test={}, has_report=True)], True) == ["check", "train", "improve"]
