"""Clusters that others have started: of one machine on loopback, and those on which no worker can start."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="many photos need the extra 'ray'")
if sys.platform != "linux":
    pytest.skip("looks at processes in /proc", allow_module_level=True)

from tests.support.many_photos import check_rows, make_some_broken, rows
from tests.support.pictures import ROOT
from tests.support.processes import below, listening

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """The environment of a program that uses the cluster: `auto` finds it, and CLIENT is its address for clients."""
    folder = tempfile.mkdtemp(prefix="ray-")  # not below tmp_path: the path of a socket is short
    client = free_port()
    variables = os.environ | {
        "RAY_TMPDIR": folder,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as there: every port is on loopback
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # below `uv run` as elsewhere
        "CLIENT": f"ray://127.0.0.1:{client}",
    }
    words = ["--head", "--block", "--node-ip-address=127.0.0.1", "--port=0", f"--ray-client-server-port={client}"]
    words += ["--include-dashboard=false", "--disable-usage-stats", "--num-cpus=2", "--object-store-memory=80000000"]
    command = [Path(sys.executable).with_name("ray"), "start", *words]
    with subprocess.Popen(command, cwd=ROOT, env=variables, start_new_session=True) as head:
        try:
            while not Path(folder, "ray", "ray_current_cluster").exists():
                assert head.poll() is None, "it did not start"
                time.sleep(0.2)
            yield variables
        finally:
            os.killpg(head.pid, signal.SIGTERM)
            head.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("address", ["auto", "CLIENT"])
def test_a_cluster_that_runs_answers_the_photos(cluster: dict[str, str], address: str, tmp_path: Path) -> None:
    photos, out = make_some_broken(tmp_path / "photos", photos=20), tmp_path / "out"
    words = ["--engine", "ray", "--out", out, "--workers", 1, "--address", cluster.get(address, address)]
    command = [sys.executable, "-m", "clothes", "predict", tmp_path / "photos", *words]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env=cluster, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"20 of 20 photos answered, in {out}.\n"
    assert "Ray is started" not in done.stderr
    check_rows(rows(out), photos, broken=1)
    assert listening([os.getpid(), *below(os.getpid())]) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("busy", "0 processors of 1 were free. `ray status` shows"),
        ("broken", "but no process starts there. Ray's logs"),
    ],
)
def test_a_cluster_on_which_no_worker_starts_is_an_error(how: str, reason: str, tmp_path: Path) -> None:
    make_some_broken(tmp_path / "photos", photos=5)
    words = ["-m", "tests.support.stuck_ray", how, str(tmp_path / "photos"), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("No worker has started in ")
    assert reason in done.stdout
    assert not list((tmp_path / "out").glob("part-*"))
