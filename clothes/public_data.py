"""Public data sets as class folders: from the package, a local copy, or their publisher.

Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, MIT licence), github.com/zalandoresearch/fashion-mnist; and
clothing-dataset-small (Grigorev 2020, CC0), github.com/alexeygrigorev/clothing-dataset-small.
"""

import gzip
import hashlib
import shutil
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image

from clothes.errors import DownloadError
from clothes.folders import PART_FOLDERS

FASHION_MNIST_CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
)
_FASHION_MNIST_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_FASHION_MNIST_LOCAL = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
# The MD5 of each file as published, and the SHA-256 of what is in it: Debian compressed the same content anew.
_FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte.gz": (
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte.gz": (
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
_CLOTHING_URL = "https://github.com/alexeygrigorev/clothing-dataset-small/archive/HEAD.zip"
_CLOTHING_PHOTOS = 3781
_CLOTHING_SHA256 = "55ee2d8f2e6ad4bb657b13347839fe62bea5db0375d77ebe169e12026edee35c"

_TRIES = 5
_CHUNK = 1 << 18
_MOST_BYTES = 4_000_000_000  # of one download, and of what one archive unpacks to

Progress = Callable[[int, int], None]


def starter(to: Path) -> Path:
    """The starter set: 2,000 pictures of Fashion-MNIST, 200 a class, as class folders. Needs no network."""
    with _whole(to) as making, as_file(files("clothes") / "starter" / "starter.zip") as archive:
        if making is not None:
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(making)
    return to


def fashion_mnist(
    to: Path, *, source: Path | None = None, progress: Progress | None = None, url: str = _FASHION_MNIST_URL
) -> Path:
    """Fashion-MNIST's 60,000 and 10,000 pictures as PNG in train/<class>/ and test/<class>/.

    Taken from `source` (a folder with its four .gz files), else from Debian's package, else downloaded.
    """
    with _whole(to) as making:
        if making is None:
            return to
        local = source or _FASHION_MNIST_LOCAL
        if source is None and not local.is_dir():
            local = to.parent / f".{to.name}-download"
            local.mkdir(parents=True, exist_ok=True)
            for name, (md5, _) in _FASHION_MNIST_FILES.items():
                download(url + name, local / name, md5=md5, progress=progress)
        for name, (md5, sha256) in _FASHION_MNIST_FILES.items():
            _check_file(local / name, md5, sha256)
        done = 0
        for part, prefix in (("train", "train"), ("test", "t10k")):
            pictures, labels = read_idx(local, prefix)
            for label in FASHION_MNIST_CLASSES:
                (making / part / label).mkdir(parents=True)
            for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
                folder = making / part / FASHION_MNIST_CLASSES[label]
                Image.fromarray(picture).save(folder / f"{i:05}.png", compress_level=1)
                done += 1
                if progress and done % 500 == 0:
                    progress(done, 70_000)
        (making / "SOURCE.txt").write_text(
            "Fashion-MNIST, (c) 2017 Zalando SE, MIT licence. https://github.com/zalandoresearch/fashion-mnist\n"
        )
        if local.name.startswith("."):
            shutil.rmtree(local)
    return to


def clothing_small(
    to: Path, *, source: Path | None = None, progress: Progress | None = None, url: str = _CLOTHING_URL
) -> Path:
    """clothing-dataset-small: 3,781 photos of ten classes in train/, validation/ and test/, CC0.

    Copied from `source` (a local copy, a folder with those three), else downloaded.
    """
    with _whole(to) as making:
        if making is None:
            return to
        if source is None:
            archive = to.parent / f".{to.name}-download.zip"
            archive.parent.mkdir(parents=True, exist_ok=True)
            download(url, archive, progress=progress)
            try:
                _unpack_photos(archive, making)
            finally:
                archive.unlink()
        else:
            photos = [p for part in PART_FOLDERS for p in sorted((source / part).glob("*/*")) if p.is_file()]
            for done, photo in enumerate(photos, 1):
                target = making / photo.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(photo, target)
                if progress and done % 100 == 0:
                    progress(done, len(photos))
        found, digest = fingerprint(making)
        if digest != _CLOTHING_SHA256:
            where = str(source) if source else url
            raise DownloadError(
                f"{where} does not hold clothing-dataset-small as published: {found} photos instead of "
                f"{_CLOTHING_PHOTOS}, or changed ones. Nothing was written."
            )
        (making / "SOURCE.txt").write_text(
            "clothing-dataset-small, CC0. https://github.com/alexeygrigorev/clothing-dataset-small\n"
        )
    return to


