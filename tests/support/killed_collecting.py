"""Kills `collect_folder` again and again, and looks at what it leaves each time. Run by test_provenance and,
for `undo`, by test_camera_page.

    python -m tests.support.killed_collecting FOLDER lines     # at each line of provenance.py and files.py
    python -m tests.support.killed_collecting FOLDER undo      # at each of these lines where photos are taken back
    python -m tests.support.killed_collecting FOLDER 20        # at so many random moments

Prints JSON: `kills`, how many of them came while it ran; `settled`, those that left something for the next start; and
`photos`, how many whole ones were left in all. Ends with an error at the first state that is wrong.
"""

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType

from clothes.collection import provenance
from clothes.collection.collect import collect_folder
from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import Origin
from clothes.system import files
from tests.support.pictures import make_photos

provenance._LONG = 400  # bytes: the journal is emptied after some photos, in place of some thousand


def killed(
    source: Path,
    into: Path,
    *,
    prepare: Callable[[], None] = lambda: None,
    delay: float | None = None,
    act: Callable[[Path, Path], object] = lambda source, into: collect_folder(source, into=into),
) -> bool:
    """Whether a collecting process was killed: after a delay, or by what it was prepared with, or by what it did."""
    child = os.fork()
    if child == 0:
        prepare()
        act(source, into)
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def kill_at_line(wanted: int, modules: Sequence[ModuleType] = (provenance, files)) -> Callable[[], None]:
    """Makes this process kill itself at the Nth line that runs in these modules."""
    watched = {module.__file__ for module in modules}

    def prepare() -> None:
        seen = 0

        def trace(frame: FrameType, event: str, _: object) -> object:
            nonlocal seen
            if frame.f_code.co_filename not in watched:
                return None
            seen += event == "line"
            if seen == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)  # type: ignore[arg-type]

    return prepare


def state(into: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The hashes of the photos, by what is in them and by provenance.csv. Each photo must be whole."""
    photos = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.glob("*/[!.]*")}
    found = {name: hashlib.sha256(data).hexdigest() for name, data in photos.items()}
    assert all(Path(name).stem == sha256[:16] for name, sha256 in found.items()), "a photo is not whole"
    table = into / "sources.csv"
    rows = list(csv.DictReader(table.open(encoding="utf-8"))) if table.exists() else []
    assert len({row["file"] for row in rows}) == len(rows), "a photo has two rows"
    return found, {row["file"]: row["sha256"] for row in rows}


def look(source: Path, into: Path) -> tuple[bool, int]:
    """Whether photos and rows agreed at once, and how many photos there were; the same command must finish the job."""
    photos, rows = state(into) if into.exists() else ({}, {})
    agree = photos == rows
    assert agree or (into / provenance._JOURNAL).stat().st_size, "nothing says what was half done"
    assert len(photos.items() ^ rows.items()) <= 2, "more than one photo was half done"
    result = collect_folder(source, into=into)
    assert result.refused == ()
    assert sum(result.new.values()) <= len(list(source.glob("*/*"))) - min(len(photos), len(rows)), "it began anew"
    found, told = state(into)
    assert found == told, "photos and rows disagree"
    assert len(found) == len(list(source.glob("*/*"))), "a photo is missing"
    hidden = [path.name for path in into.rglob(".*")]
    assert not hidden, f"{hidden} was left"
    return agree, len(photos)


def undo_killed_at(line: int) -> Callable[[Path, Path], None]:
    """Puts two photos and takes back one, the last of its class, and one of the time before: killed in that."""

    def act(source: Path, into: Path) -> None:
        with Store(into) as store:
            first, second = (examine(path.read_bytes(), name="") for path in sorted(source.glob("frame/*")))
            store.put(first, "kept", Origin("camera"))
            path = store.put(second, "made", Origin("camera"))
            kill_at_line(line)()
            for taken in (path, *into.glob("bar/*")):
                assert taken
                store.undo(taken)

    return act


def kill_undos(folder: Path) -> dict[str, int]:
    source = make_photos(folder / "few", each=2, shapes=("frame",))
    collect_folder(make_photos(folder / "one", each=1, shapes=("bar",)), into=folder / "begin")
    kills = settled = total = 0
    into = folder / "into"
    while shutil.copytree(folder / "begin", into) and killed(source, into, act=undo_killed_at(kills + 1)):
        photos, rows = state(into)
        assert photos == rows or (into / provenance._JOURNAL).stat().st_size, "nothing says what was half done"
        with Store(into):
            found, told = state(into)
            assert found == told, "photos and rows disagree"
        assert not list(into.rglob(".*")), "something was left"
        kills, settled, total = kills + 1, settled + (photos != rows), total + len(photos)
        shutil.rmtree(into)
    photos, rows = state(into)
    assert photos == rows
    assert [name.split("/")[0] for name in photos] == ["kept"]
    return {"kills": kills, "settled": settled, "photos": total}


def main(folder: Path, how: str) -> None:
    if how == "undo":
        print(json.dumps(kill_undos(folder)))
        return
    kills = settled = total = 0
    into = folder / "into"
    if how == "lines":
        source = make_photos(folder / "few", each=1, shapes=("bar",))
        half_done = [folder / "nothing"]
        half_done[0].mkdir()
        for begin in half_done:
            line = 1
            while shutil.copytree(begin, into) and killed(source, into, prepare=kill_at_line(line)):
                left = shutil.copytree(into, folder / f"left-{kills}")
                agree, photos = look(source, into)
                if not agree and len(half_done) == 1:
                    half_done.append(left)
                line, kills, settled, total = line + 1, kills + 1, settled + (not agree), total + photos
                shutil.rmtree(into)
            shutil.rmtree(into)
    else:
        source = make_photos(folder / "many", each=20)
        chance = random.Random(0)
        started = time.monotonic()
        assert not killed(source, into, prepare=lambda: None)
        longest = time.monotonic() - started
        shutil.rmtree(into)
        while kills < int(how):
            if killed(source, into, prepare=lambda: None, delay=chance.uniform(0, longest)):
                kills += 1
                agree, photos = look(source, into)
                settled += not agree
                total += photos
            shutil.rmtree(into, ignore_errors=True)
    print(json.dumps({"kills": kills, "settled": settled, "photos": total}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
