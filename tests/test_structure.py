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
    "drive.signin",
    "drive.answers",
    "drive.store",
    "drive.names",
    "drive.planning",
    "drive.syncing",
    "metrics",
    "backend",
    "models",
    "imagenet",
    "augmentation",
    "datasets",
    "converting",
    "bundles",
    "runtime",
    "prediction",
    "runs",
    "plots",
    "trainer",
    "timing",
    "training",
    "evaluation",
    "app",
    "demo",
    "console",
    "cli_drive",
    "cli",
)
HEAVY = {
    "tensorflow": {"converting"},
    "keras": {"backend"},
    "cv2": {"augmentation"},
    "gradio": {"app"},
    "matplotlib": {"plots"},
    "ai_edge_litert": {"runtime"},
    "typer": {"cli", "cli_drive", "console"},
    "rich": {"console"},
    "pillow_heif": {"images"},
    "google": {"drive.signin", "drive.store"},
    "googleapiclient": {"drive.answers", "drive.store"},
}


def file_of(room: str) -> Path:
    return PACKAGE.joinpath(*room.split(".")).with_suffix(".py")


def imports(room: str) -> set[str]:
    """The modules that a room imports, at its top or later, other than for type checks."""
    tree = ast.parse(file_of(room).read_text(encoding="utf-8"))
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
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_every_room_is_known() -> None:
    files = {path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__")}
    assert files == set(map(file_of, ROOMS))


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room: str) -> None:
    below = set(ROOMS[: ROOMS.index(room)])
    rooms = {name.removeprefix("clothes.") for name in imports(room) if name.startswith("clothes.")} & set(ROOMS)
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
        if room in ("cli", "cli_drive", "console"):
            continue
        tree = ast.parse(file_of(room).read_text(encoding="utf-8"))
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"print", "exit", "sys.exit", "os._exit"}, room


def test_no_file_names_a_lock_or_an_absolute_home() -> None:
    root = PACKAGE.parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("not in a checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith(("uv.lock", "poetry.lock", "package-lock.json"))]
