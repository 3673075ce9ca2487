"""Writes docs/commands.md from `--help`; tests/test_docs.py holds the two equal."""

import os
import subprocess
import sys
from pathlib import Path

COMMANDS = (
    "demo",
    "data",
    "collect folder",
    "collect urls",
    "collect web",
    "collect camera",
    "check",
    "split",
    "tune",
    "train",
    "evaluate",
    "predict",
    "info",
    "serve",
    "corrections review",
    "plot",
    "report",
    "look",
    "verify",
    "export",
    "compare",
    "drive push",
    "drive pull",
)


def commands_page() -> str:
    parts = ["# The commands\n", "Made from `--help` by `uv run python docs/make_commands.py`.\n"]
    for name in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "clothes", *name.split(), "--help"],
            env=os.environ | {"COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=True,
        )
        text = "\n".join(line.rstrip() for line in done.stdout.replace("python -m clothes", "clothes").splitlines())
        parts.append(f"## clothes {name}\n\n```\n{text.strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (Path(__file__).parent / "commands.md").write_text(commands_page(), encoding="utf-8")
