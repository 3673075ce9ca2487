"""Writes docs/commands.md from the help texts of all commands; tests/test_docs.py checks that it is up to date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from clothes.cli.main import app


def command_names(command: Any, name: str = "") -> Iterator[str]:
    """The names of all commands below this one, such as "collect folder"."""
    for word, below in getattr(command, "commands", {}).items():
        yield from command_names(below, f"{name} {word}".strip())
    if name and not hasattr(command, "commands"):
        yield name


def commands_page() -> str:
    """The page: one section for each command."""
    parts = ["# Commands\n", "Made from the help texts by `uv run python docs/make_commands.py`.\n"]
    for name in command_names(typer.main.get_command(app)):
        text = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="clothes", terminal_width=80).stdout
        parts.append(f"## clothes {name}\n\n```\n{text.strip()}\n```\n")
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "commands.md").write_text(commands_page(), encoding="utf-8")
