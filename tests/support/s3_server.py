"""A local S3 server (moto) whose answers fail or come late now and then."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from pyarrow import fs
from werkzeug.serving import WSGIRequestHandler, make_server

_FAILING, _LATE = 9, 13  # one of so many answers


class _Silent(WSGIRequestHandler):
    def log_request(self, *_: object) -> None: ...


def variables(server: str) -> dict[str, str]:
    """The environment variables by which a program finds the server."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    return keys | {"AWS_ENDPOINT_URL": server}


def make_bucket(server: str, name: str) -> fs.S3FileSystem:
    """Makes a bucket. Returns the file system to look into it."""
    attempts = fs.AwsDefaultS3RetryStrategy(max_attempts=10)
    system = fs.S3FileSystem(
        access_key="test",
        secret_key="test",
        endpoint_override=server,
        allow_bucket_creation=True,
        retry_strategy=attempts,
    )
    system.create_dir(name)
    return system


def upload(system: fs.S3FileSystem, folder: Path, to: str) -> list[str]:
    """Copies the files of a folder. Returns their addresses."""
    fs.copy_files(str(folder), to, destination_filesystem=system)
    return [f"s3://{to}/{path.name}" for path in sorted(folder.iterdir())]


@contextmanager
def s3_server(*, failing: bool = True) -> Iterator[str]:
    """Yields the address of the server, on loopback."""
    moto = DomainDispatcherApplication(create_backend_app)
    requests = itertools.count(1)

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        number = next(requests)
        if failing and number % _LATE == 0:
            time.sleep(0.2)
        if failing and number % _FAILING == 0:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
