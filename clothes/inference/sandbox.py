"""Runs an unknown model once in a process of its own, where a crash of LiteRT harms nobody.

That process first verifies the file (`litert_verifier`), then predicts one picture with limited memory and time. A
model that passed is remembered in the cache by its SHA-256, the size and the version of LiteRT.
"""

import os
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np

from clothes.errors import ClothesError
from clothes.inference.litert_verifier import MOST_BYTES, verify_litert
from clothes.system.checksums import sha256
from clothes.system.files import write_text
from clothes.system.user_folders import cache_folder

_SECONDS = 60  # of CPU
_MOST_MEMORY = 4 * MOST_BYTES
_REFUSED = 3  # exit status: the reason is on stdout


def try_model(data: bytes, size: int) -> None:
    """Raises ValueError with the reason if a model for pictures of this size does not pass."""
    try:
        marker = cache_folder() / "models" / f"{sha256(data)}-{size}-{version('ai-edge-litert')}"
        if marker.exists():
            return
    except (ClothesError, OSError):  # no cache, or one that cannot be read
        marker = None
    run_sandbox(data, size)
    if marker:
        with suppress(OSError):  # then it runs again next time
            marker.parent.mkdir(parents=True, exist_ok=True)
            write_text(marker, "")


def run_sandbox(data: bytes, size: int) -> None:
    """Raises ValueError as `try_model` does, which remembers what passed."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    # -P: Python imports nothing from the current folder.
    command = [sys.executable, "-P", "-m", "clothes.inference.sandbox", str(size)]
    try:
        done = subprocess.run(
            command, input=data, env=os.environ | {"PYTHONPATH": path}, capture_output=True, timeout=2 * _SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"it does not answer within {2 * _SECONDS} seconds") from None
    if done.returncode == _REFUSED:
        raise ValueError(done.stdout.decode(errors="replace").strip()[:300])
    if done.returncode:
        raise ValueError(f"it crashes LiteRT, or takes too much memory or time (status {done.returncode})")


def _main(size: int) -> int:
    """Inside the sandbox: tries the model on stdin. The exit status is 0 if it passes."""
    with suppress(ImportError):  # not on Windows
        import resource

        limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: _SECONDS, resource.RLIMIT_AS: _MOST_MEMORY}
        for limited, most in limits.items():
            resource.setrlimit(limited, (most, most))
    data = sys.stdin.buffer.read()
    try:
        verify_litert(data)
        from clothes.inference.litert import LiteModel

        LiteModel(data).run(np.zeros((size, size, 3), dtype=np.uint8))
    except Exception as error:  # a damaged file can make the readers raise any exception
        sys.stdout.write(str(error) or type(error).__name__)
        return _REFUSED
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(int(sys.argv[1])))
