"""A Space holds all that its web page needs, and starts with the two commands that Hugging Face runs."""

import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="a Space needs the extra 'serve'")

import clothes
from tests.support.exports import files_below
from tests.support.pictures import draw

MINUTES_TO_START = 5


@pytest.fixture(scope="module")
def space(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clothes.export(bundle, to="space", out=tmp_path_factory.mktemp("space") / "out").path


def test_space_is_complete_and_names_no_path(space: Path) -> None:
    wheel = f"clothes-{clothes.__version__}-py3-none-any.whl"
    files = {"README.md", "app.py", "requirements.txt", wheel, "export.json"}
    assert files_below(space) == files | {f"bundle/{name}" for name in ("bundle.json", "model.tflite", "probes.npz")}
    assert clothes.verify(space / "bundle").holds
    card = (space / "README.md").read_text()
    assert card.startswith("---\ntitle: ") and "sdk: gradio\n" in card and "app_file: app.py\n" in card
    assert "Recognises 3 classes of clothes in a photo: bar, frame, square." in card and "$" not in card
    compile((space / "app.py").read_text(), "app.py", "exec")
    needed = (space / "requirements.txt").read_text().split("\n")
    assert {line.split(">")[0].split("<")[0] for line in needed} >= {"ai-edge-litert", "gradio", "numpy", "pillow"}
    assert not [line for line in needed if "tensorflow" in line or "keras" in line]
    for name in files - {wheel}:
        assert str(space.parent) not in (space / name).read_text()


def test_wheel_holds_the_whole_package(space: Path) -> None:
    (path,) = space.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        names = wheel.namelist()
    assert len(names) == len(set(names))
    package = Path(clothes.__file__).parent
    assert {"clothes/py.typed", "clothes/exporting/templates/space/app.py.template"} < set(names)
    assert {f"clothes/{name}" for name in files_below(package) if not name.endswith(".pyc")} < set(names)
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.slow
def test_wheel_is_installed_by_pip(space: Path, tmp_path: Path) -> None:
    (path,) = space.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", tmp_path / "here", path]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        command = ["uv", *command[2:]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = "import clothes; print(clothes.__version__, clothes.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "here")},
        capture_output=True,
        text=True,
    ).stdout.split()
    assert printed == [clothes.__version__, str(tmp_path / "here" / "clothes" / "__init__.py")]


@pytest.fixture(scope="module")
def started_space(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the Space, started in a virtual environment of its own."""
    place = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GRADIO_TEMP_DIR")}
    command = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=space, env=bare, capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr + done.stdout:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = bare | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(place / "uploads")}
    running = subprocess.Popen([python, "app.py"], cwd=space, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.communicate()


@pytest.mark.slow
def test_space_starts_and_answers(started_space: str, classifier: clothes.Classifier, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    draw("bar", 903).save(tmp_path / "bar.png")
    deadline = time.monotonic() + MINUTES_TO_START * 60
    while True:
        try:
            client = Client(started_space, analytics_enabled=False, download_files=False, verbose=False)
            break
        except Exception:
            assert time.monotonic() < deadline, f"the Space did not open its page within {MINUTES_TO_START} minutes"
            time.sleep(0.5)
    answer = client.predict(handle_file(tmp_path / "bar.png"), api_name="/predict")
    expected = classifier.predict(tmp_path / "bar.png")
    assert answer["label"] == expected.label
    assert answer["scores"] == pytest.approx(expected.scores, abs=1e-6)
