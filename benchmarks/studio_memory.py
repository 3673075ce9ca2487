"""Measures the memory of the studio's server while trainings run, one after the other, and two pages ask it.

    python -m benchmarks.studio_memory [--minutes 60] [--photos 600]

Each second both pages ask for the state, one of them for a curve and a thumbnail too. Prints a line of JSON each
minute, in MB, and at the end the growth since the first tenth, which warms up.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.studio_many import draw_photos


def resident(process: int) -> float:
    """Returns the megabytes of memory that a process holds; its trainings are other processes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return round(int(found[1]) * 1024 / 1e6, 1)


class Page:
    """Asks what the page asks."""

    def __init__(self, url: str, *, is_curious: bool) -> None:
        self.client = httpx.Client(base_url=f"{url}studio/", timeout=60)
        self.is_curious = is_curious
        self.trainings = 0

    def look(self) -> None:
        state = self.client.get("state").raise_for_status().json()
        if not self.is_curious:
            return
        job = state["job"]
        if job is None or job["state"] not in ("starting", "running", "stopping"):
            self.trainings += 1
            self.client.post("job", json={"do": "start", "kind": "train", "how": "own"}).raise_for_status()
        else:
            self.client.get(f"result/{job['run']}").raise_for_status()
        label = state["classes"][self.trainings % len(state["classes"])]["name"]
        photos = self.client.get("photos", params={"label": label, "count": 200}).json()["items"]
        self.client.get(f"thumbnail/{photos[int(time.time()) % len(photos)]['id']}").raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--photos", type=int, default=600)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        draw_photos(Path(scratch) / "one", given.photos, 4)
        command = [sys.executable, "-m", "clothes", "studio", str(Path(scratch) / "one"), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            url = re.findall(r"http://\S+", process.stdout.readline())[0]  # type: ignore[union-attr]
            pages = [Page(url, is_curious=curious) for curious in (True, False)]
            watch(pages, process.pid, given.minutes * 60)
            pages[0].client.post("job", json={"do": "stop"})
            while pages[0].client.get("state").json()["job"]["state"] in ("running", "stopping"):
                time.sleep(1)
        finally:
            process.terminate()
            process.wait(60)


def watch(pages: list[Page], process: int, seconds: float) -> None:
    began, warm, seen, told = time.monotonic(), 0.0, [0.0], 0.0
    while (passed := time.monotonic() - began) < seconds:
        for page in pages:
            page.look()
        now = resident(process)
        if passed < seconds / 10:
            warm = max(warm, now)
        else:
            seen.append(now)
        if passed >= told:
            told += 60
            print(json.dumps({"minute": round(passed / 60), "MB": now, "trainings": pages[0].trainings}), flush=True)
        time.sleep(1)
    print(json.dumps({"after the first tenth": warm, "most": max(seen), "growth": round(max(seen) - warm, 1)}))


if __name__ == "__main__":
    main()
