"""Broken and hostile photos: a short form of benchmarks/hostile_photos.py, and what its full form and fuzzing found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="not in a checkout"),
]


def show(*options: str) -> dict[str, dict[str, object]]:
    """What the script counts. Fails with what went wrong."""
    command = [sys.executable, "-m", "benchmarks.hostile_photos", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert done.returncode == 0, [found["wrong"] for found in result.values()]
    print(done.stdout, done.stderr)
    return result


def test_mutations_are_read_or_refused_with_a_code_by_decoder_and_page() -> None:
    pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
    result = show("--mutations", "660", "--http", "66", "--corpora", "0")
    assert result["mutations"]["photos"] == 660
    assert {"read", "not-a-photo", "truncated", "damaged", "too-large", "empty"} <= set(result["mutations"]["outcomes"])
    assert result["HTTP"]["photos"] == 66
    assert set(result["HTTP"]["statuses"]) == {"200"}
    assert len(result["HTTP"]["outcomes"]) >= 3


def test_pillows_own_test_images_are_read_or_refused_with_a_code() -> None:
    result = show("--mutations", "0", "--http", "0", "--corpora", "1")
    if next(iter(result)) == "mutations":
        pytest.skip("the package index cannot be reached")
    name, found = next(iter(result.items()))
    assert name.startswith("pillow-") and found["photos"] > 1000
    assert found["outcomes"]["read"] > 500 and found["outcomes"]["not-a-photo"] > 300
