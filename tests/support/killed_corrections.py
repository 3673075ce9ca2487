"""Kills processes that write or accept corrections, and checks what is left. Run by test_corrections.

    python -m tests.support.killed_corrections FOLDER write      # 50 threads write until killed; prints each name
    python -m tests.support.killed_corrections FOLDER accept 4   # at every fourth line of provenance.py and files.py

The second prints JSON: `kills`, and `waiting`, after how many of them the correction still waited.
"""

import hashlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path

from clothes.inference.confidence import Prediction
from clothes.web.corrections import Inbox, Review, list_corrections, read_correction
from tests.support.killed_collecting import kill_at_line, killed
from tests.support.pictures import photo

WRITERS = 50
ANSWER = Prediction("hat", 0.7, {"hat": 0.7, "bar": 0.3}, known=True)


def write(root: Path) -> None:
    photos = [photo(seed) for seed in range(8)]
    with Inbox(root) as inbox:

        def person(number: int) -> None:
            while True:
                data = photos[number % len(photos)]
                name = inbox.keep(data, ANSWER, f"class {number}")
                os.write(1, f"{name} {number} {hashlib.sha256(data).hexdigest()}\n".encode())  # in one write

        people = [threading.Thread(target=person, args=(number,)) for number in range(WRITERS)]
        for thread in people:
            thread.start()
        for thread in people:
            thread.join()


def accept(root: Path, step: int) -> None:
    line, kills, waited, dies = 1 - step, 0, 0, True
    while dies:
        line += step
        shutil.rmtree(root, ignore_errors=True)
        inbox, photos = root / "inbox", root / "photos"
        with Inbox(inbox) as open_inbox:
            name = open_inbox.keep(photo(1), ANSWER, "bar")

        def act(inbox: Path, photos: Path, name: str = name) -> None:
            with Review(inbox, photos) as review:
                review.accept(name)

        dies = killed(inbox, photos, prepare=kill_at_line(line), act=act)
        kills += dies
        if list_corrections(inbox)[0]:
            waited += 1
            act(inbox, photos)
        else:
            with Review(inbox, photos):  # recovers
                pass
        assert list_corrections(inbox) == ([], []), line
        assert read_correction(inbox / "accepted" / name).photo == photo(1), line
        (stored,) = (photos / "bar").iterdir()
        assert stored.read_bytes() == photo(1), line
        rows = (photos / "sources.csv").read_text().splitlines()
        assert len(rows) == 2 and ",correction," in rows[1], (line, rows)
    print(json.dumps({"kills": kills, "waiting": waited}))


if __name__ == "__main__":
    if sys.argv[2] == "write":
        write(Path(sys.argv[1]))
    else:
        accept(Path(sys.argv[1]), int(sys.argv[3]))
