"""Runs the commands of benchmarks/peers.py: environments, time, and the memory of a process tree."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.peers_ways import Way
from tests.support.processes import below

LIMIT = 3600  # seconds of a command


@dataclass(frozen=True)
class Used:
    """What a command took."""

    seconds: float
    processor: float  # seconds, with its children
    megabytes: float  # the largest sum of Pss, or 0 if not sampled


class PeerError(Exception):
    """A command of a way failed; the message is the end of its output."""


def proportional_memory(process: int) -> float:
    """Returns the megabytes of a process and those below it; a page that several share is counted once."""
    total = 0
    for each in (process, *below(process)):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total * 1024 / 1e6


def run(words: Sequence[str], environment: dict[str, str], log: Path, *, sample: float = 0) -> Used:
    """Runs a command, its output in `log`, and looks at its memory every `sample` seconds. Raises PeerError."""
    began, most, ended = time.perf_counter(), [0.0], threading.Event()
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, env=environment, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def watch() -> None:
        while not ended.wait(sample):
            most.append(proportional_memory(process.pid))

    late = threading.Timer(LIMIT, lambda: os.killpg(process.pid, 9))
    for thread in (late, *([threading.Thread(target=watch)] if sample else [])):
        thread.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    late.cancel()
    if process.returncode:
        lines = [
            line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        why = f"no end after {LIMIT} s" if seconds >= LIMIT else " ".join(lines[-1:])[-300:]
        raise PeerError(f"status {process.returncode}: {why}")
    return Used(seconds, used.ru_utime + used.ru_stime, max(most))


def make_environment(way: Way, folder: Path) -> Path:
    """Returns the environment of a way, installed the first time. Raises PeerError."""
    place = folder / sha256(" ".join(way.needs).encode()).hexdigest()[:12]
    done = place / "needs.json"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for words in (
            ("venv", "--quiet", "--python", version, str(place)),
            ("pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *way.needs),
        ):
            made = subprocess.run(("uv", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if made.returncode:
                raise PeerError(f"uv {words[0]}: {' '.join(made.stdout.split())[-300:]}")
        done.write_text(json.dumps(way.needs), encoding="utf-8")
    return place


def describe_environment(way: Way, place: Path) -> dict[str, Any]:
    """Returns the version of a way's package and the megabytes of what is installed, without bytecode."""
    listed = subprocess.run(
        ("uv", "pip", "list", "--format", "json", "--python", str(place / "bin" / "python")),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    versions = {package["name"]: package["version"] for package in json.loads(listed.stdout)}
    files = (
        path
        for path in (place / "lib").rglob("*")
        if path.suffix != ".pyc" and not path.is_symlink() and path.is_file()
    )
    return {
        "version": versions[way.package.replace(".", "-")],
        "installed": sum(path.stat().st_size for path in files) / 1e6,
    }


def variables(place: Path, work: Path) -> dict[str, str]:
    """Returns the environment variables of a way: a home and caches of its own, and no tries to download."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    home = place / "home"  # kept, so that only the first command ever looks for fonts
    home.mkdir(exist_ok=True)
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "YOLO_CONFIG_DIR": str(home),
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CLOTHES_CACHE": str(work / "cache"),
        "HF_HUB_OFFLINE": "1",
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
