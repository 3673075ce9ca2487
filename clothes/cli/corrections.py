"""The commands of `clothes corrections`: what people said of wrong answers."""

from pathlib import Path
from typing import Annotated

import typer

from clothes.cli.output import Auth, Host, Port, needs, note, print_address, quote, user_and_password

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def corrections() -> None:
    """What people said of wrong answers, in an inbox that `clothes serve --collect-corrections` fills.

    Example: clothes corrections review inbox --into photos
    """


@app.command()
def review(
    inbox: Annotated[Path, typer.Argument(metavar="DIR", help="What --collect-corrections filled.")],
    into: Annotated[Path, typer.Option("--into", metavar="PHOTOS", help="The class folders for those accepted.")],
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
) -> None:
    """Open a page that shows each correction for yes or no.

    Accepted photos go into the class folders of PHOTOS, and `clothes split` puts them into train, never into test.
    Those that look like a photo of the test part cannot be accepted. Nothing is deleted: see DIR/accepted, DIR/refused.

    Example: clothes corrections review inbox --into photos
    """
    credentials = user_and_password(auth)
    with needs("The page of corrections"):
        from clothes.web.review_page import launch
    launch(inbox, into, host=host, port=port, auth=credentials, on_ready=print_address)
    note(f"Next:  clothes split {quote(into)}, then clothes train {quote(into)}")
