"""The rules of the house: imports point down, heavy packages stay in their modules, exports are what they say."""

import ast
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
# The modules that may import a heavy package; the import contracts in pyproject.toml hold the order of the rooms.
HEAVY = {
    "tensorflow": {"models.conversion"},
    "keras": {"models.backend"},
    "cv2": {"training.augmentation"},
    "gradio": {"web.camera_page", "web.predict_page", "web.review_page", "web.security", "web.server"},
    "matplotlib": {"report.plot_labels", "report.plots"},
    "jinja2": {"report.rendering"},
    "sklearn": {"evaluation.linear_probe"},
    "ai_edge_litert": {"inference.litert", "inference.litert_verifier"},
    "typer": {"cli.bundles", "cli.collect", "cli.corrections", "cli.drive", "cli.main", "cli.output", "cli.report"},
    "rich": {"cli.output", "system.text"},
    "onnx": {"exporting.formats"},
    "onnxruntime": {"exporting.formats"},
    "optuna": {"training.optuna_study"},
    "pillow_heif": {"photos.decode.opening"},
    "google": {"collection.drive.auth", "collection.drive.client"},
    "googleapiclient": {"collection.drive.client", "collection.drive.errors"},
}


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> set[str]:
    """The modules that a module imports, at its top or later, other than for type checks."""
    tree = parsed(module)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"clothes.{a.name}" for a in node.names} if node.module == "clothes" else {node.module}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_stay_in_their_rooms(module: str) -> None:
    used = {name.split(".")[0] for name in imports(module)}
    assert not [name for name, modules in HEAVY.items() if name in used and module not in modules]


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


def test_the_library_neither_prints_nor_exits() -> None:
    for module in MODULES:
        if module in HEAVY["typer"]:
            continue
        tree = parsed(module)
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"print", "exit", "sys.exit", "os._exit"}, module


def test_what_is_kept_is_written_by_files() -> None:
    """A module that writes by itself is one of these, and either keeps nothing or ends with `files.put`."""
    own = {
        "system.files",
        "collection.provenance",  # its journal tells what is half done
        "photos.split_copies",
        "exporting.export",
        "exporting.formats",
        "exporting.space",
        "collection.public_datasets",  # folders made aside
        "collection.download",  # what is not whole yet, to go on with
        "models.conversion",
        "web.predict_page",  # temporary files
        "web.corrections",  # moves one aside
        "web.security",
        "inference.run",  # moves a run aside
    }
    ways = {"write_text", "write_bytes", "savefig", "savez", "copyfile", "rename", "touch", "mkstemp", "mkdtemp"}
    for module in MODULES.keys() - own:
        calls = [node.func for node in ast.walk(parsed(module)) if isinstance(node, ast.Call)]
        found = {call.attr for call in calls if isinstance(call, ast.Attribute)} & ways
        assert found <= {"savefig"} if module == "report.plots" else not found, (module, found)


def test_no_file_names_a_lock_or_an_absolute_home() -> None:
    root = PACKAGE.parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith(("uv.lock", "poetry.lock", "package-lock.json"))]
