"""The words of the studio's page name all that it shows."""

import re
from pathlib import Path

import clothes
from clothes.cli.live_display import _TITLES

ROOT = Path(clothes.__file__).parent


def test_each_stage_of_a_job_has_words() -> None:
    words = (ROOT / "web/static/studio_words.js").read_text("utf-8")
    (stages,) = re.findall(r"\n  stages: \{\n(.*?)\n  \},", words, re.DOTALL)
    named = {bare or quoted for bare, quoted in re.findall(r'^ {4}(?:(\w+)|"([^"]+)"):', stages, re.MULTILINE)}
    of_report = re.findall(r'progress\("([^"]+)"', (ROOT / "report/report_page.py").read_text("utf-8"))
    assert len(of_report) == 3
    assert named >= {"start", "prepare", *_TITLES, "search", "test", "export", *of_report}
