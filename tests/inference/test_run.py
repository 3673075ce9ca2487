"""A run folder that cannot be read later is not begun."""

import os
import sys
from pathlib import Path

import pytest

import clothes
from clothes.config import Config
from clothes.errors import RunError
from clothes.photos.split_file import Split


@pytest.mark.skipif(sys.platform != "linux", reason="file names are UTF-8 there")
def test_photos_in_a_folder_that_is_not_utf8_start_no_run(tmp_path: Path) -> None:
    photos = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfctzen"))
    photos.mkdir()
    with pytest.raises(RunError, match="is not UTF-8"):
        clothes.Run.new(tmp_path / "run", Config(), Split(photos, ()))
    assert [path.name for path in tmp_path.iterdir()] == [photos.name]
