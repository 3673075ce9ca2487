"""A file or folder in Google Drive, read from an answer of its API."""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from clothes.errors import DriveError
from clothes.system.validation import check_type

FOLDER_TYPE = "application/vnd.google-apps.folder"
_SHORTCUT_TYPE = "application/vnd.google-apps.shortcut"


class About(TypedDict):
    """What Drive says of a file or folder. Integers are texts in its JSON."""

    id: str
    name: str
    mimeType: str
    size: NotRequired[str]
    md5Checksum: NotRequired[str]


class Page(TypedDict):
    """A part of a list of files."""

    files: NotRequired[list[About]]
    nextPageToken: NotRequired[str]


@dataclass(frozen=True)
class Item:
    """A file or folder in Drive. `size` is in bytes; only files with content have a size and an `md5`."""

    id: str
    name: str
    mime: str
    size: int = 0
    md5: str = ""

    @property
    def is_folder(self) -> bool:
        return self.mime == FOLDER_TYPE

    @property
    def is_shortcut(self) -> bool:
        return self.mime == _SHORTCUT_TYPE

    @property
    def link(self) -> str:
        return f"https://drive.google.com/drive/folders/{self.id}"


def read_item(about: Any) -> Item:
    """Returns the file or folder. Raises ValueError for another answer, DriveError if it lies in the trash."""
    check_type(about, About)
    if about.get("trashed"):
        raise DriveError(f"{about['name']} lies in Drive's trash. Take it out there first.")
    return Item(about["id"], about["name"], about["mimeType"], int(about.get("size", 0)), about.get("md5Checksum", ""))


def read_page(page: Any) -> tuple[list[Item], str | None]:
    """Returns the files and the token of the next page, if any. Raises ValueError for another answer."""
    check_type(page, Page)
    return list(map(read_item, page.get("files", []))), page.get("nextPageToken")
