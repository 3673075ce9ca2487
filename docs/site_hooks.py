"""Publishes benchmarks/results.md as a page of the documentation site, and adapts the links to it."""

import re
from pathlib import Path
from typing import Any


def on_files(files: Any, config: Any) -> Any:
    """All pages, with the results among them."""
    from mkdocs.structure.files import File

    results = Path("benchmarks/results.md").read_text(encoding="utf-8").replace("](../docs/", "](")
    files.append(File.generated(config, "results.md", content=results))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """A page whose links to the results lead to the site's own page."""
    up = "../" * page.file.src_uri.count("/")
    return re.sub(r"\]\((?:\.\./)+benchmarks/results\.md", f"]({up}results.md", markdown)
