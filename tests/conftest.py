"""Fixtures: small pictures made here, and one small bundle trained once for all tests that need one."""

import atexit
import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before anything of clothes is imported: the tests keep their cache, sign-ins and uploads to themselves.
for name in ("CLOTHES_CACHE", "CLOTHES_CONFIG", "GRADIO_TEMP_DIR"):
    os.environ[name] = tempfile.mkdtemp(prefix="clothes-test-")
    atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import ONNX Runtime, too, which else sends what it does to its makers

# A shell's background job ignores Ctrl-C, and so would each command that these tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest

import clothes
from tests.support.browser import browser  # noqa: F401 - a fixture for all tests
from tests.support.pictures import SMALL, make_photos
from tests.support.served_page import predict_url  # noqa: F401 - a fixture for all tests


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, or `tmp_path`: for tests that sync files thousands of times and need no disk for that."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is as a mounted Drive: it knows neither links nor modes."""

    def limited(real: Callable[..., None]) -> Callable[..., None]:
        def act(*paths: Any, **more: Any) -> None:
            if any(str(path).startswith(str(tmp_path)) for path in paths):
                raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
            real(*paths, **more)

        return act

    for name in ("link", "symlink", "chmod"):
        monkeypatch.setattr(os, name, limited(getattr(os, name)))
    return tmp_path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> clothes.Run:
    """A small trained run: three shapes, 40 pictures each."""
    pytest.importorskip("tensorflow", reason="training needs the extra 'train'")
    root = tmp_path_factory.mktemp("trained")
    return clothes.train(make_photos(root / "photos", each=40), out=root / "run", config=SMALL)


@pytest.fixture(scope="session")
def bundle(run: clothes.Run) -> Path:
    return run.path / "bundle"


@pytest.fixture(scope="session")
def classifier(bundle: Path) -> clothes.Classifier:
    return clothes.load(bundle)
