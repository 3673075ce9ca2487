"""Answers many photos on Ray in small parts, and ends in the middle if asked. Run by tests of `inference.many`.

    python -m tests.support.many_photos SOURCE OUT [driver|worker]

After three parts it kills itself (driver) or one of its workers, which Ray replaces. Prints the addresses at which
its processes listen.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
from pyarrow.fs import FileSystem

from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.many.answers import answer_photos, answers_schema, open_answers
from clothes.inference.many.ray_engine import answer_missing
from clothes.inference.many.task import LabelTask, Task
from tests.support.pictures import draw
from tests.support.processes import below, listening

PART_PHOTOS = 5
BROKEN = b"<html>"


def labels() -> Task:
    """Asks the bundled model."""
    return LabelTask.of(read_bundle(BUNDLED))


def answer_here(task: Task, photos: list[str]) -> pa.Table:
    return answer_photos(task.load(), answers_schema(task), photos)


def make_some_broken(folder: Path, *, photos: int, every: int = 20) -> list[str]:
    """A folder of photos, one of twenty broken. Returns their paths."""
    folder.mkdir(parents=True)
    for i in range(photos):
        path = folder / f"{i:04}.png"
        if i % every == 7:
            path.write_bytes(BROKEN)
        else:
            draw("bar", i).save(path)
    return sorted(map(str, folder.iterdir()))


def rows(out: Path | str, system: FileSystem | None = None) -> list[dict[str, object]]:
    """All rows of the answers in a folder or bucket, as a user reads them."""
    found: list[dict[str, object]] = pyarrow.dataset.dataset(str(out), filesystem=system).to_table().to_pylist()
    return found


def check_rows(found: list[dict[str, object]], photos: list[str], *, broken: int) -> None:
    """Each photo has one row, a broken one with its reason and no label."""
    assert Counter(str(row["photo"]) for row in found) == Counter(photos)
    bad = [row for row in found if row["code"]]
    assert {(row["code"], row["error"], row["label"], row["scores"]) for row in bad} == {
        ("not-a-photo", "this is not a picture of a known format", None, None)
    }
    assert len(bad) == broken
    assert all(row["label"] and row["error"] is None for row in found if not row["code"])


def main(source: str, out: str, killed: str = "") -> None:
    with open_answers(out, source, labels(), part_photos=PART_PHOTOS) as (answers, _):
        for done, part in enumerate(answer_missing(answers, labels(), workers=2), 1):
            assert not part.failed, part.failed
            if done != 3:
                continue
            children = below(os.getpid())
            print(*listening([os.getpid(), *children]), flush=True)
            if killed == "driver":
                os.kill(os.getpid(), signal.SIGKILL)
            if killed == "worker":
                os.kill(min(process for process, line in children.items() if "MapWorker" in line), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
