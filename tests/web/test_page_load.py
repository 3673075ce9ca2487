"""The page with many visitors: a short form of benchmarks/page_load.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="not in a checkout")
def test_visitors_get_answers_or_busy_through_a_restart() -> None:
    command = [sys.executable, "-m", "benchmarks.page_load", "--clients", "6", "--seconds", "6"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    print(done.stdout)
    assert done.returncode == 0, found["outcomes"]
    assert found["outcomes"]["answered"] > 0
    assert found["most files"] < 40
