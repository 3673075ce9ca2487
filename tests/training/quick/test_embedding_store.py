"""The kept embeddings are those of the network, whatever lies in the cache."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.errors import RunError, SplitError, TrainingError
from clothes.photos.split_file import Row, Split
from clothes.training.quick.embedding_store import EmbeddingStore
from clothes.training.train import train

MADE = Path(__file__).parents[2] / "data" / "made-by-0.1.0"
QUICK = {"model": {"architecture": "quick"}}


def train_quickly(out: Path) -> bytes:
    """Returns the model that is fitted to the embeddings of the photos."""
    trunk, split = MADE / "finished", MADE / "finished" / "split.csv"
    run = train(MADE / "photos", out=out, changes=QUICK, split=split, trunk=trunk, overwrite=True)
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


class Watched:
    """A network that counts the photos it looks at."""

    def __init__(self) -> None:
        self.network, self.looked_at = clothes.load(MADE / "finished"), 0
        self.info = self.network.info

    def features_many(self, photos: Iterable[bytes]) -> Iterator[Any]:
        for features in self.network.features_many(photos):
            self.looked_at += 1
            yield features


def fill(rows: Sequence[Row], root: Path = MADE / "photos") -> int:
    """Returns how many photos were looked at."""
    network, counts, others = Watched(), [], []
    EmbeddingStore(network).fill(root, rows, lambda *at: counts.append(at), read=lambda *at: others.append(at))  # type: ignore[arg-type]
    for told, total in ((counts, network.looked_at), (others, len(rows) - network.looked_at)):
        assert told == [(i + 1, total) for i in range(total)]
    return network.looked_at


@pytest.fixture
def rows() -> tuple[Row, ...]:
    return Split.read(MADE / "finished" / "split.csv", MADE / "photos").rows


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the photos, older than whatever is kept."""
    shutil.copytree(MADE / "photos", tmp_path / "photos")
    return tmp_path / "photos"


def make_old(path: Path) -> None:
    os.utime(path, (1, 1))


def test_only_new_photos_are_looked_at(cache: Path, rows: tuple[Row, ...]) -> None:
    assert [fill(rows[:5]), fill(rows[:5]), fill(rows[2:]), fill(rows)] == [5, 0, len(rows) - 5, 0]


def test_embeddings_of_a_network_that_no_run_used_for_a_month_go(cache: Path, rows: tuple[Row, ...]) -> None:
    fill(rows[:5])
    (file,) = cache.iterdir()
    for name in ("earlier", "recent"):
        shutil.copy(file, cache / f"{name}.sqlite")
    for name in (file.name, "earlier.sqlite"):
        make_old(cache / name)
    assert fill(rows[:5]) == 0  # this one is in use
    assert {path.name for path in cache.iterdir()} == {file.name, "recent.sqlite"}


def test_embeddings_are_those_of_the_network_in_any_order(cache: Path, rows: tuple[Row, ...]) -> None:
    network = clothes.load(MADE / "finished")
    store = EmbeddingStore(network)
    store.fill(MADE / "photos", rows, lambda *at: None)
    expected = np.stack(list(network.features_many(MADE / "photos" / r.photo for r in rows)))  # type: ignore[misc]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert store.read(rows) == pytest.approx(expected, abs=1e-6)
    ((positions, values),) = store.blocks(rows, np.array([7, 2]))
    assert list(positions) == [7, 2] and values == pytest.approx(expected[[7, 2]], abs=1e-6)


def test_a_changed_photo_is_refused_though_its_old_content_is_kept(
    cache: Path, rows: tuple[Row, ...], copied: Path
) -> None:
    fill(rows)
    (copied / rows[0].photo).write_bytes((copied / rows[1].photo).read_bytes())
    make_old(copied / rows[0].photo)
    with pytest.raises(SplitError, match=f"{rows[0].photo} has changed since the split was made. Split again"):
        fill(rows, copied)


def test_a_changed_copy_of_a_photo_is_refused(cache: Path, rows: tuple[Row, ...], copied: Path) -> None:
    twice = (rows[0], replace(rows[0], photo=rows[1].photo))  # as if both had been the same
    with pytest.raises(SplitError, match=f"{rows[1].photo} has changed"):
        fill(twice, copied)


def test_a_missing_photo_is_refused(cache: Path, rows: tuple[Row, ...], copied: Path) -> None:
    (copied / rows[3].photo).unlink()
    for _ in range(2):
        with pytest.raises(SplitError, match=f"{rows[3].photo} is in the split but cannot be read"):
            fill(rows, copied)
        fill(rows)


def test_a_cache_that_cannot_be_kept_is_an_error(
    cache: Path, rows: tuple[Row, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rows[:5])
    real = EmbeddingStore._open
    for limit, reason in (("query_only = 1", "readonly database"), ("max_page_count = 2", "database or disk is full")):

        def limited(store: EmbeddingStore, limit: str = limit) -> sqlite3.Connection:
            opened = real(store)
            opened.execute(f"PRAGMA {limit}")
            return opened

        monkeypatch.setattr(EmbeddingStore, "_open", limited)
        assert fill(rows[:5]) == 0  # these are kept
        with pytest.raises(TrainingError, match=f"{reason}.*Make room there, or name another folder .* CLOTHES_CACHE"):
            fill(rows)


def test_what_lies_in_the_place_of_the_cache_is_an_error(cache: Path, rows: tuple[Row, ...]) -> None:
    fill(rows[:2])
    (file,) = cache.iterdir()
    with closing(sqlite3.connect(file)) as kept, kept:
        kept.execute("ALTER TABLE sealed RENAME COLUMN data TO other")
    with pytest.raises(TrainingError, match="no such column: data"):
        fill(rows)
    shutil.rmtree(cache)
    cache.write_text("mine")
    with pytest.raises(TrainingError, match="cannot be kept in"):
        fill(rows)
    assert cache.read_text() == "mine"


def test_a_cache_that_another_process_removes_is_an_error(cache: Path, rows: tuple[Row, ...]) -> None:
    store = EmbeddingStore(clothes.load(MADE / "finished"))
    store.fill(MADE / "photos", rows, lambda *at: None)
    shutil.rmtree(cache)
    cache.mkdir()
    with pytest.raises(TrainingError, match="was removed or damaged meanwhile"):
        store.read(rows)


def test_who_prints_and_is_closed_is_not_the_cache(cache: Path, rows: tuple[Row, ...]) -> None:
    def progress(*at: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        EmbeddingStore(clothes.load(MADE / "finished")).fill(MADE / "photos", rows, progress)


@pytest.mark.slow
def test_two_processes_fill_one_cache(cache: Path, tmp_path: Path, rows: tuple[Row, ...]) -> None:
    command = [sys.executable, "-m", "clothes", "train", MADE / "photos", "--model", "quick"]
    command += ["--split", MADE / "finished" / "split.csv", "--trunk", MADE / "finished"]
    running = [
        subprocess.Popen([*command, "--out", tmp_path / name], stderr=subprocess.PIPE, text=True) for name in "abc"
    ]
    for process in running:
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words
    models = {(tmp_path / name / "bundle" / "model.tflite").read_bytes() for name in "abc"}
    assert len(models) == 1 and fill([row for row in rows if row.part != "test"]) == 0


def test_a_cache_that_is_gone_is_an_error(cache: Path) -> None:
    store = EmbeddingStore(clothes.load())
    with pytest.raises(TrainingError, match=r"was removed or damaged meanwhile\. Begin again"):
        store.read([Row("a.jpg", "hat", "train", "", "0" * 64)])
