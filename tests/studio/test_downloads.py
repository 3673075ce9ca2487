"""A download is one zip file of a bundle or an export."""

import os
import zipfile
from pathlib import Path

from clothes.studio import downloads


def test_files_that_a_clock_has_dated_before_1980_are_packed(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"x")
    os.utime(file, (0, 0))
    downloads._write_zip(tmp_path / "a.zip", {"run-bundle/model": file})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"run-bundle/model": b"x"}
