"""Arguments and options that several commands share."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

PhotosFolder = Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder with one folder of photos per class.")]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle or a run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
ModelOption = Annotated[
    Path | None,
    typer.Option("--model", metavar="BUNDLE", help="A bundle or a run folder. [default: the bundled model]"),
]
Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 opens the page to the network.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 chooses a free one.")]
Auth = Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Ask visitors for a user and a password.")]


def user_and_password(auth: str | None) -> tuple[str, str] | None:
    """The two parts of --auth. Raises BadParameter if one is missing."""
    if auth is None:
        return None
    user, _, password = auth.partition(":")
    if not (user and password):
        raise typer.BadParameter("must look like USER:PASSWORD", param_hint="--auth")
    return user, password


def read_names() -> list[str]:
    """The lines of stdin as file names; bytes that are not UTF-8 are kept."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
