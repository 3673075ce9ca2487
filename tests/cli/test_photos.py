"""`clothes check` and `clothes split`."""

import json
from pathlib import Path

from tests.support.commands import run_command


def test_check_prints_a_report_and_the_next_command(place: Path) -> None:
    shown = run_command("check", "photos")
    assert shown.status == 0
    assert "bar" in shown.out
    assert shown.err == "Next:  clothes split photos\n"
    assert json.loads(run_command("check", "photos", "--json").out)["photos"] == 120


def test_split_prints_its_counts_and_copies_the_parts(place: Path) -> None:
    shown = run_command("split", "photos", "--out", "split.csv", "--copy-to", "copies")
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].split() == ["class", "train", "test", "validation"]
    assert lines[4].split() == ["all", "84", "24", "12"]
    assert shown.err.splitlines()[-1] == "Next:  clothes train photos --split split.csv"
    assert len(list((place / "copies" / "test").rglob("*.png"))) == 24
