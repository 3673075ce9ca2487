"""Reads the photos of a zip file one by one, without unpacking it. Names inside give a class at most, never a path."""

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath

from clothes.errors import PhotoError, PhotosError
from clothes.photos.class_names import PART_FOLDERS
from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import Skipped

_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".cab", ".jar", ".iso"})
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the other methods without a limit
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags of a file: traditional, strong, encrypted directory
_UTF8 = 0x800  # flag: the name is in UTF-8
_UNIX = (3, 19)  # systems, Unix and macOS, that store names in UTF-8 without the flag; Windows stores its code page
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field: version 1, CRC-32 of the stored name, the name in UTF-8
_NAME = 500  # bytes of the directory allowed for each file


@dataclass(frozen=True)
class Limits:
    """Limits of a zip file."""

    files: int = 50_000
    unpacked: int = 20_000_000_000  # bytes
    photo: int = 100_000_000  # bytes
    ratio: float = 100  # unpacked to packed, of files over 1 MB: photos hardly shrink
    depth: int = 12  # folders


class Archive(AbstractContextManager["Archive"]):
    """A zip file, checked before a photo is read: the paths of its `photos`, and the other files in `skipped`.

    Raises PhotosError if the file is no zip file or is harmful.
    """

    def __init__(self, path: Path, *, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        with ExitStack() as stack:
            try:
                file = stack.enter_context(_Guarded(path))
                file.most = limits.files * _NAME
                self._packed = stack.enter_context(zipfile.ZipFile(file))
                file.most = None
            except OSError as error:
                raise PhotosError(f"{path} cannot be read: {error.strerror or error}.") from None
            except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
                if path.suffix.lower() in SUFFIXES:
                    raise PhotosError(f"{path} is a photo. Name the folder that it lies in, or a zip file.") from None
                raise PhotosError(
                    f"{path} cannot be read as a zip file: {error}. Unpack other archives, and those in parts, and "
                    "name the folder."
                ) from None
            infos = self._packed.infolist()
            names, self._unclear = _names(infos)
            if harm := _harm(infos, names, self._packed.start_dir, limits):
                raise PhotosError(f"{path} {harm}. Nothing was taken from it.")
            self._stack = stack.pop_all()
        self._path = path
        self.skipped: list[Skipped] = []
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for name, info in zip(names, infos, strict=True):
            if reason := _why_not(name, info, limits):
                self.skipped.append(Skipped(name, reason))
            elif name in self._infos:
                self.skipped.append(Skipped(name, "another file of the archive has the same name"))
            elif not name.endswith("/"):
                self._infos[name] = info
        self.photos = list(self._infos)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, photo: str) -> bytes:
        """Returns the bytes of a photo. Raises PhotoError if it is damaged."""
        info = self._infos[photo]
        try:
            with self._packed.open(info) as file:
                return file.read(info.file_size + 1)  # at most; a longer file fails its checksum
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
            raise PhotoError(photo, "damaged", f"it cannot be unpacked ({error})") from None

    def classes(self) -> list[str]:
        """Returns the class of each photo, named by its folder, or an empty text if it lies outside the class folders.

        Class folders may lie below single folders, and below train/, validation/ and test/. Raises PhotosError if
        their names cannot be read, or if it is not clear which folders are the classes.
        """
        try:
            return classes_of(self.photos, self._unclear.intersection(self.photos))
        except ValueError as reason:
            raise PhotosError(
                f"{self._path} {reason}. Name one class for all (--class), or unpack and sort it first."
            ) from None


def classes_of(photos: Sequence[str], guessed: Iterable[str] = ()) -> list[str]:
    """Returns the class of each photo by its path, as `Archive.classes` does. Names of those `guessed` may be wrong.

    Raises ValueError with the reason if it is not clear which folders are the classes.
    """
    folders = [PurePosixPath(photo).parts[:-1] for photo in photos]
    if reason := _why_unclear(folders, guessed):
        raise ValueError(reason)
    return [unicodedata.normalize("NFC", parts[0]) if parts else "" for parts in _class_folders(folders)]


