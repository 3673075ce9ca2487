"""Work that begins in the same second has a folder of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clothes.errors import RunError
from clothes.system.dated_folders import claim_folder


def test_each_call_has_a_folder_of_its_own(tmp_path: Path) -> None:
    wanted = tmp_path / "runs" / "20260101-120000"
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim_folder(wanted), range(8)))
    names = [wanted.name, *(f"{wanted.name}-{number}" for number in range(2, 9))]
    assert sorted(path.name for path in claimed) == names
    assert sorted(path.name for path in wanted.parent.iterdir()) == names


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "gone")
    with pytest.raises(RunError, match=r"runs/1 cannot be made: File exists\. Give another by --out"):
        claim_folder(tmp_path / "runs" / "1")
