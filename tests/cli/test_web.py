"""The options of `clothes serve`, `collect camera` and `corrections review`."""

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="pages need the extra 'serve'")

from tests.support.commands import run_command

PAGES = [
    ("predict_page", ("serve", "--port", 0)),
    ("camera_page", ("collect", "camera", "--into", "photos")),
    ("review_page", ("corrections", "review", "inbox", "--into", "photos")),
]


@pytest.mark.parametrize(("page", "words"), PAGES)
def test_the_password_may_come_from_the_environment(
    page: str, words: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of processes shows --auth to everyone on the machine."""
    opened: list[dict[str, Any]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"clothes.web.{page}.launch", lambda *given, **options: opened.append(options))
    for password in ("secret", "with:colon"):
        monkeypatch.setenv("CLOTHES_AUTH", f"me:{password}")
        shown = run_command(*words)
        assert shown.status == 0, shown.err
        assert "secret" not in shown.out + shown.err
        assert opened[-1]["auth"] == ("me", password)
        assert "CLOTHES_AUTH" not in os.environ  # child processes do not get it
    assert run_command(*words, "--auth", "you:there").status == 0
    assert opened[-1]["auth"] == ("you", "there")
    assert run_command(*words).status == 0
    assert opened[-1]["auth"] is None
    assert "Next:" not in shown.err  # nothing was collected
    monkeypatch.setenv("CLOTHES_AUTH", " me :secret")
    assert run_command(*words).status == 0
    assert opened.pop()["auth"] == ("me", "secret")  # Gradio takes no spaces around a typed name
    for wrong in ("nobody", ":secret", "me:", " :secret", "me:\udce4", "me:a\tb"):
        monkeypatch.setenv("CLOTHES_AUTH", wrong)
        shown = run_command(*words)
        assert shown.status == 2 and "CLOTHES_AUTH: must look like USER:PASSWORD" in shown.err
    assert len(opened) == 4


@pytest.mark.parametrize(("page", "words"), PAGES[1:])
def test_the_next_command_follows_photos(
    page: str, words: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "hat").mkdir(parents=True)
    (tmp_path / "photos" / "hat" / "1.png").touch()
    monkeypatch.setattr(f"clothes.web.{page}.launch", lambda *given, **options: None)
    assert "Next:  clothes " in run_command(*words).err