class _Guarded(FileIO):
    """A file that refuses reads of more than `most` bytes: zipfile reads a directory of any length at once."""

    most: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise zipfile.BadZipFile("it has too many files, or too long names")
        return super().read(size)


def _names(infos: Iterable[zipfile.ZipInfo]) -> tuple[list[str], set[str]]:
    r"""Returns the paths, and those whose encoding is a guess. A `\` separates folders if no path has a slash."""
    decoded = [_decoded(info) for info in infos]
    backslashed = not any("/" in name for name, _ in decoded)
    names = [name.replace("\\", "/") if backslashed else name for name, _ in decoded]
    return names, {name for name, (_, known) in zip(names, decoded, strict=True) if not known}


def _decoded(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """Returns the whole stored name (zipfile cuts `filename` at a NUL), and whether its encoding is known."""
    if info.flag_bits & _UTF8 or info.orig_filename.isascii():
        return info.orig_filename, True
    stored = info.orig_filename.encode("cp437")  # which zipfile assumed
    candidates, extra = [stored] if info.create_system in _UNIX else [], info.extra
    while len(extra) > 9:
        kind, size, version, crc = struct.unpack_from("<HHBL", extra)
        if (kind, version, crc) == (_UNICODE_PATH, 1, zlib.crc32(stored)):
            candidates.insert(0, extra[9 : 4 + size])
        extra = extra[4 + size :]
    for name in candidates:
        try:
            return name.decode(), True
        except UnicodeDecodeError:
            continue
    return info.orig_filename, False


def _harm(infos: Sequence[zipfile.ZipInfo], names: Sequence[str], directory: int, limits: Limits) -> str:
    """Returns the reason to refuse the whole archive, or an empty text."""
    if len(infos) > limits.files:
        return f"holds {len(infos):,} files, more than the {limits.files:,} allowed"
    if (size := sum(info.file_size for info in infos)) > limits.unpacked:
        return f"unpacks to {size:,} bytes, more than the {limits.unpacked:,} allowed"
    for name in names:
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


def _why_not(name: str, info: zipfile.ZipInfo, limits: Limits) -> str:
    """Returns the reason to skip one file of the archive, or an empty text."""
    path = PurePosixPath(name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not a regular file"
    if name.endswith("/"):
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


def _class_folders(folders: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Returns the folders of each photo from its class on, or nothing if it lies outside the class folders."""
    below, depth = [parts for parts in folders if parts], 0
    while len({parts[0] for parts in below}) == 1 and all(len(parts) > 1 and not _is_part(parts) for parts in below):
        below, depth = [parts[1:] for parts in below], depth + 1
    found = [parts[depth:] for parts in folders]
    if any(map(_is_part, found)):
        return [parts[1:] if _is_part(parts) else () for parts in found]
    return found


def _is_part(parts: tuple[str, ...]) -> bool:
    return len(parts) > 1 and parts[0].lower() in PART_FOLDERS


def _why_unclear(folders: Sequence[tuple[str, ...]], guessed: Iterable[str]) -> str:
    """Returns why it is not clear which classes the folders of the photos name, or an empty text."""
    for name in sorted(guessed):
        if not (folder := name.rpartition("/")[0]).isascii():
            return f"does not say in which encoding names such as {folder[:100]!r} are"
    found = _class_folders(folders)
    inside: dict[str, set[str]] = {}  # class -> the folders in it, and an empty text for photos beside them
    for parts in filter(None, found):
        inside.setdefault(parts[0], set()).add(parts[1] if len(parts) > 1 else "")
    for name, below in sorted(inside.items()):
        if len(deeper := sorted(below - {""})) > 1 and ("" not in below or len(inside) == 1):
            return f"has the folders {', '.join(deeper[:4])} in {name}, and {name} or these may be the classes"
    above = max(
        (whole[: len(whole) - len(parts)] for whole, parts in zip(folders, found, strict=True) if parts),
        key=len,
        default=(),
    )
    if len(inside) == 1 and above and above[-1].lower() not in PART_FOLDERS:
        return f"has its photos in {'/'.join((*above, *inside))}, and each of these folders may be the class"
    return ""
