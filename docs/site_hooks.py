"""Adapts links for the documentation site: the repository keeps the results in benchmarks/, the site beside its pages."""

import re
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page with links to benchmarks/results.md changed to the site's own page, and the results themselves filled in."""
    up = "../" * page.file.src_uri.count("/")
    markdown = re.sub(r"\]\((?:\.\./)+benchmarks/results\.md", f"]({up}results.md", markdown)
    return markdown


def on_files(files: Any, config: Any) -> Any:
    """Adds benchmarks/results.md to the site as results.md."""
    from mkdocs.structure.files import File

    with open("benchmarks/results.md", encoding="utf-8") as results:
        text = results.read().replace("](../docs/", "](")
    files.append(File.generated(config, "results.md", content=text))
    return files
