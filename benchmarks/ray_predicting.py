"""Measures `clothes predict --engine ray`: speed, memory, and what killed nodes and drivers lose.

    uv run --extra ray python -m benchmarks.ray_predicting PHOTOS [speed] [memory] [nodes] [s3] [--photos 20000]

PHOTOS is a folder with photos. They are linked as often as needed, so the disk is cached: a real one may be slower.

speed: photos a second on a local cluster against `clothes predict`, one run each, starts included.
memory: peaks of the driver, of a worker and of everything Ray starts, seconds a photo and bytes of the answers, at each
of --sizes. With --outfit, of garments.
nodes: three nodes on loopback, one killed after a quarter of the photos, the driver after half and started again:
photos lost and answered twice.
s3 (not by default; needs moto): 2,000 photos, 5 % broken, from and into a bucket of a local S3 server that fails one of
9 requests and answers one of 13 late: rows, lost and answered twice.
"""

import argparse
import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

# Before Ray is imported. As in `clothes`: every port is on loopback. The token lets the drivers into the cluster here.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import pyarrow.dataset

from clothes.photos.folders import list_photos
from tests.support.processes import below

_COPIED = 500  # different photos
_PART = 500  # photos of a part
_STORE = 80_000_000  # bytes of a node's object store, about the least that Ray takes
_BUCKET_PHOTOS, _BROKEN = 2_000, 20  # one of so many is broken


def make_links(source: Path, to: Path, count: int) -> Path:
    """A folder of so many photos: some copies, and links to them."""
    originals = to.with_name("originals")
    if not originals.exists():
        originals.mkdir()
        for i, path in enumerate(list_photos(source)[0][:_COPIED]):
            shutil.copy(path, originals / f"{i:04}{path.suffix}")
    copies = sorted(originals.iterdir())
    to.mkdir()
    for i in range(count):
        copy = copies[i % len(copies)]
        (to / f"{i:07}{copy.suffix}").hardlink_to(copy)
    return to


def command(photos: Path | str, *words: object) -> list[str]:
    return [sys.executable, "-m", "clothes", "predict", str(photos), *map(str, words)]


