"""What the documents say is what the program does."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "README.md").exists():
    pytest.skip("not in a checkout", allow_module_level=True)
sys.path.insert(0, str(ROOT / "docs"))

from make_commands import commands_page

from tests.support.commands import parse_line

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_commands_page_is_what_help_says() -> None:
    # Word by word: where lines break is Typer's to change.
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").split() == commands_page().split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_shown_can_be_parsed(document: Path) -> None:
    """Each `clothes ...` line of a shell block."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        parse_line(line)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_and_picture_is_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_every_python_file_that_a_document_names_is_there() -> None:
    for document in {*DOCUMENTS, *(ROOT / "benchmarks").glob("*.md")} - {ROOT / "CHANGELOG.md"}:
        for name in re.findall(r"\b((?:[a-z\d_-]+/)+[a-z\d_]+\.py)\b", document.read_text(encoding="utf-8")):
            assert any((ROOT / folder / name).exists() for folder in ("", "clothes", "tests")), f"{document}: {name}"


def test_the_threat_model_names_existing_tests() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8"))
    assert len(named) > 50
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{name}"


def test_the_python_of_the_readme_runs(run: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's Python, on small photos and with the small network."""
    import clothes
    from tests.support.pictures import SMALL, draw, make_photos

    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=12)
    draw("bar", 5).save(tmp_path / "shirt.jpg")
    monkeypatch.setattr(clothes.Config, "for_photos", classmethod(lambda cls, side, **about: SMALL))
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    exec(code[0], {})
    assert (tmp_path / "runs" / "first" / "evaluation.json").exists()
