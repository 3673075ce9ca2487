"""`clothes drive push` and `clothes drive pull`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clothes.cli.extras import require
from clothes.cli.options import AsJson
from clothes.cli.output import note, note_skipped, print_json, quote
from clothes.cli.progress import progress_bars

if TYPE_CHECKING:
    from clothes.collection.drive.auth import Access
    from clothes.collection.drive.client import Drive
    from clothes.collection.drive.sync import TransferReport

app = typer.Typer(rich_markup_mode=None)
drive_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_RENAMED_SHOWN = 5

FolderArgument = Annotated[
    str,
    typer.Argument(metavar="FOLDER", help="A path below My Drive, such as clothes/photos; a link; or an id."),
]
ClientFile = Annotated[
    Path | None,
    typer.Option("--client", metavar="FILE.json", help="Your OAuth client, for the first sign-in (docs/drive.md)."),
]
ServiceAccount = Annotated[
    Path | None, typer.Option("--service-account", metavar="KEY.json", help="Sign in as a service account instead.")
]
WholeDrive = Annotated[
    bool, typer.Option("--whole-drive", help="Ask Google for access to all files, not only to those of clothes.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be copied, and copy nothing.")]


@drive_app.callback()
def drive() -> None:
    """Copy class folders to and from Google Drive.

    The class folders may lie in train/, test/ and validation/.

    Example: clothes drive push photos clothes/photos
    """


@drive_app.command()
def push(
    photos: Annotated[Path, typer.Argument(metavar="DIR", help="Class folders, perhaps in train/, test/ ...")],
    folder: FolderArgument,
    client: ClientFile = None,
    service_account: ServiceAccount = None,
    whole_drive: WholeDrive = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Copy photos to Google Drive. Deletes and overwrites nothing there.

    Example: clothes drive push photos clothes/photos --client client_secret.json
    """
    opened = _sign_in("drive" if whole_drive else "drive.file", client, service_account)
    _transfer("push", photos, folder, opened, dry_run=dry_run, as_json=as_json)


@drive_app.command()
def pull(
    folder: FolderArgument,
    to: Annotated[Path, typer.Argument(metavar="DIR", help="The local folder; made if missing.")],
    client: ClientFile = None,
    service_account: ServiceAccount = None,
    whole_drive: WholeDrive = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Copy photos from Google Drive. Deletes and overwrites nothing here.

    Example: clothes drive pull clothes/photos photos --whole-drive
    """
    opened = _sign_in("drive.readonly" if whole_drive else "drive.file", client, service_account)
    _transfer("pull", to, folder, opened, dry_run=dry_run, as_json=as_json)


def _sign_in(access: "Access", client: Path | None, service_account: Path | None) -> "Drive":
    require("Google Drive", "drive")
    from clothes.collection.drive.auth import service_credentials, sign_in
    from clothes.collection.drive.client import Drive

    if client is not None and service_account is not None:
        raise typer.BadParameter("cannot be combined with --client", param_hint="--service-account")
    logging.getLogger("googleapiclient").setLevel(logging.ERROR)  # it warns of every answer that is tried again
    if service_account is not None:
        return Drive(service_credentials("drive" if access == "drive.file" else access, service_account))
    return Drive(sign_in(access, client=client, show=_browse))


def _browse(url: str) -> None:
    note(f"Sign in to Google in the browser. If none opens, open this address on this machine:\n{url}")
    typer.launch(url)


def _transfer(
    direction: Literal["push", "pull"], local: Path, folder: str, drive: "Drive", *, dry_run: bool, as_json: bool
) -> None:
    """Copies in one direction and prints the result."""
    from clothes.collection.drive import sync

    with progress_bars(in_bytes=True) as bars:
        if direction == "push":
            done, command = ("to send", "sent"), f"clothes drive push {quote(local)} FOLDER --json"
            report = sync.push(local, folder, drive, dry_run=dry_run, progress=bars.show)
        else:
            done, command = ("to fetch", "fetched"), f"clothes drive pull FOLDER {quote(local)} --json"
            report = sync.pull(folder, local, drive, dry_run=dry_run, progress=bars.show)
    if as_json:
        print_json(report.to_dict())
    else:
        render_transfer(report, moved=done[0] if dry_run else done[1], command=command)
    for file in report.failed:
        note(f"Error: {file.path}: {file.reason}")
    if report.failed:
        raise typer.Exit(1)


def render_transfer(report: "TransferReport", *, moved: str, command: str) -> None:
    """Prints the counts of a transfer and its link; `command` is the one that lists all files."""
    size = sum(item.size for item in report.moved)
    print(f"{moved:14} {len(report.moved):,} files, {size / 1e6:,.1f} MB")
    print(f"{'there already':14} {report.same:,}")
    print(f"{'skipped':14} {len(report.skipped):,}")
    print(f"{'failed':14} {len(report.failed):,}")
    print(f"{'in Drive':14} {report.link or 'no such folder yet'}")
    for item in report.renamed[:_RENAMED_SHOWN]:
        note(f"{item.path} is named {item.to} there: its own name is taken or not allowed.")
    if (more := len(report.renamed) - _RENAMED_SHOWN) > 0:
        note(f"... and {more:,} more with another name, listed by: {command}")
    note_skipped(report.skipped, where=command)


app.add_typer(drive_app, name="drive")
