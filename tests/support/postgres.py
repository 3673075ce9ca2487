"""A PostgreSQL server for the tests."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """Starts a PostgreSQL server as the user postgres; yields the URL of an empty database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    if os.getuid() != 0:
        pytest.skip("only root can become the user postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path("/tmp") / f"clothes-postgres-{os.getpid()}"  # pytest's folders are closed to the user postgres
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        line = [str(programs[-1] / program), *arguments]
        subprocess.run(line, check=True, user="postgres", group="postgres", stdout=subprocess.DEVNULL, cwd=folder)

    try:
        run("initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "study")
        yield f"postgresql://postgres@127.0.0.1:{port}/study"
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder)
