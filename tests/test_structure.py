"""The rules of the package. The import contracts in pyproject.toml hold the order of the rooms."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clothes

PACKAGE = Path(clothes.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}

# The rooms and modules that may import a heavy package.
HEAVY = {
    "tensorflow": {"models.conversion"},
    "keras": {"models.backend"},
    "jax": {"training.workers"},
    "cv2": {"training.augmentation", "training.backgrounds", "training.outfits"},
    "sklearn": {"evaluation.linear_probe"},
    "gradio": {"web"},
    "matplotlib": {"report.plot_labels", "report.plots"},
    "jinja2": {"report.rendering"},
    "ai_edge_litert": {
        *("inference.litert", "inference.litert_verifier", "models.litert_head", "models.value_ranges"),
    },
    "typer": {"cli"},
    "rich": {"cli", "system.terminal_text"},
    "onnx": {"exporting.to_onnx"},
    "onnxruntime": {"exporting.to_onnx"},
    "optuna": {"training.search.study"},
    "pyarrow": {"inference.many", "outfits.many"},
    "ray": {"inference.many.ray_engine"},
    "pillow_heif": {"photos.decode.opening"},
    "google": {"collection.drive.auth", "collection.drive.client"},
    "googleapiclient": {"collection.drive.client", "collection.drive.errors"},
}
# The modules that write files by themselves: all others write through system.files.
WRITERS = {
    "system",
    "collection.provenance",  # its journal
    "photos.split_to_folders",
    "exporting",  # a folder made aside
    "collection.dataset_folder",  # a temporary folder, published in one step
    "collection.resumable_download",  # unfinished downloads
    "models.conversion",
    "web.corrections",  # moves a photo
    "web.predict_page",  # temporary files
    "web.uploads",  # temporary files
    "inference.run",  # moves a run
    "report.plots",  # into memory
}
WRITES = {"write_text", "write_bytes", "savez", "savefig", "copyfile", "rename", "touch", "mkstemp", "mkdtemp"}
WEB_CODE = re.compile(r"</?(div|p|html|script|style|table|h1)\b|=>|\{[^{}]*:[^{}]*;")
LONGEST_FILE, LONGEST_FUNCTION, MOST_ENTRIES = 300, 60, 15  # lines, lines, files and folders


def is_in(module: str, places: set[str]) -> bool:
    """Whether a module is one of these places or lies in one of them."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def imports(tree: ast.Module) -> set[str]:
    """The packages that a module imports at any time, except for type checks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in found}


def calls(tree: ast.Module) -> list[ast.expr]:
    """The functions that a module calls."""
    return [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_heavy_packages_stay_in_their_modules() -> None:
    wrong = {
        module: package
        for module in MODULES
        for package in imports(ast.parse(MODULES[module].read_text(encoding="utf-8"))) & HEAVY.keys()
        if not is_in(module, HEAVY[package])
    }
    assert not wrong


def test_exports_are_there_sorted_and_documented() -> None:
    assert clothes.__all__ == sorted(clothes.__all__)
    for name in clothes.__all__:
        assert getattr(clothes, name).__doc__, name
    with pytest.raises(AttributeError):
        clothes.nothing  # noqa: B018


def test_importing_clothes_is_light() -> None:
    code = "import sys, clothes; print(len([m for m in sys.modules if m.startswith(('numpy', 'PIL', 'keras'))]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_only_the_command_line_prints_and_exits() -> None:
    forbidden = {"print", "exit", "sys.exit", "os._exit"}
    for module, tree in TREES.items():
        assert is_in(module, {"cli"}) or not {ast.unparse(call) for call in calls(tree)} & forbidden, module


def test_kept_files_are_written_through_system_files() -> None:
    for module, tree in TREES.items():
        methods = {call.attr for call in calls(tree) if isinstance(call, ast.Attribute)}
        assert is_in(module, WRITERS) or not methods & WRITES, module


def test_python_that_is_started_imports_nothing_from_the_current_folder() -> None:
    for module, tree in TREES.items():
        for command in (node.elts for node in ast.walk(tree) if isinstance(node, ast.List)):
            if command and ast.unparse(command[0]) == "sys.executable":
                assert ast.unparse(command[1]) == "'-P'", module


def test_tests_share_code_through_support_only() -> None:
    for path in Path(__file__).parent.rglob("test_*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        shared = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        assert not [name for name in shared if name.startswith("tests.") and name.split(".")[1] != "support"], path


def test_files_and_functions_are_short_and_the_package_has_few_entries() -> None:
    wrong = [f"{module}: {count} lines" for module, count in lengths().items() if count > LONGEST_FILE]
    for module, tree in TREES.items():
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        wrong += [
            f"{module}.{function.name}: {length} lines"
            for function in functions
            if (length := function.end_lineno - function.lineno + 1) > LONGEST_FUNCTION  # type: ignore[operator]
        ]
    assert not wrong
    ignored = {"__init__.py", "__init__.pyi", "__main__.py", "py.typed", "__pycache__"}
    assert len({path.name for path in PACKAGE.iterdir()} - ignored) <= MOST_ENTRIES


def test_web_code_lies_in_files() -> None:
    """No string of more than five lines, other than a docstring, holds HTML, CSS or JavaScript."""
    for module, tree in TREES.items():
        nodes = list(ast.walk(tree))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            if (is_text or isinstance(node, ast.JoinedStr)) and (node.end_lineno or 0) - node.lineno >= 5:
                assert not WEB_CODE.search(ast.unparse(node)), f"{module}, line {node.lineno}"


def lengths() -> dict[str, int]:
    return {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}


def test_no_lock_file_of_a_package_manager_is_kept() -> None:
    root = PACKAGE.parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith(("uv.lock", "poetry.lock", "package-lock.json"))]
