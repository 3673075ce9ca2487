"""What a process and those below it are and do, from /proc."""

import socket
import struct
from collections.abc import Iterable
from pathlib import Path


def below(process: int) -> dict[int, str]:
    """The processes below one, each with its command line."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(status[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: lines[each] for each in found - {process}}


def listening(processes: Iterable[int]) -> set[str]:
    """The addresses at which these processes wait for connections."""
    sockets = set()
    for process in processes:
        try:
            sockets |= {path.readlink().name for path in Path(f"/proc/{process}/fd").iterdir()}
        except OSError:
            continue
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in sockets:
                words = cells[1].partition(":")[0]
                raw = b"".join(struct.pack("=I", int(words[i : i + 8], 16)) for i in range(0, len(words), 8))
                found.add(socket.inet_ntop(family, raw))
    return found
