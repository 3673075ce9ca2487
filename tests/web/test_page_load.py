"""The page with many visitors and under attack: short forms of benchmarks/page_load.py and page_under_attack.py."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="not in a checkout"),
]


def measured(*words: str) -> dict[str, Any]:
    """What a benchmark prints. Fails if it does."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return dict(json.loads(done.stdout))


def test_visitors_get_answers_or_busy_through_a_restart() -> None:
    found = measured("benchmarks.page_load", "--clients", "6", "--seconds", "6")
    assert found["outcomes"]["answered"] > 0
    assert found["most files"] < 40


def test_attackers_keep_no_visitor_out_and_fill_nothing() -> None:
    found = measured("benchmarks.page_under_attack", "--seconds", "15")
    assert found["the visitor met"]["answered"] > 0
    assert found["sent"]["half-sent requests"] > 100
