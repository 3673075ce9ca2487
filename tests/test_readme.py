"""What the documents say is what the program does."""

import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "README.md").exists():
    pytest.skip("not in a checkout", allow_module_level=True)
sys.path.insert(0, str(ROOT / "docs"))

from make_commands import COMMANDS, commands_page

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_commands_page_is_what_help_says() -> None:
    # Word by word: where lines break is Typer's to change.
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").split() == commands_page().split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_shown_can_be_parsed(document: Path) -> None:
    """Each `clothes ...` line of a shell block is given to the parser, with its options."""
    import typer

    from clothes.cli import app

    group = typer.main.get_command(app)
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        found = re.search(r"(?:uv run )?\bclothes (\w.*)", line.split("#")[0])
        name = next((name for name in COMMANDS if found and f"{found[1]} ".startswith(f"{name} ")), None)
        if not found or name is None:
            continue
        command = group
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        command.make_context(name, shlex.split(found[1].removeprefix(name)), resilient_parsing=False).close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_picture_is_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_the_python_of_the_readme_runs(run: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's Python, on small photos and with the small network."""
    import clothes
    from tests.conftest import SMALL, draw, make_photos

    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=12)
    draw("bar", 5).save(tmp_path / "shirt.jpg")
    monkeypatch.setattr(clothes.Config, "for_photos", classmethod(lambda cls, side, **about: SMALL))
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    exec(code[0], {})
    assert (tmp_path / "runs" / "first" / "evaluation.json").exists()
