"""Reads the photos of a zip file one by one, without unpacking it. Names inside give a class at most, never a path."""

import stat
import zipfile
import zlib
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath
from types import TracebackType

from clothes.errors import PhotoError, PhotosError
from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import Skipped, without_part

_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".cab", ".jar", ".iso"})
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the other methods without a limit
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags of a file: traditional, strong, encrypted directory
_NAME = 500  # bytes of the directory allowed for each file


@dataclass(frozen=True)
class Limits:
    """Limits of a zip file."""

    files: int = 50_000
    unpacked: int = 20_000_000_000  # bytes
    photo: int = 100_000_000  # bytes
    ratio: float = 100  # unpacked to packed, of files over 1 MB: photos hardly shrink
    depth: int = 12  # folders


@dataclass(frozen=True)
class Member:
    """A photo in a zip file: its path inside, and the class that its folder names, or an empty text."""

    path: str
    label: str
    info: zipfile.ZipInfo


class Archive(AbstractContextManager["Archive"]):
    """A zip file, checked before a photo is read. `members` are the photos by name, `skipped` the other files.

    The class is the first folder, not counting one that contains all others, nor train/, test/ or validation/. Raises
    PhotosError if the file is no zip file or is harmful.
    """

    def __init__(self, path: Path, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        with ExitStack() as stack:
            try:
                file = stack.enter_context(_Guarded(path))
                file.most = self._limits.files * _NAME
                self._packed = stack.enter_context(zipfile.ZipFile(file))
                file.most = None
            except OSError as error:
                raise PhotosError(f"{path} cannot be read: {error.strerror or error}.") from None
            except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
                raise PhotosError(
                    f"{path} cannot be read as a zip file: {error}. Other archives, and those in parts, are to be "
                    "unpacked first: then name the folder."
                ) from None
            infos = self._packed.infolist()
            if harm := _harm(infos, self._packed.start_dir, self._limits):
                raise PhotosError(f"{path} {harm}. Nothing was taken from it.")
            self._stack = stack.pop_all()
        reasons = [(info, _why_not(info, self._limits)) for info in infos]
        self.skipped = [Skipped(info.filename, reason) for info, reason in reasons if reason]
        good = [info for info, reason in reasons if not reason and not info.is_dir()]
        wrap = _wrap([info.filename for info in good])
        self.members = [Member(info.filename, _label(info.filename.removeprefix(wrap)), info) for info in good]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, member: Member) -> bytes:
        """Returns the bytes of a photo. Raises PhotoError if it is damaged."""
        try:
            with self._packed.open(member.info) as file:
                return file.read(member.info.file_size + 1)  # at most; a longer file fails its checksum
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise PhotoError(member.path, "damaged", f"it cannot be unpacked ({error})") from None


class _Guarded(FileIO):
    """A file that refuses reads of more than `most` bytes: zipfile reads a directory of any length at once."""

    most: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise zipfile.BadZipFile("it has too many files, or too long names")
        return super().read(size)


def _harm(infos: list[zipfile.ZipInfo], directory: int, limits: Limits) -> str:
    """Returns the reason to refuse the whole archive, or an empty text."""
    if len(infos) > limits.files:
        return f"holds {len(infos):,} files, more than the {limits.files:,} allowed"
    if (size := sum(info.file_size for info in infos)) > limits.unpacked:
        return f"unpacks to {size:,} bytes, more than the {limits.unpacked:,} allowed"
    for info in infos:
        name = info.orig_filename  # as stored: zipfile cuts `filename` at a NUL
        folders = name.removesuffix("/").split("/")
        if any(part in ("", ".", "..") for part in folders) or set(name) & {"\\", "\0"} or name[1:2] == ":":
            return f"holds {name[:100]!r}, which is no path below a folder"
        if len(folders) > limits.depth + 1:
            return f"holds {name[:100]!r}, more than {limits.depth} folders deep"
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [info.header_offset for info in ordered[1:]] + [directory]
    for info, end in zip(ordered, ends, strict=bool(ordered)):
        if info.header_offset < 0 or info.header_offset + 30 + len(info.orig_filename) + info.compress_size > end:
            return f"is damaged or a bomb: {info.filename!r} overlaps with what follows it"
    return ""


def _why_not(info: zipfile.ZipInfo, limits: Limits) -> str:
    """Returns the reason to skip one file of the archive, or an empty text."""
    path = PurePosixPath(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not a regular file"
    if info.is_dir():
        return "a folder that holds bytes of its own" if info.file_size else ""
    if any(part.startswith((".", "__")) for part in path.parts):
        return "hidden"
    if path.suffix.lower() in _ARCHIVES:
        return "an archive in an archive: unpack it, and collect from it"
    if path.suffix.lower() not in SUFFIXES:
        return "not a photo by its name"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted: unpack it with its password, and collect from the folder"
    if info.compress_type not in _METHODS:
        return f"packed in a way that is not read here (method {info.compress_type})"
    if info.file_size > limits.photo:
        return f"{info.file_size:,} bytes are more than the {limits.photo:,} allowed"
    if info.file_size > 1_000_000 and info.file_size > limits.ratio * info.compress_size:
        return f"it unpacks to over {limits.ratio:g} times its size, as a bomb does and no photo"
    return ""


def _wrap(names: list[str]) -> str:
    """Returns the folder, with its slash, that contains all class folders, or an empty text."""
    paths = [PurePosixPath(name).parts for name in names]
    shared = len({parts[0] for parts in paths}) == 1 and all(len(parts) > 2 for parts in paths)
    return f"{paths[0][0]}/" if shared else ""


def _label(name: str) -> str:
    parts = without_part(name).parts
    return parts[0] if len(parts) > 1 else ""
