"""Where a demo goes: into a free folder, or on with one that was interrupted."""

from pathlib import Path

import pytest

pytest.importorskip("keras", reason="the demo needs the extra 'train'")

from clothes.cli.demo import free_folder, is_interrupted

from clothes.collection.public_datasets import starter


def test_an_interrupted_demo_goes_on_and_a_finished_one_stays(tmp_path: Path) -> None:
    wanted = tmp_path / "demo"
    assert free_folder(wanted) == wanted
    starter(wanted / "photos")
    assert is_interrupted(wanted)
    assert free_folder(wanted) == wanted
    (wanted / "run").mkdir()
    (wanted / "run" / "evaluation.json").write_text("{}")
    assert not is_interrupted(wanted)
    assert free_folder(wanted) == tmp_path / "demo-2"


def test_photos_of_another_data_set_are_no_demo(tmp_path: Path) -> None:
    (tmp_path / "demo" / "photos").mkdir(parents=True)
    (tmp_path / "demo" / "photos" / "SOURCE.txt").write_text("clothing-dataset-small, CC0.\n")
    assert free_folder(tmp_path / "demo") == tmp_path / "demo-2"
