"""`clothes serve` and `clothes corrections`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

import clothes
from clothes.cli.options import Auth, Host, ModelOption, Port, require, user_and_password
from clothes.cli.output import note, show_address
from clothes.system.terminal_text import quote

app = typer.Typer(rich_markup_mode=None)
corrections_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Review the corrections that visitors of the web page sent.

    `clothes serve --collect-corrections DIR` collects them.

    Example: clothes corrections review inbox --into photos
    """,
)


@app.command()
def serve(
    model: ModelOption = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--collect-corrections", metavar="DIR", help="Let visitors correct answers; store the corrections in DIR."
        ),
    ] = None,
) -> None:
    """Open the web page that recognises photos.

    Example: clothes serve --model runs/shirts/bundle
    """
    require("The web page", "serve")
    credentials = user_and_password(auth)
    classifier = clothes.load(model)
    note(f"Model: {classifier.path}")
    from clothes.web.corrections import Inbox
    from clothes.web.predict_page import launch
    from clothes.web.server import opens_to_others

    if auth is None and opens_to_others(host):
        also = f" and put photos into {quote(corrections)}" if corrections else ""
        note(f"Anyone on the network can use the page{also}. Ask for a password with --auth USER:PASSWORD.")
    with Inbox(corrections) if corrections else nullcontext() as inbox:
        parser = clothes.load_outfit(classifier=classifier) if model is None else None
        launch(classifier, inbox=inbox, parser=parser, host=host, port=port, auth=credentials, on_ready=show_address)
    if corrections:
        note(f"Next:  clothes corrections review {quote(corrections)} --into PHOTOS")


@corrections_app.command()
def review(
    inbox: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of --collect-corrections.")],
    into: Annotated[Path, typer.Option("--into", metavar="PHOTOS", help="The class folders for accepted photos.")],
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
) -> None:
    """Open a page to accept or refuse each correction.

    Accepted photos go into the class folders of PHOTOS, and `clothes split` puts them into train, never into test. A
    photo that looks like one of the test part cannot be accepted. Nothing is deleted: see DIR/accepted, DIR/refused.

    Example: clothes corrections review inbox --into photos
    """
    require("The page of corrections", "serve")
    credentials = user_and_password(auth)
    from clothes.web.review_page import launch

    launch(inbox, into, host=host, port=port, auth=credentials, on_ready=show_address)
    if any(into.glob("*/*")):  # a photo was accepted
        note(f"Next:  clothes split {quote(into)}, then clothes train {quote(into)}")


app.add_typer(corrections_app, name="corrections")
