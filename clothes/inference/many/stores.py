"""Files on disk and in buckets by address: a path, s3://BUCKET/..., gs://BUCKET/... or az://CONTAINER/...

Keys, regions and other endpoints come from the environment variables and files of the provider, as its own tools read
them; for az:// the account is `AZURE_STORAGE_ACCOUNT_NAME`.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from clothes.errors import ClothesError, PhotoError
from clothes.photos import decode
from clothes.system.files import write_bytes
from clothes.system.terminal_text import utf8

_ATTEMPTS = 12  # of a request to S3, each after a longer pause: more than a minute in all
_SCHEMES = ("s3", "gs", "az")
_REFUSED = ("ACCESS_DENIED", "HTTP status 403", "PERMISSION_DENIED", "403 Forbidden")


class Store:
    """A folder, on disk or in a bucket, or one file. Raises ClothesError for an address that cannot be one of them."""

    def __init__(self, address: str) -> None:
        scheme, mark, rest = address.partition("://")
        if mark and (scheme not in _SCHEMES or not rest.strip("/")):
            raise ClothesError(f"{address} cannot be read. Name a path, or an address as s3://BUCKET, gs:// or az://.")
        self.in_bucket = bool(mark)
        self._scheme = scheme + mark if mark else ""
        self.path = rest.rstrip("/") if mark else os.path.abspath(address)  # noqa: PTH100 - keeps links
        self.address = self._scheme + self.path
        if utf8(self.address) != self.address:
            raise ClothesError(f"The name {self.address!a} is not UTF-8, as Arrow needs it. Rename it.")

    @property
    def system(self) -> Any:
        """The file system, of pyarrow."""
        return _file_system(self._scheme, self.path.partition("/")[0]) if self.in_bucket else fs.LocalFileSystem()

    def kind(self) -> Any:
        """Returns whether it is a file, a folder or nothing, as pyarrow's FileType."""
        return self.system.get_file_info(self.path).type

    def file(self, name: str) -> pa.NativeFile:
        """Opens a file of the folder to read it at any place; "" for the file itself."""
        return self.system.open_input_file(f"{self.path}/{name}" if name else self.path)

    def read(self) -> bytes:
        with self.file("") as file:
            content: bytes = file.read()
        return content

    def sizes(self) -> dict[str, int]:
        """Returns the bytes of each file of the folder, by name; nothing if there is no folder."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        return {info.base_name: info.size for info in self.system.get_file_info(selector) if info.is_file}

    def walk(self) -> Iterator[str]:
        """Yields the address of each file below the folder."""
        for info in self.system.get_file_info(fs.FileSelector(self.path, recursive=True)):
            if info.is_file:
                yield self._scheme + info.path

    def write(self, name: str, data: bytes) -> None:
        """Writes a file of the folder atomically, and replaces a file of that name."""
        if not self.in_bucket:
            Path(self.path).mkdir(parents=True, exist_ok=True)
            write_bytes(Path(self.path, name), data)
            return
        with self.system.open_output_stream(f"{self.path}/{name}") as file:
            file.write(data)


@cache
def _file_system(scheme: str, bucket: str) -> Any:
    """Returns pyarrow's file system for a bucket."""
    if scheme == "s3://":
        return _s3(bucket)
    if scheme == "gs://":
        return fs.GcsFileSystem()
    if account := os.environ.get("AZURE_STORAGE_ACCOUNT_NAME"):
        return fs.AzureFileSystem(account_name=account)
    raise ClothesError("az:// needs the environment variable AZURE_STORAGE_ACCOUNT_NAME.")


def _s3(bucket: str) -> Any:
    given = os.environ
    endpoint = given.get("AWS_ENDPOINT_URL_S3") or given.get("AWS_ENDPOINT_URL")  # pyarrow does not read them
    region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION")
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or (None if endpoint else fs.resolve_s3_region(bucket)),
        # Through pyarrow, the standard strategy ends after a hundred attempts of all requests of a process together.
        retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


def read_photo(address: str) -> bytes:
    """Returns the bytes of a photo. Raises PhotoError for a reason that stays, OSError if a bucket does not answer."""
    if "://" not in address:
        return decode.read_file(address)
    try:
        with Store(address).file("") as file:
            if file.size() > decode.MAX_BYTES:
                limit = f"{decode.MAX_BYTES // 1_000_000} MB allowed"
                raise PhotoError(address, "too-large", f"{file.size() / 1e6:,.0f} MB are more than the {limit}")
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        raise PhotoError(address, "missing", "there is no such object in the bucket") from None
    except OSError as error:
        if not isinstance(error, PermissionError) and not any(sign in str(error) for sign in _REFUSED):
            raise
        raise PhotoError(address, "no-permission", "the bucket does not let this account read the object") from None
