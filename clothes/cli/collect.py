"""The commands of `clothes collect`: photos from everywhere into class folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clothes.cli.output import (
    AsJson,
    Auth,
    Host,
    Port,
    needs,
    note,
    print_address,
    print_table,
    progress_bars,
    quote,
    read_names,
    to_json,
    user_and_password,
)
from clothes.errors import PhotosError
from clothes.system.text import plain

if TYPE_CHECKING:
    from clothes.collection.collect import Collected
    from clothes.collection.http_client import Fetcher

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Into = Annotated[Path, typer.Option("--into", metavar="PHOTOS", help="Where the class folders are, or will be.")]
ClassName = Annotated[str, typer.Option("--class", metavar="NAME", help="The class of these photos.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Also from addresses on this machine and its own network.")
]
_REFUSED_SHOWN = 10


@app.callback()
def collect() -> None:
    """Bring photos into class folders, with the origin of each in PHOTOS/sources.csv.

    Example: clothes collect folder DCIM --class jacket --into photos
    """


@app.command()
def folder(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder of class folders, or of photos, or a zip.")],
    into: Into,
    label: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="One class for all. [default: their folders' names]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the photos of a folder, a phone or a zip file. Nothing is overwritten, and each photo is there once.

    Example: clothes collect folder DCIM.zip --class jacket --into photos
    """
    from clothes.collection.collect import collect_folder

    with progress_bars() as bars:
        result = collect_folder(source, into=into, label=label, progress=bars.show)
    _print(result, as_json)


@app.command()
def urls(
    addresses: Annotated[Path, typer.Argument(metavar="LIST", help="A file with one address a line; - reads stdin.")],
    label: ClassName,
    into: Into,
    allow_private: AllowPrivate = False,
    as_json: AsJson = False,
) -> None:
    """Download the photos at a list of web addresses.

    Example: clothes collect urls jackets.txt --class jacket --into photos
    """
    from clothes.collection.collect import collect_urls

    try:
        lines = read_names() if str(addresses) == "-" else addresses.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise PhotosError(f"{addresses} is not text in UTF-8. Name a file with one web address a line.") from None
    with progress_bars() as bars:
        result = collect_urls(lines, into=into, label=label, fetcher=_fetcher(allow_private), progress=bars.show)
    _print(result, as_json)


@app.command()
def web(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What the photos show.")],
    label: ClassName,
    into: Into,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many photos; 240 is the most that can be.")] = 100,
    allow_private: AllowPrivate = False,
    api: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Download openly licensed photos that Openverse finds; sources.csv keeps licence and author.

    Photos removed since are not brought again: look through them, and run the same command for others.

    Example: clothes collect web "denim jacket" --class jacket --count 100 --into photos
    """
    from clothes.collection.collect import collect_web
    from clothes.collection.openverse import API

    with progress_bars() as bars:
        result = collect_web(
            words,
            into=into,
            label=label,
            count=count,
            fetcher=_fetcher(allow_private),
            api=api or API,
            progress=bars.show,
        )
    if (found := sum(result.new.values()) + sum(result.already.values())) < count:
        note(f"Openverse has no more: {found} of {count}. Other words may find others.")
    _print(result, as_json)


@app.command()
def camera(
    into: Into,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
    certificate: Annotated[
        Path | None, typer.Option("--ssl-certfile", metavar="CERT.pem", help="For https, with --ssl-keyfile.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--ssl-keyfile", metavar="KEY.pem", help="Its key.")] = None,
) -> None:
    """Open a page that takes photos with the webcam, class by class. The last one can be undone.

    For a phone open it to the network, which needs a password. A browser gives a live camera to https pages and to
    those of its own machine only; over plain http a phone takes each photo with its camera app.

    Example: clothes collect camera --into photos --host 0.0.0.0 --auth me:secret
    """
    credentials = user_and_password(auth)
    if (certificate is None) != (key is None):
        raise typer.BadParameter("go together", param_hint="--ssl-certfile and --ssl-keyfile")
    with needs("The camera page"):
        from clothes.web.camera_page import launch
        from clothes.web.server import address_for_others

    def tell(url: str) -> None:
        print_address(url)
        if host == "0.0.0.0":  # noqa: S104 - asked for
            note(f"From a phone: {address_for_others(url)}")

    launch(
        into,
        host=host,
        port=port,
        auth=credentials,
        certificate=(certificate, key) if certificate and key else None,
        on_ready=tell,
    )
    note(f"Next:  clothes check {quote(into)}")


def _fetcher(allow_private: bool) -> "Fetcher":
    from clothes.collection.http_client import Fetcher
    from clothes.collection.ip_filter import anywhere, why_inside

    return Fetcher(inside=anywhere if allow_private else why_inside)


def _print(result: "Collected", as_json: bool) -> None:
    """What came of it; exit status 1 when that is nothing at all."""
    names = sorted({*result.new, *result.already})
    if as_json:
        print(to_json(result.to_json()))
    else:
        rows = [[name, result.new.get(name, 0), result.already.get(name, 0)] for name in names]
        rows.append(["all", sum(result.new.values()), sum(result.already.values())])
        print_table(["class", "new", "already there"], rows)
        if result.refused:
            print(f"\n{len(result.refused):,} refused:")
        for item in result.refused[:_REFUSED_SHOWN]:
            print(plain(f"    {item.path}: {item.reason}"))
        if len(result.refused) > _REFUSED_SHOWN:
            print(f"    ... and {len(result.refused) - _REFUSED_SHOWN:,} more: --json lists all")
        note(f"Next:  clothes check {quote(result.root)}")
    if not names:
        raise typer.Exit(1)
