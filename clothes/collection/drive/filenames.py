"""File names that are valid in every folder, and replacements for invalid or used names."""

import unicodedata
from pathlib import PurePosixPath

from clothes.photos.class_names import why_no_name
from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import RECORDS

_LONGEST = 200  # bytes of a name, which leaves room for a mark and an extension
# For pictures whose name has no usable ending.
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/heif": ".heif",
}


def safe_name(name: str, md5: str, mime: str = "") -> str:
    """Returns the name of a file on both sides: its own if every system allows it, else its MD5 and extension.

    Removes the mark that `marked` added.
    """
    name = unicodedata.normalize("NFC", name)
    ending = PurePosixPath(name).suffix.lower()
    if not (ending in SUFFIXES or name in RECORDS):
        ending = _ENDINGS.get(mime, "")
    elif not unfit(name):
        stem, dot, rest = name.rpartition(".")
        return f"{stem.removesuffix(f'-{md5[:8]}') or stem}{dot}{rest}"
    return md5 + ending


def marked(name: str, md5: str) -> str:
    """Returns the name for a file whose own name is taken by another file."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{md5[:8]}{dot}{ending}"


def unfit(name: str) -> str:
    """Returns the reason why some system does not allow a name, or an empty text."""
    return why_no_name(name, longest=_LONGEST)


def unfit_folder(path: str) -> str:
    """Returns the reason why the folders of a path cannot go to Drive and back, or an empty text."""
    for name in path.split("/")[:-1]:
        if reason := unfit(name):
            return f"the folder {name}: {reason}. Rename it"
    return ""
