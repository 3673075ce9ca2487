"""The folder of the uploads, and how long they stay."""

from pathlib import Path

import pytest

import clothes
from clothes.web import USER_ID, process_folder, uploads


def test_each_process_has_a_folder_below_the_given_one(tmp_path: Path) -> None:
    own, other = process_folder(tmp_path), process_folder(tmp_path)
    assert own != other and own.parent == other.parent == tmp_path / f"clothes-page-{USER_ID}"
    assert process_folder(own).parent == own.parent  # a child process inherits GRADIO_TEMP_DIR


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder, which does not exist yet."""
    monkeypatch.setattr(uploads, "PAGE_FOLDER", tmp_path / "pages" / "own")
    return tmp_path / "pages"


def test_a_folder_open_to_others_is_closed(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    uploads.prepare_folder()
    assert folder.stat().st_mode & 0o777 == (folder / "own").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_link_or_not_ours_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()
    folder.unlink()
    folder.mkdir()
    monkeypatch.setattr(uploads, "USER_ID", USER_ID + 1)
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(clothes.ClothesError, match=r"File exists\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()
