"""A folder, a bucket, or a text or Parquet file that lists photos -> the paths or addresses of its photos."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileType

from clothes.errors import PhotosError
from clothes.inference.many.stores import Store
from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import PhotoLister, Skipped
from clothes.system.csv_files import read_lines, slashed

_COLUMNS = ("photo", "path", "address", "url", "uri", "file", "name")  # of a Parquet file, the first that it has


def find_photos(source: str, skipped: list[Skipped]) -> Iterator[str]:
    """Yields each photo once: absolute paths, and addresses in buckets. Adds to `skipped` what is no photo.

    Raises PhotosError if there is no such source, or it is no list.
    """
    store = Store(source)
    match store.kind():
        case FileType.Directory if store.in_bucket:
            yield from _objects(store, skipped)
        case FileType.Directory:
            lister = PhotoLister(Path(store.path))
            lister.skipped = skipped
            yield from (f"{store.path}/{path}" for path in lister.walk(""))
        case FileType.File if _is_photo(store.path):
            yield store.address
        case FileType.File:
            yield from dict.fromkeys(_resolved(_read_list(store), skipped))
        case _:
            raise PhotosError(f"There is no {source}. Name a folder, a bucket, or a file that lists photos.")


def _objects(store: Store, skipped: list[Skipped]) -> Iterator[str]:
    for address in store.walk():
        if any(part.startswith((".", "__")) for part in PurePosixPath(address[len(store.address) :]).parts[1:]):
            skipped.append(Skipped(address, "hidden"))
        elif _is_photo(address):
            yield address
        else:
            skipped.append(Skipped(address, "not a photo by its name"))


def _is_photo(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def _read_list(store: Store) -> Iterable[str]:
    """Returns the names in a list."""
    try:
        with store.file("") as file:
            is_parquet = file.read(4) == b"PAR1"
        if not is_parquet:
            return read_lines(store.read())
        with store.file("") as file:
            table = pq.ParquetFile(file)
            columns = [field.name for field in table.schema_arrow if _is_text(field.type)]
            column = next((name for name in _COLUMNS if name in columns), columns[0] if len(columns) == 1 else None)
            if column is None:
                raise ValueError(f"it has none of the columns {', '.join(_COLUMNS)}")
            return [name for name in table.read([column])[column].to_pylist() if name]
    except (ValueError, pa.ArrowInvalid) as error:
        raise PhotosError(
            f"{store.address} is no list: {error}. Name a text file with one path or address a line, or a Parquet file "
            "with a column photo."
        ) from None


def _is_text(kind: pa.DataType) -> bool:
    """Whether it is one of the types that pandas, Polars and others write for text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _resolved(names: Iterable[str], skipped: list[Skipped]) -> Iterator[str]:
    """Yields an address as it is and a path as an absolute one, which is the same for every worker."""
    for name in names:
        if (shown := os.fsencode(name).decode("utf-8", "backslashreplace")) != name:
            skipped.append(Skipped(shown, "its name is not valid text (UTF-8): rename it"))
        elif "://" in name:
            yield Store(name).address
        else:
            yield os.path.abspath(name if os.path.lexists(name) else slashed(name))  # noqa: PTH100 - keeps links