def measure_speed(photos: Path, count: int, folder: Path) -> None:
    def seconds(*words: object) -> float:
        began = time.perf_counter()
        subprocess.run(command(photos, *words), check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    here, ray = seconds("--json"), seconds("--engine", "ray", "--out", folder / "answers")
    print(f"| photos a second, {count:,} photos, {os.cpu_count()} processors | |\n| --- | --- |")
    print(f"| clothes predict | {count / here:.1f} |\n| --engine ray | {count / ray:.1f} |")
    print(f"| ratio | {here / ray:.2f} |\n", flush=True)


def resident(process: int) -> float:
    """Megabytes that a process alone uses, with its share of what it shares."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(text.split("\nPss:")[1].split()[0]) / 1000


def peaks(process: "subprocess.Popen[bytes]") -> dict[str, float]:
    """The largest memory of a driver, of a worker, and of all, until it ends."""
    found = {"driver": 0.0, "worker": 0.0, "all": 0.0}
    while process.poll() is None:
        lines = below(process.pid)
        sizes = {each: resident(each) for each in (process.pid, *lines)}
        workers = [sizes[each] for each, line in lines.items() if "MapWorker" in line]
        for what, size in (("driver", sizes[process.pid]), ("worker", max(workers, default=0.0))):
            found[what] = max(found[what], size)
        found["all"] = max(found["all"], sum(sizes.values()))
        time.sleep(1)
    return found


def measure_memory(source: Path, sizes: list[int], folder: Path, *options: str) -> None:
    heads = "photos", "driver, MB", "a worker, MB", "all, MB", "seconds a photo", "bytes a photo"
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for count in sizes:
        photos, out = make_links(source, folder / f"photos-{count}", count), folder / f"answers-{count}"
        began = time.perf_counter()
        with subprocess.Popen(command(photos, "--engine", "ray", *options, "--out", out)) as process:
            found = peaks(process)
        assert process.returncode == 0
        seconds, size = time.perf_counter() - began, sum(path.stat().st_size for path in out.iterdir())
        cells = " | ".join(f"{size:.0f}" for size in found.values())
        print(f"| {count:,} | {cells} | {seconds / count:.4f} | {size / count:.0f} |", flush=True)


def measure_bucket(source: Path, folder: Path) -> None:
    from tests.support.s3_server import make_bucket, s3_server, variables

    photos = make_links(source, folder / "photos-s3", _BUCKET_PHOTOS)
    broken = sorted(photos.iterdir())[::_BROKEN]
    for path in broken:
        path.unlink()
        path.write_bytes(b"<html>")
    with s3_server(failing=False) as server:  # what is in its buckets stays in this process
        make_bucket(server, "shop")
        connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=60)
        for path in photos.iterdir():  # pyarrow would take three requests a file
            connection.request("PUT", f"/shop/photos/{path.name}", path.read_bytes())
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
    words, runs = command("s3://shop/photos", "--engine", "ray", "--out", "s3://shop/answers"), 1
    with s3_server() as server:
        while subprocess.run(words, env=os.environ | variables(server)).returncode:
            runs += 1
            assert runs < 5, "photos stay without answers"
        bucket = make_bucket(server, "shop")
        rows = pyarrow.dataset.dataset("shop/answers", filesystem=bucket).to_table(columns=["photo", "code"])
    names = {f"s3://shop/photos/{path.name}" for path in photos.iterdir()}
    print(f"| a bucket that fails and is slow, {len(names):,} photos | |\n| --- | --- |")
    print(f"| runs of the command | {runs} |")
    print_rows(names, rows["photo"].to_pylist())
    unread = sum(code is not None for code in rows["code"].to_pylist())
    print(f"| rows with a reason, of {len(broken)} broken photos | {unread} |\n", flush=True)


def print_rows(photos: set[str], answered: list[str]) -> None:
    rows = Counter(answered)
    print(f"| rows | {rows.total():,} |\n| photos lost | {len(photos - set(rows))} |")
    print(f"| answered twice | {sum(number > 1 for number in rows.values())} |", flush=True)


def measure_nodes(photos: Path, count: int, folder: Path) -> None:
    from ray.cluster_utils import Cluster

    out = folder / "answers-nodes"
    node = {"num_cpus": 1, "object_store_memory": _STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    others = [cluster.add_node(**node) for _ in range(2)]
    words = command(photos, "--engine", "ray", "--out", out, "--address", cluster.address)
    parts = -(-count // _PART)

    def wait(share: float) -> None:
        while len(list(out.glob("part-*"))) < share * parts:
            assert driver.poll() is None, "the driver has ended"
            time.sleep(0.2)

    try:
        driver = subprocess.Popen(words)
        wait(0.25)
        cluster.remove_node(others[0], allow_graceful=False)
        wait(0.5)
        driver.kill()
        driver.wait()
        kept = len(list(out.glob("part-*")))
        assert subprocess.run(words).returncode == 0
    finally:
        threading.Timer(60, os._exit, (1,)).start()  # Ray may wait for ever for a node that was killed
        cluster.shutdown()
    answered = pyarrow.dataset.dataset(out).to_table(columns=["photo"])["photo"].to_pylist()
    print(f"| three nodes, one killed, then the driver, {count:,} photos | |\n| --- | --- |")
    print(f"| parts of {parts} when the driver was killed | {kept} |")
    print_rows({str(path) for path in photos.iterdir()}, answered)
    shutil.rmtree(folder)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="PHOTOS", type=Path)
    parser.add_argument("parts", nargs="*", default=["speed", "memory", "nodes"])
    parser.add_argument("--photos", type=int, default=20_000, help="for speed and nodes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000], help="for memory")
    parser.add_argument("--outfit", action="store_true", help="for memory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = make_links(given.source, folder / "photos", given.photos)
        if "speed" in given.parts:
            measure_speed(photos, given.photos, folder)
        if "memory" in given.parts:
            measure_memory(given.source, given.sizes, folder, *["--outfit"] * given.outfit)
        if "s3" in given.parts:
            measure_bucket(given.source, folder)
        if "nodes" in given.parts:
            measure_nodes(photos, given.photos, folder)


if __name__ == "__main__":
    main()
