"""Checkpoints survive kills and damage; only those of the same training are read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.config import Config
from clothes.errors import RunError
from clothes.inference.run import HISTORY_COLUMNS
from clothes.system.checksums import write_verified_folder
from clothes.training.checkpoints import Arrays, State, read_checkpoints, write_checkpoint

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OF = {"config": Config().changed({"train": {"epochs": 4}}).to_dict(), "photos": "a hash"}


def arrays_of(epoch: int) -> Arrays:
    return {"variables": [np.full((2, 3), epoch, np.float32), np.array(epoch)], "best": []}


def state_of(epoch: int) -> State:
    return State(epoch=epoch, history=[dict.fromkeys(HISTORY_COLUMNS, 0.5)] * epoch)


def write(folder: Path, epoch: int) -> None:
    write_checkpoint(folder, of=OF, state=state_of(epoch), arrays=arrays_of(epoch))


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "c", 7)
    state, arrays = next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))
    assert state == state_of(7)
    assert [(value.dtype, value.shape) for value in arrays["variables"]] == [(np.float32, (2, 3)), (np.int64, ())]
    assert [value.max() for value in arrays["variables"]] == [7, 7]
    assert arrays["best"] == []


@pytest.mark.parametrize("scores", [None, [], [np.full((5, 3), 0.5, np.float32)]])
def test_the_scores_may_be_missing(tmp_path: Path, scores: list[np.ndarray] | None) -> None:
    """Earlier versions wrote none, and before the first epoch there are none."""
    like = arrays_of(0) | {"scores": [np.empty((5, 3), np.float32)]}
    arrays = arrays_of(1) | ({} if scores is None else {"scores": scores})
    write_checkpoint(tmp_path / "c", of=OF, state=state_of(1), arrays=arrays)
    found = next(read_checkpoints(tmp_path / "c", of=OF, like=like))[1]
    assert found.keys() == arrays.keys()
    assert np.array_equal(found.get("scores", []), scores or [])
    other = like | {"scores": [np.empty((4, 3), np.float32)]}
    if scores:
        with pytest.raises(RunError, match="does not fit this network"):
            next(read_checkpoints(tmp_path / "c", of=OF, like=other))


def test_the_last_three_are_kept_and_the_newest_whole_one_is_read(tmp_path: Path) -> None:
    for epoch in range(1, 6):
        write(tmp_path / "c", epoch)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [f"epoch-{i:06d}" for i in (3, 4, 5)]
    (tmp_path / "c" / "epoch-000005" / "arrays.bin").write_bytes(b"torn")
    found = read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0))
    assert [next(found)[0].epoch for _ in range(2)] == [4, 3]
    for epoch in (3, 4):
        (tmp_path / "c" / f"epoch-{epoch:06d}" / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match=r"No checkpoint in .* can be resumed .*000005.*checksum mismatch.*--overwrite"):
        list(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))
    assert list(read_checkpoints(tmp_path / "none", of=OF, like=arrays_of(0))) == []


@pytest.mark.parametrize("what", ["config", "photos"])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, what: str) -> None:
    write(tmp_path / "c", 1)
    with pytest.raises(RunError, match=f"of another {what}"):
        next(read_checkpoints(tmp_path / "c", of=OF | {what: "other"}, like=arrays_of(0)))


def rewrite(folder: Path, data: bytes | None = None, **changes: object) -> None:
    """Changes entries of a manifest and the arrays; all checksums are right again."""
    info = json.loads((folder / "manifest.json").read_text()) | changes
    data = (folder / "arrays.bin").read_bytes() if data is None else data
    del info["files"], info["sha256"]
    write_verified_folder(folder, "manifest.json", info, {"arrays.bin": data})


@pytest.mark.parametrize(
    "kind", ["|O", "O", "<M8[s]", "<U9", "|V8", "<f8", ">f4", "<c8", "f4,(9999999,9999)i8", 7, None, []]
)
def test_the_dtype_of_a_foreign_checkpoint_is_not_believed(tmp_path: Path, kind: object) -> None:
    """An object array would take bytes of the file for addresses, and crash the process."""
    write(tmp_path / "c", 1)
    described = {"variables": [[kind, [2, 3]], ["<i8", []]], "best": []}
    rewrite(tmp_path / "c" / "epoch-000001", data=bytes(1000), arrays=described)
    with pytest.raises(RunError, match="does not fit this network"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.parametrize("shape", [[10**12, 10**6], [2, -3], [3, 2], [6], 6, "23", None, [[2], 3], [2.0, 3.5]])
def test_the_shape_of_a_foreign_checkpoint_is_not_believed(tmp_path: Path, shape: object) -> None:
    write(tmp_path / "c", 1)
    rewrite(tmp_path / "c" / "epoch-000001", arrays={"variables": [["<f4", shape], ["<i8", []]], "best": []})
    with pytest.raises(RunError, match="does not fit this network"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.parametrize("arrays", [None, [], "x", {}, {"variables": []}, {"variables": {"a": 1}, "best": []}])
def test_a_foreign_description_of_the_arrays_is_refused(tmp_path: Path, arrays: object) -> None:
    write(tmp_path / "c", 1)
    rewrite(tmp_path / "c" / "epoch-000001", arrays=arrays)
    with pytest.raises(RunError, match="does not fit this network"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.parametrize("size", [0, 31, 33, 10_000_000])
def test_arrays_of_another_size_are_refused(tmp_path: Path, size: int) -> None:
    write(tmp_path / "c", 1)
    rewrite(tmp_path / "c" / "epoch-000001", data=bytes(size))
    with pytest.raises(RunError, match=r"arrays.bin has|buffer is smaller"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {"epoch": -1},
        {"epoch": "1"},
        {"epoch": 1.5},
        {"step": True},
        {"best": [1.0]},
        {"best": [1.0, "x"]},
        {"losses": {"a": 1}},
        {"history": [[1]]},
        {"history": [{"epoch": 1}]},
        {"seconds": None},
        {"unknown": 1},
        {"step": 2**70},
        {"epoch": 10**9},
        {"epoch": 0},
        {"step": 10**6},
        {"losses": [0.5]},
        {"best_epoch": 2},
    ],
)
def test_a_progress_that_is_impossible_is_refused(tmp_path: Path, state: object) -> None:
    write(tmp_path / "c", 1)
    folder = tmp_path / "c" / "epoch-000001"
    good = json.loads((folder / "manifest.json").read_text())["state"]
    rewrite(folder, state={**good, **state} if isinstance(state, dict) else state)
    with pytest.raises(RunError, match="can be resumed"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{", '{"format": NaN}', '{"format": 1e400}', '{"format": "\\u0000"}'),
        *('{"format": 1}', '{"format": 1, "of": 3}', '{"format": 1, "of": {"config": 1}}'),
        pytest.param(f'{{"format": {"9" * 5000}}}', id="5,000 digits"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_manifest_that_is_no_json_of_ours_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path / "c", 1)
    (tmp_path / "c" / "epoch-000001" / "manifest.json").write_text(text)
    with pytest.raises(RunError, match="can be resumed"):
        next(read_checkpoints(tmp_path / "c", of=OF, like=arrays_of(0)))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_kill_at_any_line_of_a_save_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_saving", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    counts = json.loads(done.stdout)
    assert counts["kills"] > 60
    assert 0 < counts["old"] < counts["kills"]


@pytest.mark.slow
@pytest.mark.skipif(not BENCHMARKS.exists(), reason="not in a checkout")
def test_sixty_damaged_bundles_and_checkpoints(
    run: clothes.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from damaged_files import count_outcomes

    outcomes = count_outcomes(run, 60, tmp_path)
    print(outcomes)
    assert sum(outcomes["bundles"].values()) == sum(outcomes["checkpoints"].values()) == 30
    assert outcomes["bundles"]["refused"] >= 25
    assert outcomes["checkpoints"]["the newest whole one"] >= 10
