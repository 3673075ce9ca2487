"""Names on both sides: what can stand in any folder, and what a file is called that cannot, or whose name is taken."""

import unicodedata
from pathlib import PurePosixPath

from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import RECORDS, why_no_name

_LONGEST = 200  # bytes of a name, so that a mark and an ending have room beside it
# Of pictures whose name has no ending, or none that can be used here.
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
    """What a file is called on either side: its name where that can stand in any folder, else its MD5 and an ending.

    A mark that it got by `marked` is taken off.
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
    """The name of a file beside which another of its name stands."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{md5[:8]}{dot}{ending}"


def unfit(name: str) -> str:
    """Why a name cannot stand in a folder of every system, or nothing."""
    return why_no_name(name, longest=_LONGEST)


def unfit_folder(path: str) -> str:
    """Why the folders of a photo's path cannot stand in Drive and come back from it, or nothing."""
    for name in path.split("/")[:-1]:
        if reason := unfit(name):
            return f"the folder {name}: {reason}. Rename it"
    return ""
