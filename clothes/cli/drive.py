"""The commands `clothes drive push` and `pull`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clothes.cli.output import AsJson, needs, note, note_skipped, progress_bars, quote, to_json

if TYPE_CHECKING:
    from clothes.collection.drive.auth import Access
    from clothes.collection.drive.client import Drive
    from clothes.collection.drive.sync import TransferReport

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FolderArgument = Annotated[
    str,
    typer.Argument(metavar="FOLDER", help="In Drive: names below My Drive, such as clothes/photos; a link; an id."),
]
Client = Annotated[
    Path | None,
    typer.Option("--client", metavar="FILE.json", help="Your OAuth client, for the first sign-in (docs/drive.md)."),
]
ServiceAccount = Annotated[
    Path | None, typer.Option("--service-account", metavar="KEY.json", help="Sign in as a service account instead.")
]
WholeDrive = Annotated[
    bool, typer.Option("--whole-drive", help="Ask Google for everything, not only for what clothes put there itself.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would go over.")]


@app.callback()
def everything() -> None:
    """Keep class folders, or train/test/validation folders, in Google Drive.

    Example: clothes drive push photos clothes/photos
    """


@app.command()
def push(
    photos: Annotated[Path, typer.Argument(metavar="DIR", help="Class folders, perhaps in train/, test/ ...")],
    folder: FolderArgument,
    client: Client = None,
    service_account: ServiceAccount = None,
    whole_drive: WholeDrive = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send the photos that a Drive folder lacks. Nothing in Drive is deleted or overwritten.

    Example: clothes drive push photos clothes/photos --client client_secret.json
    """
    with needs("Google Drive"):
        from clothes.collection.drive import sync

    opened = _open("drive" if whole_drive else "drive.file", folder, client, service_account)
    with progress_bars(in_bytes=True) as bars:
        report = sync.push(
            photos,
            folder,
            opened,
            dry_run=dry_run,
            on_compare=bars.to("Comparing"),
            progress=bars.to("Sending"),
        )
    _tell(report, "to send" if dry_run else "sent", f"clothes drive push {quote(photos)} FOLDER --json", as_json)


@app.command()
def pull(
    folder: FolderArgument,
    to: Annotated[Path, typer.Argument(metavar="DIR", help="Where they go; made if missing.")],
    client: Client = None,
    service_account: ServiceAccount = None,
    whole_drive: WholeDrive = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Fetch the photos that a local folder lacks. Nothing local is deleted or overwritten.

    Example: clothes drive pull clothes/photos photos --whole-drive
    """
    with needs("Google Drive"):
        from clothes.collection.drive import sync

    opened = _open("drive.readonly" if whole_drive else "drive.file", folder, client, service_account)
    with progress_bars(in_bytes=True) as bars:
        report = sync.pull(
            folder,
            to,
            opened,
            dry_run=dry_run,
            on_compare=bars.to("Comparing"),
            progress=bars.to("Fetching"),
        )
    _tell(report, "to fetch" if dry_run else "fetched", f"clothes drive pull FOLDER {quote(to)} --json", as_json)


def _open(access: "Access", folder: str, client: Path | None, service_account: Path | None) -> "Drive":
    """Drive, signed in to as the options say."""
    import logging

    from clothes.collection.drive.auth import service_credentials, sign_in
    from clothes.collection.drive.client import Drive

    logging.getLogger("googleapiclient").setLevel(logging.ERROR)  # it warns of every answer that is tried again
    if client is not None and service_account is not None:
        raise typer.BadParameter("goes without --client", param_hint="--service-account")
    if service_account is not None:
        credentials = service_credentials("drive.readonly" if access == "drive.readonly" else "drive", service_account)
    else:
        credentials = sign_in(access, client=client, show=_browse)
    return Drive(credentials)


def _browse(url: str) -> None:
    note(f"Sign in to Google in the browser. If none opens, open this address on this machine:\n{url}")
    typer.launch(url)


def _tell(report: "TransferReport", moved: str, command: str, as_json: bool) -> None:
    if as_json:
        print(to_json(report.to_json()))
    else:
        size = sum(item.size for item in report.moved)
        print(f"{moved:14} {len(report.moved):,} files, {size / 1e6:,.1f} MB")
        print(f"{'there already':14} {report.same:,}")
        print(f"{'skipped':14} {len(report.skipped):,}")
        print(f"{'failed':14} {len(report.failed):,}")
        print(f"{'in Drive':14} {report.link or 'no such folder yet'}")
        for item in report.renamed[:5]:
            note(f"{item.path} is called {item.to} there: it cannot have its own name, or another file has it.")
        if len(report.renamed) > 5:
            note(f"... and {len(report.renamed) - 5:,} more with another name, listed by: {command}")
        note_skipped(report.skipped, where=command)
    for file in report.failed:
        note(f"Error: {file.path}: {file.reason}")
    if report.failed:
        raise typer.Exit(1)
