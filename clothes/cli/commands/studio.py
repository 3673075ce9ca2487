"""`clothes studio`: the page for the whole way."""

from pathlib import Path
from typing import Annotated

import typer

from clothes.cli.options import (
    Auth,
    Certificate,
    CertificateKey,
    Host,
    Port,
    certificate_files,
    require,
    user_and_password,
)
from clothes.cli.output import show_address

app = typer.Typer(rich_markup_mode=None)


@app.command()
def studio(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The project; made if missing. Class folders are used in place.")
    ] = Path("clothes-studio"),
    host: Host = "127.0.0.1",
    port: Port = 7860,
    auth: Auth = None,
    certificate: Certificate = None,
    key: CertificateKey = None,
) -> None:
    """Go from photos to a tested recogniser on one page.

    Photos, runs and exports lie in FOLDER as those of the commands do. Trainings go on when the page is closed.

    Example: clothes studio my-clothes
    """
    require("The studio", "serve", "train")
    credentials, files = user_and_password(auth), certificate_files(certificate, key)
    from clothes.web.studio_page import launch

    launch(folder, host=host, port=port, auth=credentials, certificate=files, on_ready=show_address)
