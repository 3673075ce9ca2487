"""What several commands share: arguments, options, stdin, and the packages they need."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from clothes.errors import EXTRAS, ClothesError, ConfigError, MissingExtraError, PhotosError
from clothes.system.csv_files import read_lines
from clothes.system.terminal_text import quote

T = TypeVar("T", str, Path)


def photos_of(folder: T, advice: str = "") -> T:
    """Returns the folder. Raises PhotosError for a run or a bundle, whose plots and split are no photos."""
    if any(os.path.lexists(os.path.join(folder, name)) for name in ("run.json", "bundle.json")):  # noqa: PTH118
        raise PhotosError(f"{folder} is a model, not a folder of photos.{advice or ' Name the photos.'}")
    return folder


def _unpacked(folder: Path) -> Path:
    """Returns the folder. Raises PhotosError for a zip file, with the command that unpacks it."""
    if folder.suffix.lower() == ".zip" and os.path.isfile(folder):  # noqa: PTH113 - Path's raises in a locked folder
        unpack = f"clothes collect folder {quote(folder)} --into photos"
        raise PhotosError(f"{folder} is a zip file. Make a folder of class folders of it: {unpack}")
    return folder


PhotosFolder = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTOS",
        callback=lambda folder: photos_of(_unpacked(folder)),
        help="A folder with one folder of photos per class.",
    ),
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle or a run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
ModelOption = Annotated[
    Path | None,
    typer.Option("--model", metavar="BUNDLE", help="A bundle or a run folder. [default: the bundled model]"),
]
Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="The address to listen on; 0.0.0.0 opens the page to the network.")
]
Port = Annotated[
    int, typer.Option(metavar="PORT", min=0, max=65535, help="The port to listen on; 0 chooses a free one.")
]
Auth = Annotated[
    str | None,
    typer.Option(
        metavar="USER:PASSWORD",
        envvar="CLOTHES_AUTH",
        help="Ask visitors for a user and a password. The environment variable hides it from the list of processes.",
    ),
]

Certificate = Annotated[
    Path | None,
    typer.Option("--ssl-certfile", metavar="CERT.pem", help="Certificate for https; needs --ssl-keyfile."),
]
CertificateKey = Annotated[Path | None, typer.Option("--ssl-keyfile", metavar="KEY.pem", help="Its private key.")]

_OPTIONS = {"architecture": "--model", "image_size": "--image-size", "weights": "--weights", "epochs": "--epochs"}


def certificate_files(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """The files for https, or None. Raises BadParameter if one is missing."""
    if (certificate is None) != (key is None):
        raise typer.BadParameter("need each other", param_hint="--ssl-certfile and --ssl-keyfile")
    return (certificate, key) if certificate and key else None


def user_and_password(auth: str | None) -> tuple[str, str] | None:
    """The two parts of --auth or CLOTHES_AUTH. Raises BadParameter if one is missing."""
    os.environ.pop("CLOTHES_AUTH", None)  # child processes need no password
    if auth is None:
        return None
    user, _, password = auth.partition(":")
    user = user.strip()  # as Gradio does with what is typed
    if not (user and password and auth.isprintable()):
        problem = "must look like USER:PASSWORD, all in characters that can be typed"
        raise typer.BadParameter(problem, param_hint="--auth or CLOTHES_AUTH")
    return user, password


@contextmanager
def options_in_errors() -> Iterator[None]:
    """Names the option in the ConfigError of a setting that it gave, such as --model for `architecture`."""
    try:
        yield
    except ConfigError as error:
        setting, _, problem = str(error).removeprefix("config: ").partition(" ")
        if option := _OPTIONS.get(setting):
            raise ConfigError(f"{option} {problem}") from None
        raise


def read_list(path: Path) -> list[str]:
    """The lines of a file, or of stdin for -: names or addresses from any system. Raises PhotosError."""
    try:
        return read_lines(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except ValueError as error:
        raise PhotosError(f"{path} is no list: {error}. Name a file with one name or address per line.") from None


def require(what: str, *extras: str) -> None:
    """Raises MissingExtraError if a package of these extras is not installed. Imports none of them."""
    for module, extra in EXTRAS.items():
        if extra in extras and find_spec(module) is None:
            raise MissingExtraError(extra, what)


def missing_package(error: ModuleNotFoundError, what: str) -> ClothesError:
    """The error to show for a failed import. Raises the failure again if the module is one of clothes."""
    module = (error.name or "clothes").partition(".")[0]
    if module == "clothes":
        raise error
    if module in EXTRAS:
        return MissingExtraError(EXTRAS[module], what)
    return ClothesError(f"{what} needs the package {module}, which is not installed. Install it: pip install {module}")
