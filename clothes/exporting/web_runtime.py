"""LiteRT.js, which runs the model in a browser: its files from npm, from a folder, or for the visitor from a CDN.

They are not part of this package. Whatever they come from, they are those whose checksums are here.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clothes.errors import ClothesError, ExportError
from clothes.system.files import write_folder
from clothes.system.user_folders import cache_folder

VERSION = "2.5.3"
PACKAGE = f"@litertjs/core@{VERSION}"
LOCAL, CDN = "local", "cdn"
CDN_HOST = "https://cdn.jsdelivr.net"
CDN_FOLDER = f"{CDN_HOST}/npm/{PACKAGE}"
# The build without relaxed SIMD: it runs in every browser, and gives each the same scores.
LIBRARY, SCRIPT, WASM = "dist/index.js", "wasm/litert_wasm_compat_internal.js", "wasm/litert_wasm_compat_internal.wasm"
INTEGRITY = {
    LIBRARY: "sha384-MapSVJ/DPwvaWpp7q+Bid9O3uY1oB0KOU1QRMP+Mm5zdz5oMme/BUyX6dVAMWnPg",
    SCRIPT: "sha384-oh4nb8zDq6eVOpGeZE5gwDOJ16QujHLL8k/HEXt3XiPxr+8zn3YnkXP8P3BlJET1",
    WASM: "sha384-glAZ6WjS7tLRt89pbTPXvLC1c7DCaVSfL2ngn5gZJiUuPs76fWYJy7ZeFaD0PJXx",
}
_SECONDS = 300
_MOST_BYTES = 50_000_000  # of a file
_FOLDER = f"name a folder with the files of {PACKAGE} (`npm pack` and unpack it, or node_modules): --runtime DIR."
_ADVICE = f"N{_FOLDER[1:]}"


@dataclass(frozen=True)
class Runtime:
    """The files of LiteRT.js by their path in its package. If `is_remote`, visitors get the large ones from a CDN."""

    files: dict[str, bytes]
    is_remote: bool

    def address(self, name: str) -> str:
        """Returns where the page finds the script or the wasm."""
        return f"{CDN_FOLDER}/{name}" if self.is_remote else f"runtime/{Path(name).name}"


def get_runtime(choice: str) -> Runtime:
    """Returns the runtime that `--runtime` names: "local" and "cdn" from npm, else a folder. Raises ExportError."""
    if choice in (LOCAL, CDN):
        return Runtime(_from_cache() or _from_npm(), choice == CDN)
    folder = Path(choice) / "package" if (Path(choice) / "package").is_dir() else Path(choice)
    try:
        files = {name: (folder / name).read_bytes() for name in INTEGRITY}
    except OSError as error:
        raise ExportError(f"{folder} lacks files of LiteRT.js: {error.filename}: {error.strerror}. {_ADVICE}") from None
    _verify(files, str(folder))
    return Runtime(files, False)


def integrity(data: bytes) -> str:
    """Returns the checksum of a file as browsers verify it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode()


def _verify(files: dict[str, bytes], place: str) -> None:
    for name, checksum in INTEGRITY.items():
        if integrity(files[name]) != checksum:
            raise ExportError(f"{name} in {place} is not that of LiteRT.js {VERSION}, by its checksum. {_ADVICE}")


def _cached() -> Path:
    return cache_folder() / "litert.js" / VERSION


def _from_cache() -> dict[str, bytes] | None:
    with suppress(OSError, ClothesError):
        files = {name: (_cached() / Path(name).name).read_bytes() for name in INTEGRITY}
        _verify(files, "the cache")
        return files
    return None


def _from_npm() -> dict[str, bytes]:
    """Downloads the package by `npm pack`, from the registry that npm is set to, and keeps it in the cache."""
    npm = shutil.which("npm")
    if npm is None:
        raise ExportError(f"The page needs LiteRT.js, and npm is not here to get it. Install Node.js, or {_FOLDER}")
    with tempfile.TemporaryDirectory(prefix="clothes-") as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", folder]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _no_answer(str(error)) from None
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or packed is None:
            raise _no_answer(next(iter(done.stderr.strip().splitlines()), f"status {done.returncode}"))
        files = _unpack(packed)
    _verify(files, "the package from npm")
    with suppress(OSError, ClothesError):  # then it is downloaded again next time
        _cached().parent.mkdir(parents=True, exist_ok=True)
        write_folder(_cached(), {Path(name).name: data for name, data in files.items()})
    return files


def _no_answer(reason: str) -> ExportError:
    return ExportError(f"npm cannot get {PACKAGE}: {reason}. Try again with a network, or {_FOLDER}")


def _unpack(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path) as package:
        for name in INTEGRITY:
            try:
                file = package.extractfile(f"package/{name}")
            except KeyError:
                file = None
            found[name] = file.read(_MOST_BYTES) if file else b""
    return found
