"""`clothes collect` and `clothes data`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clothes.cli.options import (
    AsJson,
    Auth,
    Certificate,
    CertificateKey,
    Host,
    Port,
    certificate_files,
    read_list,
    require,
    user_and_password,
)
from clothes.cli.output import note, show, show_address, show_result, show_table
from clothes.cli.progress import progress_bars
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.collection.collect import Collected
    from clothes.collection.http_client import Fetcher

app = typer.Typer(rich_markup_mode=None)
collect_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Bring photos into class folders and record their origin.

    PHOTOS/sources.csv lists where each photo comes from.

    Example: clothes collect folder DCIM --class jacket --into photos
    """,
)

_REFUSED_SHOWN = 10

Into = Annotated[
    Path, typer.Option("--into", metavar="PHOTOS", help="The folder of the class folders; made if missing.")
]
ClassName = Annotated[str, typer.Option("--class", metavar="NAME", help="The class of these photos.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Also download from this machine and its own network.")
]


@collect_app.command()
def folder(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder of class folders, of photos, or a zip file.")],
    into: Into,
    label: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="One class for all photos. [default: the folders' names]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the photos of a folder, a phone or a zip file.

    Nothing is overwritten, and each photo is stored once.

    Example: clothes collect folder DCIM.zip --class jacket --into photos
    """
    from clothes.collection.collect import collect_folder

    with progress_bars() as bars:
        result = collect_folder(source, into=into, label=label, progress=bars.show)
    _print_collected(result, as_json)


@collect_app.command()
def urls(
    addresses: Annotated[
        Path, typer.Argument(metavar="LIST", help="A file with one web address per line; - is stdin.")
    ],
    label: ClassName,
    into: Into,
    allow_private: AllowPrivate = False,
    as_json: AsJson = False,
) -> None:
    """Download photos from a list of web addresses.

    Example: clothes collect urls jackets.txt --class jacket --into photos
    """
    from clothes.collection.collect import collect_urls

    lines = read_list(addresses)
    with progress_bars() as bars:
        result = collect_urls(lines, into=into, label=label, fetcher=_fetcher(allow_private), progress=bars.show)
    _print_collected(result, as_json)


@collect_app.command()
def web(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What the photos show.")],
    label: ClassName,
    into: Into,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="Number of photos, at most 240.")] = 100,
    allow_private: AllowPrivate = False,
    as_json: AsJson = False,
) -> None:
    """Download openly licensed photos that Openverse finds.

    sources.csv keeps the licence and the author of each photo. Look through the photos and remove wrong ones: the same
    command does not download removed photos again.

    Example: clothes collect web "denim jacket" --class jacket --count 100 --into photos
    """
    from clothes.collection.collect import collect_web

    with progress_bars() as bars:
        fetcher = _fetcher(allow_private)
        result = collect_web(words, into=into, label=label, count=count, fetcher=fetcher, progress=bars.show)
    if (found := sum(result.new.values()) + sum(result.already.values())) < count:
        note(f"Openverse has no more: {found} of {count}. Try other words.")
    _print_collected(result, as_json)


def _fetcher(allow_private: bool) -> "Fetcher":
    from clothes.collection.http_client import Fetcher

    return Fetcher(inside=None) if allow_private else Fetcher()


def _print_collected(result: "Collected", as_json: bool) -> None:
    show_result(result, render_collected, as_json)
    if not (result.new or result.already or result.refused):
        note("No photo was found there, and nothing else. Check what you named.")
    if not (result.new or result.already):
        raise typer.Exit(1)


def render_collected(result: "Collected") -> None:
    names = sorted({*result.new, *result.already})
    rows = [[name, result.new.get(name, 0), result.already.get(name, 0)] for name in names]
    rows.append(["all", sum(result.new.values()), sum(result.already.values())])
    show_table(["class", "new", "already there"], rows)
    if result.refused:
        show("", f"{len(result.refused):,} refused:")
    show(*(f"    {item.path}: {item.reason}" for item in result.refused[:_REFUSED_SHOWN]))
    if (more := len(result.refused) - _REFUSED_SHOWN) > 0:
        show(f"    ... and {more:,} more: --json lists all")
    note(*result.notes)
    if result.new or result.already:
        note(f"Next:  clothes check {quote(result.root)}")


@collect_app.command()
def camera(
    into: Into,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
    certificate: Certificate = None,
    key: CertificateKey = None,
) -> None:
    """Open a page that takes photos with the camera.

    The last photo can be undone. To use a phone, open the page to the network, which needs a password. Browsers allow
    live cameras on https pages and on pages of the same machine only; over plain http a phone takes each photo with
    its camera app.

    Example: clothes collect camera --into photos --host 0.0.0.0 --auth me:secret
    """
    require("The camera page", "serve")
    credentials = user_and_password(auth)
    files = certificate_files(certificate, key)
    from clothes.web.camera_page import launch
    from clothes.web.server import address_for_others

    def on_ready(url: str) -> None:
        show_address(url)
        if host == "0.0.0.0":  # noqa: S104 - asked for
            note(f"From a phone: {address_for_others(url)}")

    launch(
        into,
        host=host,
        port=port,
        auth=credentials,
        certificate=files,
        on_ready=on_ready,
    )
    if any(into.glob("*/*")):  # a photo was taken
        note(f"Next:  clothes check {quote(into)}")


@app.command()
def data(
    name: Annotated[Literal["fashion-mnist", "clothing-small"], typer.Argument(metavar="NAME", help="The data set.")],
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to make. [default: data/NAME]")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="Read a local copy, download nothing.")
    ] = None,
) -> None:
    """Get a public data set as class folders.

    Example: clothes data clothing-small --to photos
    """
    from clothes.collection import public_datasets

    fetch = public_datasets.fashion_mnist if name == "fashion-mnist" else public_datasets.clothing_small
    with progress_bars() as bars:
        made = fetch(to or Path("data") / name, source=source, progress=bars.to(f"Getting {name}"))
    show(made)
    note(f"Next:  clothes check {quote(made)}")


app.add_typer(collect_app, name="collect")
