"""Public data sets as class folders: from the package, a local copy, or their publisher.

Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, MIT licence), github.com/zalandoresearch/fashion-mnist; and
clothing-dataset-small (Grigorev 2020, CC0), github.com/alexeygrigorev/clothing-dataset-small.
"""

import contextlib
import gzip
import io
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image

from clothes.collection.dataset_folder import Reader, beside, is_complete, make_folder, put
from clothes.collection.resumable_download import download
from clothes.collection.zip_archive import Archive, Limits
from clothes.errors import ClothesError, DownloadError
from clothes.photos.class_names import PART_FOLDERS
from clothes.photos.decode import read_file
from clothes.photos.folders import list_class_folders
from clothes.system.checksums import sha256
from clothes.system.progress import Progress

FASHION_MNIST_CLASSES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle-boot"),
)
_FASHION_MNIST_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_FASHION_MNIST_LOCAL = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
_FASHION_MNIST_NOTE = (
    "Fashion-MNIST, (c) 2017 Zalando SE, MIT licence. https://github.com/zalandoresearch/fashion-mnist\n"
)
_FASHION_MNIST_PHOTOS = {"train": 60_000, "test": 10_000}
_FASHION_MNIST_MD5 = {  # as published, for downloads
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_FASHION_MNIST_MOST = 47_040_016  # bytes that the largest of them unpacks to
# Of what is in those files. Debian's are packed without name and date: with these put back they have the MD5 above.
_FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_CLOTHING_URL = "https://github.com/alexeygrigorev/clothing-dataset-small/archive/refs/heads/master.zip"
_CLOTHING_NOTE = "clothing-dataset-small, CC0. https://github.com/alexeygrigorev/clothing-dataset-small\n"
_CLOTHING_PHOTOS = {"train": 3068, "validation": 341, "test": 372}
_CLOTHING_SHA256 = "55ee2d8f2e6ad4bb657b13347839fe62bea5db0375d77ebe169e12026edee35c"  # see `fingerprint`
_CLOTHING_BYTES = 107_000_000  # about; GitHub gives no length for its archives
_ZIP_LIMITS = Limits(files=20_000, unpacked=1_000_000_000)


def starter(to: str | os.PathLike[str]) -> Path:
    """Writes the starter set as class folders: 2,000 pictures of Fashion-MNIST, 200 per class. Needs no network."""
    with _starter_zip() as packed:
        note = packed.read("SOURCE.txt").decode()
        if not is_complete(Path(to), note, dict.fromkeys(FASHION_MNIST_CLASSES, 200)):
            put(Path(to), [(name, _member(packed, name)) for name in packed.namelist()])
    return Path(to)


def starter_pictures(count: int, label: str = "") -> list[bytes]:
    """Returns the PNG files of some starter pictures, spread over the classes, or of one class."""
    with _starter_zip() as packed:
        names = sorted(name for name in packed.namelist() if name.startswith(label) and name.endswith(".png"))
        return [packed.read(names[i * len(names) // count]) for i in range(count)]


def holds_starter(folder: str | os.PathLike[str]) -> bool:
    """Returns whether this folder holds the starter set, complete or not."""
    source = Path(folder) / "SOURCE.txt"
    with _starter_zip() as packed:
        return source.is_file() and source.read_bytes() == packed.read("SOURCE.txt")


def fashion_mnist(
    to: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    url: str | None = None,
) -> Path:
    """Writes Fashion-MNIST's 60,000 and 10,000 pictures as PNG files in train/<class>/ and test/<class>/.

    Reads `source` (a folder with the four .gz files) or Debian's package, or downloads them (from `url`). A complete
    folder stays as it is, an incomplete one is completed. Raises DownloadError, also if `to` holds something else.
    """
    to = Path(to)
    if is_complete(to, _FASHION_MNIST_NOTE, _FASHION_MNIST_PHOTOS):
        return to
    local = Path(source or _FASHION_MNIST_LOCAL)
    fetched = source is None and (url is not None or not local.is_dir())
    if fetched:
        local = beside(to, "download")
        make_folder(local)
        for name, md5 in _FASHION_MNIST_MD5.items():
            download((url or _FASHION_MNIST_URL) + name, local / name, md5=md5, progress=progress)
    sets = {part: read_idx(local, prefix) for part, prefix in (("train", "train"), ("test", "t10k"))}
    pictures = [
        (f"{part}/{FASHION_MNIST_CLASSES[label]}/{i:05}.png", _png(pixels[i]))
        for part, (pixels, labels) in sets.items()
        for i, label in enumerate(labels.tolist())
    ]
    with _starter_zip() as packed:
        licence = ("LICENSE.txt", _member(packed, "LICENSE.txt"))
        put(to, [licence, ("SOURCE.txt", _FASHION_MNIST_NOTE.encode), *pictures], progress)
    if fetched:
        shutil.rmtree(local, ignore_errors=True)
    return to


def clothing_small(
    to: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    url: str | None = None,
) -> Path:
    """Writes clothing-dataset-small: 3,781 photos of ten classes in train/, validation/ and test/, CC0.

    Reads `source` (a folder with those three, or the publisher's zip), or downloads it (from `url`). A complete folder
    stays as it is, an incomplete one is completed. Raises DownloadError, also if `to` holds something else.
    """
    to = Path(to)
    if is_complete(to, _CLOTHING_NOTE, _CLOTHING_PHOTOS):
        return to
    where = Path(source) if source is not None else beside(to, "download.zip")
    if source is None:
        make_folder(where.parent)
        download(url or _CLOTHING_URL, where, expect=_CLOTHING_BYTES, progress=progress)
    try:
        with contextlib.ExitStack() as stack:
            if where.is_dir():
                listing = list_class_folders(where)
                photos = {photo.path: partial(read_file, where / photo.path) for photo in listing.photos}
            else:
                archive = stack.enter_context(Archive(where, limits=_ZIP_LIMITS))
                photos = {
                    photo.partition("/")[2]: partial(archive.read, photo)  # below the archive's only folder
                    for photo in archive.photos
                    if photo.count("/") == 3 and photo.split("/")[1] in PART_FOLDERS
                }
            if fingerprint(photos) != _CLOTHING_SHA256:
                raise DownloadError(
                    f"{where} does not hold clothing-dataset-small as published: it has {len(photos):,} photos of "
                    f"{sum(_CLOTHING_PHOTOS.values()):,}, or others. Nothing was written. Download it again: "
                    f"{_CLOTHING_URL}"
                )
            put(to, [("SOURCE.txt", _CLOTHING_NOTE.encode), *photos.items()], progress)
    except DownloadError:
        raise
    except (ClothesError, OSError) as error:
        raise DownloadError(
            f"{where} cannot be read as clothing-dataset-small: {str(error).rstrip('.')}. Name a folder that holds "
            "train/, validation/ and test/ with --from, or leave --from out to download it."
        ) from None
    finally:
        if source is None:
            where.unlink(missing_ok=True)
    return to


def fingerprint(photos: Mapping[str, Reader]) -> str:
    """Returns the SHA-256 of the names (PART/<class>/NAME) and contents of photos."""
    lines = (f"{path} {sha256(photos[path]())}\n" for path in sorted(photos))
    return sha256("".join(lines).encode())


def read_idx(folder: str | os.PathLike[str], prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures, uint8 (N, 28, 28), and labels, uint8 (N,), of Fashion-MNIST's part "train" or "t10k".

    Raises DownloadError if the files are missing or are not the published ones.
    """
    contents = []
    for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"):
        path = Path(folder) / name
        try:
            with gzip.open(path) as file:
                content = file.read(_FASHION_MNIST_MOST + 1)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise DownloadError(
                f"{path} cannot be read: {reason}. --from needs a folder with {', '.join(_FASHION_MNIST_SHA256)}."
            ) from None
        if sha256(content) != _FASHION_MNIST_SHA256[name]:
            raise DownloadError(
                f"{path} is not Fashion-MNIST as published. Download it again: {_FASHION_MNIST_URL}{name}"
            )
        contents.append(np.frombuffer(content, dtype=np.uint8))
    return contents[0][16:].reshape(-1, 28, 28), contents[1][8:]


def _png(pixels: np.ndarray) -> Reader:
    def encode() -> bytes:
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG", compress_level=1)
        return data.getvalue()

    return encode


@contextlib.contextmanager
def _starter_zip() -> Iterator[zipfile.ZipFile]:
    with as_file(files("clothes.collection") / "starter" / "starter.zip") as path, zipfile.ZipFile(path) as packed:
        yield packed


def _member(packed: zipfile.ZipFile, name: str) -> Reader:
    return lambda: packed.read(name)
