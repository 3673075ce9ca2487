"""A file or folder in Google Drive."""

from dataclasses import dataclass

FOLDER_TYPE = "application/vnd.google-apps.folder"
_SHORTCUT_TYPE = "application/vnd.google-apps.shortcut"


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
