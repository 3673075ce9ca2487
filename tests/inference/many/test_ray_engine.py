"""Many photos on a local Ray cluster, which each test starts and ends: killed processes, and a bucket."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="many photos need the extra 'ray'")
pytest.importorskip("moto", reason="an S3 server for tests needs moto")
if sys.platform != "linux":
    pytest.skip("looks at processes in /proc", allow_module_level=True)

from tests.support.many_photos import PART_PHOTOS, check_rows, make_some_broken, rows
from tests.support.pictures import ROOT
from tests.support.s3_server import make_bucket, s3_server, upload, variables

pytestmark = pytest.mark.slow
PHOTOS = 120


def answer(
    source: object, out: object, killed: str = "", *, below: tuple[str, ...] = (), **variables: str
) -> "subprocess.CompletedProcess[str]":
    words = [*below, sys.executable, "-m", "tests.support.many_photos", str(source), str(out), killed]
    return subprocess.run(words, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=240)


@pytest.mark.skipif(not shutil.which("uv"), reason="needs uv")
def test_workers_start_below_uv_run_too(tmp_path: Path) -> None:
    photos = make_some_broken(tmp_path / "photos", photos=2 * PART_PHOTOS)
    done = answer(tmp_path / "photos", tmp_path / "out", below=("uv", "run", "--no-sync"))
    assert done.returncode == 0, done.stderr
    check_rows(rows(tmp_path / "out"), photos, broken=1)


def test_killed_drivers_and_workers_lose_and_repeat_no_photo(tmp_path: Path) -> None:
    photos, out = make_some_broken(tmp_path / "photos", photos=PHOTOS), tmp_path / "out"
    killed = answer(tmp_path / "photos", out, "driver")
    assert killed.returncode == -9, killed.stderr
    assert set(killed.stdout.split()) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, "Ray listens to others"
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 3 <= len(before) < PHOTOS // PART_PHOTOS
    done = answer(tmp_path / "photos", out, "worker")
    assert done.returncode == 0, done.stderr
    check_rows(rows(out), photos, broken=PHOTOS // 20)
    assert before == {name: (out / name).stat().st_mtime_ns for name in before}, "a part was answered again"


def test_a_bucket_that_fails_now_and_then_gives_and_takes_every_photo(tmp_path: Path) -> None:
    make_some_broken(tmp_path / "photos", photos=PHOTOS)
    with s3_server() as server:
        bucket = make_bucket(server, "shop")
        photos = upload(bucket, tmp_path / "photos", "shop/photos")
        killed = answer("s3://shop/photos", "s3://shop/answers", "driver", **variables(server))
        assert killed.returncode == -9, killed.stderr
        done = answer("s3://shop/photos", "s3://shop/answers", **variables(server))
        assert done.returncode == 0, done.stderr
        check_rows(rows("shop/answers", bucket), photos, broken=PHOTOS // 20)
