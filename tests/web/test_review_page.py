"""The pages of corrections: visitors send them on the predict page, and a person decides on the review page."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import clothes
from clothes.photos.folders import OTHER
from clothes.system.checksums import add_checksum
from clothes.web import predict_page, rendering, review_page
from clothes.web.base_page import Page
from clothes.web.corrections import Inbox, Review, list_corrections, read_correction
from clothes.web.uploads import Uploads
from tests.support.commands import run_command
from tests.support.killed_corrections import ANSWER
from tests.support.photo_folders import below, rows
from tests.support.pictures import make_photos, photo
from tests.support.served_page import call_function, served


def test_the_answers_of_the_review_page(inbox: Inbox, tmp_path: Path) -> None:
    names = sorted(inbox.keep(photo(i), ANSWER, "bar") for i in range(15))
    (inbox.root / names[1] / "photo.png").write_bytes(b"torn")
    with (
        Review(inbox.root, tmp_path / "photos") as opened,
        served(review_page.build_page(opened)) as url,
        httpx.Client(base_url=url) as client,
    ):
        seen = call_function(client, "look", None).json()
        assert seen["left"] == 15
        assert [item["name"] for item in seen["waiting"]] == names[:12]
        assert seen["waiting"][0]["was"] == "The answer was hat, 70.0 % sure."
        assert seen["waiting"][0]["photo"].startswith("data:image/jpeg;base64,")
        assert "changed or damaged" in seen["waiting"][1]["problem"]
        yes = call_function(client, "decide", [names[0], True]).json()
        assert (yes["message"], yes["left"]) == ("Accepted: the next training uses it.", 14)
        no = call_function(client, "decide", [names[2], False]).json()
        assert (no["message"], no["left"]) == ("Refused: it is set aside.", 13)
        for wrong in ([names[0], True], ["../photos", False]):
            assert call_function(client, "decide", wrong).json()["problem"] == "Not done: it was decided on already."
        assert "changed or damaged" in call_function(client, "decide", [names[1], True]).json()["problem"]
        foreign = call_function(client, "decide", [names[3], True], origin="https://elsewhere.test")
        assert foreign.status_code == 403 and call_function(client, "look", None).json()["left"] == 13
    assert len(rows(tmp_path / "photos")) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_the_network_needs_a_password_to_review(inbox: Inbox, tmp_path: Path, host: str) -> None:
    with pytest.raises(clothes.ClothesError, match="--auth USER:PASSWORD"):
        review_page.launch(inbox.root, tmp_path / "photos", host=host)
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize("visitors", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_visitors_correct_at_the_same_time(inbox: Inbox, classifier: clothes.Classifier, visitors: int) -> None:
    page = predict_page.build_app(classifier, inbox=inbox)
    send = next(i for i, fn in page.fns.items() if fn.name == "keep_correction")
    with served(page) as url:

        def person(number: int) -> str:
            address = f"127.0.0.{number % 5 + 1}" if sys.platform == "linux" else None  # an address has half the queue
            way = httpx.HTTPTransport(local_address=address)
            with httpx.Client(base_url=url, timeout=60, transport=way) as client:
                files = {"files": ("a.png", photo(number))}
                path = client.post("gradio_api/upload", files=files).json()[0]
                data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, ("bar", "frame", OTHER)[number % 3]]
                body = {"data": data, "fn_index": send, "session_hash": f"s{number}"}
                client.post("gradio_api/queue/join", json=body).raise_for_status()
                with client.stream("GET", "gradio_api/queue/data", params={"session_hash": f"s{number}"}) as told:
                    return next(line for line in told.iter_lines() if "process_completed" in line)

        with ThreadPoolExecutor(visitors) as people:
            answers = list(people.map(person, range(visitors)))
        assert all("Thank you. The photo is kept as: " in answer for answer in answers), answers[0]
    found = [read_correction(inbox.root / name) for name in list_corrections(inbox.root)[0]]
    assert {item.photo for item in found} == {photo(number) for number in range(visitors)}
    for item in found:
        assert item.answer == classifier.predict(item.photo).label


def test_a_page_without_an_inbox_keeps_nothing(classifier: clothes.Classifier, inbox: Inbox, tmp_path: Path) -> None:
    assert "deleted within minutes." in rendering.model_html(classifier)
    assert "except those that you send with a correction" in rendering.model_html(classifier, collects=True)
    names = [fn.name for fn in predict_page.build_app(classifier).fns.values()]
    assert "keep_correction" not in names and "offer_correction" not in names
    answers = predict_page.Answers(classifier, inbox, Uploads(tmp_path))
    for upload, label, problem in ((None, "bar", "no photo"), ({"path": "x.png"}, None, "Choose first")):
        assert problem in answers.keep_correction(upload, label)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "--collect-corrections", "inbox"], "Next:  clothes corrections review inbox --into PHOTOS"),
        (["corrections", "review", "here", "--into", "a b"], "Next:  clothes split 'a b', then clothes train 'a b'"),
    ],
)
def test_ctrl_c_ends_the_command(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "here").mkdir()
    make_photos(tmp_path / "a b", each=1)
    running = subprocess.Popen(
        [sys.executable, "-m", "clothes", *arguments, "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert running.stdout
        url = running.stdout.readline().split()[5]
        assert httpx.get(url).status_code == 200
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=100)
    finally:
        running.kill()
    assert running.returncode == 0, errors
    assert errors.splitlines()[-1] == told


def test_the_commands_print_the_address_and_the_next_step(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
    kept, photos = tmp_path / "kept", make_photos(tmp_path / "photos", each=1)
    for words, told in (
        (["serve", "--model", bundle, "--collect-corrections", kept], f"clothes corrections review {kept} --into"),
        (["corrections", "review", kept, "--into", photos], f"clothes split {photos}, then clothes train {photos}"),
    ):
        result = run_command(*words, "--port", 0)
        assert result.status == 0 and "http://127.0.0.1:" in result.out, result.err
        assert result.err.splitlines()[-1].startswith(f"Next:  {told}")


def test_bad_corrections_leave_the_others_to_decide(inbox: Inbox, tmp_path: Path) -> None:
    names = sorted(inbox.keep(photo(i), ANSWER, "bar") for i in range(9))
    changes: list[Any] = [
        lambda info: info["answer"].update(confidence=float("nan")),
        lambda info: info["answer"].update(confidence=1e308),
        lambda info: info.update(label=["bar"]),
        lambda info: info.update(when=7),
        lambda info: info.update(files={"photo.png": "0" * 64}),
        lambda info: info.update(files={}),
        lambda info: info.clear(),
    ]
    for name, change in zip(names, changes, strict=False):
        path = inbox.root / name / "correction.json"
        info = json.loads(path.read_text())
        change(info)
        path.write_text(json.dumps(add_checksum(info)))
    (inbox.root / names[7] / "correction.json").write_text("[" * 100_000)
    (inbox.root / os.fsdecode(b"stray \xff\x1b.txt")).write_text("")
    with Review(inbox.root, tmp_path / "photos") as opened:
        answers = review_page.Answers(opened)
        seen = answers.look(None)
        assert seen["left"] == 9 and ["problem" in card for card in seen["waiting"]] == [True] * 8 + [False]
        assert seen["skipped"] == ["stray ??.txt: not a correction"]
        json.dumps(seen, allow_nan=False).encode()
        for name in names[:8]:
            assert "problem" in answers.decide([name, True])
            assert "problem" not in answers.decide([name, False])
        assert answers.decide([names[8], True])["left"] == 0
        shutil.rmtree(inbox.root)
        assert "cannot be read" in answers.look(None)["problem"]


def test_only_corrections_are_decided(inbox: Inbox, tmp_path: Path) -> None:
    name = inbox.keep(photo(0), ANSWER, "bar")
    elsewhere = "20260101-000000-0123456789abcdef"
    for folder in (inbox.root / "accepted", inbox.root / "mine", tmp_path / elsewhere):
        shutil.copytree(inbox.root / name, folder)
    (inbox.root / elsewhere).symlink_to(tmp_path / elsewhere)
    (inbox.root / elsewhere.replace("f", "0")).mkdir()
    assert list_corrections(inbox.root)[0] == [name]
    before = below(tmp_path)
    wrong = [
        "accepted",
        "mine",
        elsewhere,
        elsewhere.replace("f", "0"),
        f"../{elsewhere}",
        f"./{name}",
        f"{name}/",
        "",
        ".",
    ]
    with Review(inbox.root, tmp_path / "photos") as opened:
        for text in [*wrong, f"{name}\0", "x" * 9999, None, [name]]:
            for accepted in (True, False):
                assert "problem" in review_page.Answers(opened).decide([text, accepted]), text
    assert {path: data for path, data in below(tmp_path).items() if path != "photos/sources.csv"} == before


def test_an_upload_makes_one_correction_and_an_example_none(
    inbox: Inbox, classifier: clothes.Classifier, tmp_path: Path
) -> None:
    kept = Uploads(tmp_path)
    answers = predict_page.Answers(classifier, inbox, kept)
    path, example = kept.new_path("bar.png"), tmp_path / "example.png"
    for file in (path, example):
        file.write_bytes(photo(0))
    kept.keep(path)
    assert "Choose first" in answers.keep_correction({"path": str(path)}, "no such class")
    with ThreadPoolExecutor(8) as people:
        told = list(people.map(lambda _: answers.keep_correction({"path": str(path)}, "bar"), range(8)))
    assert sum("Thank you" in text for text in told) == sum("sent or deleted already" not in text for text in told) == 1
    for upload in ({"path": str(example)}, {"path": 7}, 7, [], {"path": None}, "bar.png"):
        assert "Thank you" not in answers.keep_correction(upload, "bar"), upload
    assert len(list_corrections(inbox.root)[0]) == 1
