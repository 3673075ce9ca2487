"""Runs a command of `clothes` in this process."""

import contextlib
import io
import re
import shlex
import sys
from dataclasses import dataclass
from unittest import mock

import typer

from clothes.cli.main import app, main


@dataclass(frozen=True)
class Result:
    """The exit status of a command and what it wrote."""

    status: int
    out: str
    err: str


def run_command(*words: object, stdin: str | bytes = "") -> Result:
    """The result of `clothes WORDS`, as a shell would see it.

    Does not show what a real process adds: its imports, signals and file descriptors. Tests of those start a process.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    data = stdin.encode() if isinstance(stdin, str) else stdin
    given = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    with (
        mock.patch.object(sys, "argv", ["clothes", *map(str, words)]),
        mock.patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
    texts = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]  # type: ignore[attr-defined]
    return Result(status, *texts)


def parse_line(line: str) -> bool:
    """Parses a line `clothes ...` with its options. Returns False if it is none. Raises for wrong usage."""
    found = re.search(r"\bclothes ([a-z]+ .*)", line.split("#")[0])
    words = shlex.split(found[1]) if found else []
    command, name = typer.main.get_command(app), ""
    while words and words[0] in getattr(command, "commands", {}):
        name = words.pop(0)
        command = command.commands[name]  # type: ignore[attr-defined]
    if not name:
        return False
    command.make_context(name, words, resilient_parsing=False).close()
    return True
