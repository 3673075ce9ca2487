"""The rules of the house: imports point down, heavy packages stay in their rooms, exports are what they say."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import clothes

PACKAGE = Path(clothes.__file__).parent

# From the ground up: a room imports rooms below it only.
ROOMS = (
    "errors",
    "quiet",
    "files",
    "seals",
    "terminal",
    "config",
    "images",
    "folders",
    "lookalikes",
    "downloads",
    "public_data",
    "checks",
    "assignment",
    "splits",
    "copies",
    "collection.sources",
    "collection.store",
    "collection.archives",
    "collection.addresses",
    "collection.fetcher",
    "collection.openverse",
    "collection.collecting",
    "collection",
    "drive.signin",
    "drive.answers",
    "drive.store",
    "drive.names",
    "drive.planning",
    "drive.syncing",
    "drive",
    "metrics",
    "backend",
    "models",
    "imagenet",
    "augmentation",
    "datasets",
    "converting",
    "bundles",
    "runtime",
    "trial",
    "explanations",
    "prediction",
    "looking",
    "verification",
    "runs",
    "plots",
    "checkpoints",
    "trainer",
    "timing",
    "training",
    "studies",
    "tuning",
    "evaluation",
    "features",
    "discriminant",
    "mislabels",
    "learning_curve",
    "advice",
    "report.pictures",
    "report.templates",
    "report.layers",
    "report.survey",
    "report.writing",
    "report",
    "comparison",
    "exporting.formats",
    "exporting.spaces",
    "exporting.exporting",
    "exporting",
    "corrections",
    "gate",
    "pages",
    "camera",
    "review",
    "app",
    "demo",
    "console",
    "cli_bundles",
    "cli_collect",
    "cli_corrections",
    "cli_drive",
    "cli_report",
    "cli",
)
HEAVY = {
    "tensorflow": {"converting"},
    "keras": {"backend"},
    "cv2": {"augmentation"},
    "gradio": {"app", "camera", "gate", "pages", "review"},
    "matplotlib": {"plots"},
    "jinja2": {"report.templates"},
    "ai_edge_litert": {"runtime", "trial"},
    "typer": {"cli", "cli_bundles", "cli_collect", "cli_corrections", "cli_drive", "cli_report", "console"},
    "rich": {"console"},
    "onnx": {"exporting.formats"},
    "onnxruntime": {"exporting.formats"},
    "optuna": {"studies"},
    "pillow_heif": {"images"},
    "google": {"drive.signin", "drive.store"},
    "googleapiclient": {"drive.answers", "drive.store"},
}


def parsed(room: str) -> ast.Module:
    """The source of a room: a module, or what a folder of modules exports."""
    path = PACKAGE / room.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(room: str) -> set[str]:
    """The modules that a room imports, at its top or later, other than for type checks."""
    tree = parsed(room)
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


def test_every_room_is_known() -> None:
    modules = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py")}
    found = {name.removesuffix("/__init__").replace("/", ".") for name in modules} - {"__init__", "__main__"}
    assert found == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room: str) -> None:
    below = set(ROOMS[: ROOMS.index(room)])
    names = {name.removeprefix("clothes.") for name in imports(room) if name.startswith("clothes.")}
    rooms = {name if name in ROOMS else name.split(".")[0] for name in names} & set(ROOMS)
    assert rooms <= below


@pytest.mark.parametrize("room", ROOMS)
def test_heavy_packages_stay_in_their_rooms(room: str) -> None:
    used = {name.split(".")[0] for name in imports(room)}
    assert not [name for name, rooms in HEAVY.items() if name in used and room not in rooms]


def test_exports_are_there_sorted_and_documented() -> None:
    assert clothes.__all__ == sorted(clothes.__all__)
    assert set(clothes.__all__) == set(clothes._ROOMS)
    for name in clothes.__all__:
        assert getattr(clothes, name).__doc__, name
    with pytest.raises(AttributeError):
        clothes.nothing  # noqa: B018


def test_importing_clothes_is_light() -> None:
    code = "import sys, clothes; print(len([m for m in sys.modules if m.startswith(('numpy', 'PIL', 'keras'))]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_the_library_neither_prints_nor_exits() -> None:
    for room in ROOMS:
        if room in HEAVY["typer"]:
            continue
        tree = parsed(room)
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"print", "exit", "sys.exit", "os._exit"}, room


def test_what_is_kept_is_written_by_files() -> None:
    """A room that writes by itself is one of these, and either keeps nothing or ends with `files.put`."""
    own = {
        "files",
        "collection.sources",  # its journal tells what is half done
        "copies",
        "exporting.exporting",
        "exporting.formats",
        "exporting.spaces",
        "public_data",  # folders made aside
        "downloads",  # what is not whole yet, to go on with
        "converting",
        "app",  # temporary files
        "corrections",  # moves one aside
        "gate",
        "runs",  # moves a run aside
    }
    ways = {"write_text", "write_bytes", "savefig", "savez", "copyfile", "rename", "touch", "mkstemp", "mkdtemp"}
    for room in set(ROOMS) - own:
        calls = [node.func for node in ast.walk(parsed(room)) if isinstance(node, ast.Call)]
        found = {call.attr for call in calls if isinstance(call, ast.Attribute)} & ways
        assert found <= {"savefig"} if room == "plots" else not found, (room, found)


def test_no_file_names_a_lock_or_an_absolute_home() -> None:
    root = PACKAGE.parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith(("uv.lock", "poetry.lock", "package-lock.json"))]
