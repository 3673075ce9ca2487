"""Kills a process at each line of a save, and looks at what is left. Run by test_checkpoints.

    python -m tests.support.killed_saving FOLDER

Prints JSON: `kills`, and `old`, how many of them left the checkpoint of before as the newest. Ends with an error at the
first state that is wrong.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import numpy as np

from clothes.config import Config
from clothes.inference.run import HISTORY_COLUMNS, run_lock
from clothes.system import checksums, files
from clothes.training import checkpoints

OF = {"config": Config().to_dict(), "photos": ""}
LIKE = {"variables": [np.zeros(1000, int)]}
LINES = {module.__file__ for module in (checkpoints, checksums, files)}


def save(folder: Path, epoch: int) -> None:
    arrays = {"variables": [np.full(1000, epoch)]}
    state = checkpoints.State(epoch=epoch, history=[dict.fromkeys(HISTORY_COLUMNS, 0.5)] * epoch)
    checkpoints.write_checkpoint(folder / "checkpoints", of=OF, state=state, arrays=arrays)


def killed(folder: Path, epoch: int, wanted: int) -> bool:
    """Whether a process was killed at the Nth line of a save."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal seen
        if frame.f_code.co_filename not in LINES:
            return None
        seen += event == "line"
        if seen == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    save(folder, epoch)
    os._exit(0)


def main(folder: Path) -> None:
    kills = old = 0
    epoch = 4
    for before in range(1, epoch):  # so that the save removes one, too
        save(folder, before)
    while killed(folder, epoch, kills + 1):
        kills += 1
        with run_lock(folder):
            state, arrays = next(checkpoints.read_checkpoints(folder / "checkpoints", of=OF, like=LIKE))
        newest = state.epoch
        assert newest in (epoch - 1, epoch), f"line {kills}: epoch {newest} is the newest"
        assert (arrays["variables"][0] == newest).all(), f"line {kills}: it holds something else"
        old += newest == epoch - 1
        if newest == epoch:
            epoch += 1
    print(json.dumps({"kills": kills, "old": old}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
