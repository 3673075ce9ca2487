"""A run folder that cannot be read later is not begun; one from another system is read."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import clothes
from clothes.config import Config
from clothes.errors import RunError
from clothes.inference.run import run_lock
from clothes.photos.split_file import Split

MADE = Path(__file__).parents[1] / "data" / "made-by-0.1.0" / "finished"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are UTF-8 there")
def test_photos_in_a_folder_that_is_not_utf8_start_no_run(tmp_path: Path) -> None:
    photos = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfctzen"))
    photos.mkdir()
    with pytest.raises(RunError, match="is not UTF-8"):
        clothes.Run.new(tmp_path / "run", Config(), Split(photos, ()))
    assert [path.name for path in tmp_path.iterdir()] == [photos.name]


@pytest.mark.parametrize("name", ["bundle", "checkpoints", ".replaced", "learning-curve", "learning-curve/25"])
def test_a_folder_of_a_foreign_run_that_is_a_link_is_not_written_to(tmp_path: Path, name: str) -> None:
    run, elsewhere = shutil.copytree(MADE, tmp_path / "run"), tmp_path / "elsewhere"
    (run / "learning-curve").mkdir()
    shutil.copytree(run / "bundle", elsewhere)
    (elsewhere / ".making-mine").touch()
    if (run / name).exists():
        shutil.rmtree(run / name)
    (run / name).symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    told = f"{Path(name).name} in it is a link, which may lead anywhere"
    for act in (clothes.evaluate, lambda path: clothes.train(tmp_path, out=path, resume=True)):
        with pytest.raises(RunError, match=told):
            act(run)
    with pytest.raises(RunError, match=told), run_lock(run):
        pass
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_run_that_windows_and_a_spreadsheet_saved_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    run = clothes.Run(shutil.copytree(MADE, tmp_path / "run"))
    (run.path / "run.json").write_text(json.dumps({"photos": r"..\photos", "finished": None}))
    text = (run.path / "history.csv").read_text()
    (run.path / "history.csv").write_text(text.replace(",", delimiter), encoding=encoding, newline="\r\n")
    assert run.photos == tmp_path / "photos" and run.is_of(tmp_path / "photos")
    assert [row["epoch"] for row in run.history] == list(range(1, 13))
