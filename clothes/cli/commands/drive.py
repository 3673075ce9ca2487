"""`clothes drive push` and `clothes drive pull`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clothes.cli.options import AsJson, require
from clothes.cli.output import note, note_first, note_skipped, show, show_result
from clothes.cli.progress import progress_bars
from clothes.system.plurals import counted
from clothes.system.terminal_text import quote

if TYPE_CHECKING:
    from clothes.collection.drive.auth import Access
    from clothes.collection.drive.client import Drive
    from clothes.collection.drive.sync import TransferReport

app = typer.Typer(rich_markup_mode=None)
drive_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Copy class folders to and from Google Drive.

    The class folders may lie in train/, test/ and validation/.

    Example: clothes drive push photos clothes/photos
    """,
)

FolderArgument = Annotated[
    str, typer.Argument(metavar="FOLDER", help="A path below My Drive, such as clothes/photos; a link; or an id.")
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


@drive_app.command()
def push(
    photos: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the class folders.")],
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
    drive = _sign_in("drive" if whole_drive else "drive.file", client, service_account)
    from clothes.collection.drive import sync

    with progress_bars(in_bytes=True) as bars:
        report = sync.push(photos, folder, drive, dry_run=dry_run, progress=bars.show)
    command = f"clothes drive push {quote(photos)} FOLDER --json"
    _finish(report, "to send" if dry_run else "sent", command, as_json)


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
    drive = _sign_in("drive.readonly" if whole_drive else "drive.file", client, service_account)
    from clothes.collection.drive import sync

    with progress_bars(in_bytes=True) as bars:
        report = sync.pull(folder, to, drive, dry_run=dry_run, progress=bars.show)
    command = f"clothes drive pull FOLDER {quote(to)} --json"
    _finish(report, "to fetch" if dry_run else "fetched", command, as_json)


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
    note("Sign in to Google in the browser. If none opens, open this address on this machine:", url)
    typer.launch(url)


def _finish(report: "TransferReport", moved: str, command: str, as_json: bool) -> None:
    show_result(report, lambda found: render_transfer(found, moved=moved, command=command), as_json)
    note(*(f"Error: {file.path}: {file.reason}" for file in report.failed))
    if report.failed:
        raise typer.Exit(1)


def render_transfer(report: "TransferReport", *, moved: str, command: str) -> None:
    rows = {
        moved: f"{counted(len(report.moved), 'file')}, {sum(item.size for item in report.moved) / 1e6:,.1f} MB",
        "there already": f"{report.same:,}",
        "skipped": f"{len(report.skipped):,}",
        "failed": f"{len(report.failed):,}",
        "in Drive": report.link or "no such folder yet",
    }
    show(*(f"{name:14} {value}" for name, value in rows.items()))
    renamed = [
        f"{item.path} is named {item.to} there: its own name is taken or not allowed." for item in report.renamed
    ]
    note_first(renamed, f"with another name, listed by: {command}")
    note_skipped(report.skipped, where=command)


app.add_typer(drive_app, name="drive")
