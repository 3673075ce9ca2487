"""The kept embeddings are those of the network, whatever lies in the cache."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import clothes
from clothes.errors import RunError
from clothes.training.pipeline import train

MADE = Path(__file__).parents[2] / "data" / "made-by-0.1.0"
QUICK = {"model": {"architecture": "quick"}}


def train_quickly(out: Path) -> bytes:
    """Returns the model that is fitted to the embeddings of the photos."""
    run = train(MADE / "photos", out=out, changes=QUICK, split=MADE / "finished" / "split.csv", overwrite=True)
    return (run.path / "bundle" / "model.tflite").read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "a%2f#b"))
    return tmp_path / "a%2f#b" / "embeddings"


@pytest.mark.slow
def test_damaged_embeddings_are_made_again(cache: Path, tmp_path: Path) -> None:
    expected = train_quickly(tmp_path / "run")
    (file,) = cache.iterdir()
    odd = ["data = x'00'", "data = NULL", "data = 'x'", "data = zeroblob(length(data))"]
    for change in (*odd, "data = (SELECT data FROM sealed LIMIT 1)"):
        with closing(sqlite3.connect(file)) as kept, kept:
            kept.execute(f"UPDATE sealed SET {change}")
        assert train_quickly(tmp_path / "run") == expected, change
    data = file.read_bytes()
    for broken in (bytes(5000), data[:5000], data[:100] + bytes(byte ^ 255 for byte in data[100:])):
        file.write_bytes(broken)
        assert train_quickly(tmp_path / "run") == expected


@pytest.mark.parametrize("asked", [{"trunk": 5}, {"trunk": ["a"]}, {"folds": "x"}, {"folds": 2.5}])
def test_odd_settings_of_a_foreign_run_are_refused(tmp_path: Path, asked: dict[str, object]) -> None:
    shutil.copytree(MADE, tmp_path / "made")
    run = clothes.Run.open(tmp_path / "made" / "interrupted")
    (run.path / "config.json").write_text(json.dumps(QUICK))
    (run.path / "run.json").write_text(json.dumps(run.info | {"asked": asked}))
    with pytest.raises(RunError, match="cannot be read: asked"):
        train(tmp_path / "made" / "photos", out=run.path, resume=True)