def fingerprint(folder: Path) -> tuple[int, str]:
    """How many photos lie in PART/<class>/ below a folder, and a SHA-256 over their names and contents."""
    photos = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*/*") if path.is_file())
    lines = (f"{path} {hashlib.sha256((folder / path).read_bytes()).hexdigest()}\n" for path in photos)
    return len(photos), hashlib.sha256("".join(lines).encode()).hexdigest()


def read_idx(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (N, 28, 28) and labels uint8 (N,) from a pair of Fashion-MNIST's .gz files."""
    pictures = gzip.decompress((folder / f"{prefix}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())
    return (
        np.frombuffer(pictures, dtype=np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, dtype=np.uint8, offset=8),
    )


def download(url: str, to: Path, *, md5: str | None = None, progress: Progress | None = None) -> None:
    """Downloads a file. A broken transfer goes on where it stopped, also in a later call. Raises DownloadError."""
    if to.exists() and (md5 is None or _md5(to) == md5):
        return
    part = to.with_name(to.name + ".part")
    problem = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(min(0.2 * 4**attempt, 20))
        try:
            if not _fetch(url, part, progress):
                continue
        except urllib.error.HTTPError as error:
            problem = f"the server answered {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 416, 429):
                break
            if error.code == 416:  # what we have does not fit what is there: from the start
                part.unlink(missing_ok=True)
            continue
        except OSError as error:  # urllib's URLError and broken connections are OSErrors
            problem = str(getattr(error, "reason", error))
            continue
        if md5 is None or _md5(part) == md5:
            part.replace(to)
            return
        problem = "its MD5 is not the published one"
        part.unlink()
    raise DownloadError(f"{url} could not be downloaded: {problem or 'the transfer broke off'}. Try again later.")


def _fetch(url: str, part: Path, progress: Progress | None) -> bool:
    """Adds to `part` what it lacks; whether it is complete now."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "clothes"})  # noqa: S310 - our own constants
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        if total > _MOST_BYTES:
            raise DownloadError(f"{url} has {total} bytes, more than {_MOST_BYTES}: not what was expected.")
        with part.open("ab" if have else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                if have > _MOST_BYTES:
                    raise DownloadError(f"{url} goes on past {_MOST_BYTES} bytes: not what was expected.")
                if progress:
                    progress(have, max(total, have))
    return not total or have == total


def _unpack_photos(archive: Path, to: Path) -> None:
    """The photos TOP/PART/<class>/NAME of a zip file as PART/<class>/NAME; whatever else it holds is left in it."""
    try:
        with zipfile.ZipFile(archive) as packed:
            if sum(item.file_size for item in packed.infolist()) > _MOST_BYTES:
                raise DownloadError(f"{archive} unpacks to more than {_MOST_BYTES} bytes: not what was expected.")
            for item in packed.infolist():
                names = item.filename.split("/")
                if item.is_dir() or len(names) != 4 or names[1] not in PART_FOLDERS:
                    continue
                if any(name in ("", ".", "..") or "\\" in name or ":" in name for name in names):
                    raise DownloadError(f"{archive} holds the name {item.filename!r}: not what was expected.")
                target = to.joinpath(*names[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(item) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        raise DownloadError(f"{archive} is no zip file: {error}. Try again later.") from None


@contextmanager
def _whole(to: Path) -> Iterator[Path | None]:
    """A folder to write into that becomes `to` when all is well; None when `to` is there, and stays as it is."""
    if to.is_dir() and any(to.iterdir()):
        if not any(child.is_dir() and not child.name.startswith(".") for child in to.iterdir()):
            raise DownloadError(f"{to} is in use by something else. Choose another folder.")
        yield None
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        making.chmod(0o755)
        yield making
        if to.exists():
            to.rmdir()
        making.replace(to)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _check_file(path: Path, md5: str, sha256: str) -> None:
    """Raises DownloadError unless this .gz file, or what is in it, is what was published."""
    if not path.is_file():
        raise DownloadError(f"{path.parent} lacks {path.name}. --from needs the four .gz files of Fashion-MNIST.")
    if _md5(path) == md5:
        return
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DownloadError(f"{path} is not the published file: it is damaged, or another one of that name.")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
