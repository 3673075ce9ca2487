"""Tests the benchmarks: paths that their results name exist, and their imports can be resolved."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "benchmarks").exists():
    pytest.skip("not in a checkout", allow_module_level=True)

SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "recipes").glob("*.py")])


@pytest.mark.parametrize("document", sorted((ROOT / "benchmarks").glob("*.md")), ids=lambda path: path.name)
def test_results_name_existing_files_only(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = re.findall(r"\b(?:benchmarks|recipes|tests|docs|clothes)/[\w./-]*\w", text)
    paths += [name.replace(".", "/") + ".py" for name in re.findall(r"python -m (benchmarks\.\w+)", text)]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def imported_names(code: str) -> set[tuple[str, str]]:
    """Returns (module, name) of each name imported from this project, also by code in strings."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("clothes", "tests"):
            found |= {(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            statements = re.findall(r"from ((?:clothes|tests)[\w.]*) import ([\w, ]+)", node.value)
            found |= {(module, name.split()[0]) for module, names in statements for name in names.split(",")}
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_benchmarks_import_existing_names(script: Path) -> None:
    for module, name in imported_names(script.read_text(encoding="utf-8")):
        assert not module.startswith("tests") or module.startswith("tests.support"), module
        try:
            if not hasattr(importlib.import_module(module), name):
                importlib.import_module(f"{module}.{name}")
        except ImportError as error:
            if error.name and error.name.split(".")[0] in ("clothes", "tests"):
                raise
            pytest.skip(f"needs {error.name}")
