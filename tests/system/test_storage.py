"""A full, failing or read-only disk, at every write: what was there before still works, and the error says what to do.

The disk is a small tmpfs, which only root may mount.
"""

import dataclasses
import errno
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.errors import ClothesError, RunError
from clothes.evaluation import results
from clothes.evaluation.evaluate import evaluate
from clothes.inference.bundle import MODEL, PROBES, WEIGHTS, write_bundle
from clothes.inference.run import Run
from clothes.photos.split_to_folders import copy_parts
from clothes.report import plots
from clothes.system.files import publish_new
from clothes.training.callbacks import TrainingCallback
from clothes.training.checkpoints import read_checkpoints, write_checkpoint
from clothes.training.datasets import decode
from clothes.training.train import train
from tests.support.checkpoints import identity, newest
from tests.support.pictures import SMALL, draw

PAGE = 4096
pytestmark = pytest.mark.slow


def mount(place: Path, *options: str) -> None:
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    mount(place, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class Case:
    """A run on the disk, and each thing that writes to it."""

    def __init__(self, original: Run, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.original, self.disk = original, disk
        self.of = identity(original)
        self.state, self.arrays = newest(original)
        alone = shutil.copytree(original.path / "bundle", disk / "bundle")  # the run shall not note it
        self.evaluation = evaluate(alone, photos=original.photos, out=disk / "evaluation")
        self.picture = plots.history(original.history)
        self.split = dataclasses.replace(original.split, root=original.photos)
        self.few = dataclasses.replace(self.split, rows=self.split.rows[:10])
        self.changed = dataclasses.replace(self.split, rows=self.split.rows[1:])
        self.writers: dict[str, Callable[[], object]] = {
            "bundle": self.write_bundle,
            "bundle.json": lambda: self.run.bundle.update(name="changed"),
            "checkpoint": self.write_checkpoint,
            "run.json": lambda: self.run.note(test_part_opened=7),
            "history.csv": lambda: self.run.write_history(original.history[:1]),
            "split.csv": lambda: self.changed.write(self.run.path / "split.csv", overwrite=True),
            "another run in its place": lambda: Run.new(self.run.path, SMALL, self.split, overwrite=True),
            "evaluation": lambda: results.write_evaluation(self.run.path, self.evaluation),
            "picture": lambda: plots.save(self.picture, self.run.path / "history.png"),
            "copies": lambda: copy_parts(self.few, disk / "copies"),
            "cache": lambda: decode(self.split, 48, ("validation",)),
        }
        monkeypatch.setenv("CLOTHES_CACHE", str(disk / "cache"))

    def reset(self) -> None:
        for path in self.disk.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.original.path, self.disk / "run")
        (self.disk / "run" / "history.png").write_bytes(b"before")
        self.run = Run(self.disk / "run")
        self.run.note(photos=str(self.original.photos))

    def write_bundle(self) -> None:
        bundle = self.original.bundle
        info = {key: value for key, value in bundle.info.items() if key not in ("format", "files", "sha256")}
        write_bundle(
            self.run.path / "bundle", info | {"name": "new"}, {f: bundle.file(f) for f in (MODEL, PROBES, WEIGHTS)}
        )

    def write_checkpoint(self) -> None:
        state = dataclasses.replace(self.state, epoch=5)
        write_checkpoint(self.run.path / "checkpoints", of=self.of, state=state, arrays=self.arrays)

    def problem(self, writer: str) -> str | None:
        """What a writer says when it fails."""
        try:
            self.writers[writer]()
        except (ClothesError, OSError) as error:
            return str(error)
        return None

    def check(self, where: str) -> None:
        """Nothing of before is lost, nothing half done is there."""
        run = self.run.replaced or self.run
        assert clothes.load(run.path).predict(draw("bar", 1)).label == "bar", where
        assert run.bundle.weights()[0].shape, where
        state, arrays = next(read_checkpoints(run.path / "checkpoints", of=self.of, like=self.arrays))
        assert state.epoch in (4, 5), where
        assert all(np.array_equal(a, b) for p in arrays for a, b in zip(arrays[p], self.arrays[p], strict=True)), where
        assert run.info["test_part_opened"] in (self.original.info["test_part_opened"], 7), where
        assert len(run.history) in (4, 1), where
        assert run.split.fingerprint in (self.split.fingerprint, self.changed.fingerprint), where
        picture = run.path / "history.png"
        assert picture.read_bytes() == b"before" or picture.read_bytes()[:4] == b"\x89PNG", where
        for copy in (self.disk / "copies").rglob("*.png"):
            assert copy.read_bytes() == next(self.original.photos.rglob(f"{copy.parent.name}/{copy.name}")).read_bytes()
        assert not list(self.disk.rglob(".making-*")), where


@pytest.fixture
def case(run: clothes.Run, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(run, disk, monkeypatch)


def leave(disk: Path, size: int) -> None:
    """Fills the disk up to this many bytes."""
    free = shutil.disk_usage(disk).free - size
    with (disk / "filler").open("wb") as file:
        if free > 0:
            os.posix_fallocate(file.fileno(), 0, free)


def test_a_full_disk_at_every_write(case: Case, disk: Path) -> None:
    counts = {}
    for writer in case.writers:
        for pages in itertools.count():
            case.reset()
            leave(disk, pages * PAGE)
            said = case.problem(writer)
            (disk / "filler").unlink()
            case.check(f"{writer} with {pages} pages")
            if said is None:
                break
            assert "No space left on device" in said, writer
            assert "needed" in said, f"{writer}: {said}"
        counts[writer] = pages
    print(f"{sum(counts.values())} failures by a full disk: {counts}")
    assert all(counts.values())


def test_an_input_output_error_at_every_step(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {}
    for writer in case.writers:
        for wanted in itertools.count(1):
            case.reset()
            done = 0

            def failing(real: Callable[..., object], wanted: int = wanted) -> Callable[..., object]:
                def act(*arguments: object, **more: object) -> object:
                    nonlocal done
                    done += 1
                    if done == wanted:
                        raise OSError(errno.EIO, os.strerror(errno.EIO))
                    return real(*arguments, **more)

                return act

            with monkeypatch.context() as patch:
                for name in ("fsync", "rename", "replace", "mkdir"):
                    patch.setattr(os, name, failing(getattr(os, name)))
                said = case.problem(writer)
            case.check(f"{writer}, step {wanted}")
            if done < wanted:
                break
            assert said is None or "Input/output error" in said, writer
        counts[writer] = wanted - 1
    print(f"{sum(counts.values())} failures by an I/O error: {counts}")
    assert all(counts.values())


def test_a_read_only_disk_at_every_write(case: Case, disk: Path) -> None:
    for writer in case.writers:
        case.reset()
        mount(disk, "-o", "remount,ro")
        said = case.problem(writer)
        mount(disk, "-o", "remount,rw")
        assert said is not None, writer
        assert "Read-only file system" in said or "cannot be written to" in said, f"{writer}: {said}"
        case.check(writer)
    print(f"{len(case.writers)} failures by a read-only folder")


def test_a_disk_that_fills_up_while_it_trains(run: clothes.Run, disk: Path) -> None:
    class Filling(TrainingCallback):
        def on_epoch(self, row: dict[str, float]) -> None:
            leave(disk, 3 * PAGE)

    out = disk / "run"
    leave(disk, 100_000)
    with pytest.raises(RunError, match=r"No space left on device.*Have 2\.\d MB free there, and go on with.*--resume"):
        train(run.photos, out=out, config=SMALL)
    (disk / "filler").unlink()
    with pytest.raises(RunError, match=r"device, 0\.\d MB needed.*last checkpoint is kept.*go on with.*--resume"):
        train(run.photos, out=out, resume=True, callback=Filling())
    (disk / "filler").unlink()
    assert len(train(run.photos, out=out, resume=True).history) == 4


def test_a_run_that_is_replaced_stays_until_the_new_one_is_finished(run: clothes.Run, tmp_path: Path) -> None:
    class Stopping(TrainingCallback):
        def on_epoch(self, row: dict[str, float]) -> None:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    shutil.copytree(run.path, out)
    before = run.bundle.info["created"]
    Run(out).note(photos=os.path.relpath(run.photos, out))
    for _ in range(2):  # the second replaces an unfinished one
        with pytest.raises(KeyboardInterrupt):
            train(run.photos, out=out, config=SMALL, overwrite=True, callback=Stopping())
        replaced = Run(out).replaced
        assert replaced is not None
        assert clothes.load(replaced.path).info["created"] == before
        assert Run(out).info["finished"] is None
    train(run.photos, out=out, resume=True)
    assert Run(out).replaced is None
    assert not (out / ".replaced").exists()
    assert clothes.load(out).classes == run.bundle.classes


def test_a_start_that_was_killed_is_not_in_the_way(run: clothes.Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / ".begun").touch()
    (out / "config.json").write_text("{")
    assert Run.new(out, SMALL, run.split).config == SMALL
    assert not (out / ".begun").exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_finished_file_never_replaces_another(tmp_path: Path, request: pytest.FixtureRequest, links: bool) -> None:
    if not links:
        request.getfixturevalue("mounted")
    for name in ("part", "taken"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        publish_new(tmp_path / "part", tmp_path / "taken")
    publish_new(tmp_path / "part", tmp_path / "free")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"taken": "taken", "free": "part"}
