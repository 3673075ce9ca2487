"""The program `clothes`: its commands and its errors."""

import os
import re
import sys
from io import StringIO, TextIOWrapper
from typing import Annotated, NoReturn

import typer

from clothes.cli.commands import (
    collection,
    demo,
    drive,
    evaluation,
    inference,
    outfit,
    photos,
    prediction,
    report,
    studio,
    training,
    web,
)
from clothes.cli.launcher import end_worker
from clothes.cli.options import missing_package
from clothes.cli.output import note, show
from clothes.errors import ClothesError
from clothes.system.files import DISK_ERRORS
from clothes.system.version import __version__
from clothes.training.workers.place import INDEX

app = typer.Typer(
    name="clothes",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order of --help:
_GROUPS = (
    *(studio, demo, collection, photos, training, evaluation),
    *(report, prediction, outfit, inference, web, drive),
)
for group in _GROUPS:
    app.add_typer(group.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        show(f"clothes {__version__}")
        raise typer.Exit


@app.callback()
def clothes(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a pile of photos of clothes to a recogniser you can trust.

    Start with: clothes studio, a page for the whole way. The other commands do its steps one by one.
    """


def main() -> NoReturn:
    """Runs the program. Exit status: 0 success, 1 error, 2 wrong usage, 130 or 143 stopped by a signal."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by a shell or service: a photo would get its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # file names may hold characters that the terminal cannot show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        if "" in sys.argv[1:]:  # it would be the current folder
            raise typer.BadParameter("an argument is empty. Has a variable of the shell no value?")
        result = app(prog_name="clothes", standalone_mode=False)
        status = result if isinstance(result, int) else 0
        if status == 130:  # Typer caught the Ctrl-C
            note("Stopped.")
    except (typer.Abort, KeyboardInterrupt) as stopped:
        note("Stopped.")
        status = getattr(stopped, "status", 130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output has ended, as in `clothes predict ... | head`
        status = 0
    except Exception as error:
        status = _note_error(error)
    if os.environ.get(INDEX):
        end_worker(status)
    sys.exit(status)


def _note_error(error: Exception) -> int:
    """Notes an error of the user or the system and returns the exit status. Raises errors of the program again."""
    if isinstance(error, ModuleNotFoundError):
        error = missing_package(error, "This command")
    if isinstance(error, ClothesError):
        note(f"Error: {error}")
        return 1
    if isinstance(error, OSError):
        advice = " Check its permissions, and the room on its disk." if error.errno in DISK_ERRORS else ""
        advice = " Name another folder." if isinstance(error, FileExistsError) else advice
        note((f"Error: {error.filename}: {error.strerror}." if error.filename else f"Error: {error}.") + advice)
        return 1
    if show_usage := getattr(error, "show", None):  # Typer's errors of usage
        text = StringIO()
        show_usage(file=text)
        note(*_in_words(text.getvalue()).splitlines())
        return getattr(error, "exit_code", 2)
    raise error


def _in_words(usage: str) -> str:
    """An error of usage without the phrases of the library that reads the values."""
    usage = re.sub(r"Value error, |, unable to parse .*", "", usage)
    return usage.replace("Input should be", "must be").replace("\t", "    ")
