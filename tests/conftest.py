"""Fixtures: small pictures made here, and one small bundle trained once for all tests that need one."""

import atexit
import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before anything of clothes is imported: the tests keep their cache, sign-ins and uploads to themselves.
for name in ("CLOTHES_CACHE", "CLOTHES_CONFIG", "GRADIO_TEMP_DIR"):
    os.environ[name] = tempfile.mkdtemp(prefix="clothes-test-")
    atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)

# A shell's background job ignores Ctrl-C, and so would each command that these tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from PIL import Image

import clothes

SHARED = Path(__file__).parents[2] / "shared" / "data"
SMALL = clothes.Config.from_dict(
    {
        "model": {
            "image_size": 28,
            "kernels": [3, 3, 3],
            "strides": [1, 1, 1],
            "filters": [8, 8, 8],
            "units": [16, 16, 8],
        },
        "train": {"epochs": 4, "batch_size": 16, "precision": "float32"},
    }
)


def draw(shape: str, seed: int, *, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """A noisy picture of a bright square ("square"), wide bar ("bar") or frame ("frame"), each seed another."""
    rng = np.random.default_rng([seed, len(shape)])
    width, height = size
    pixels = rng.integers(0, 90, (height, width, 3))
    top, left = rng.integers(6, 12, 2)
    color = rng.integers(150, 256, 3)
    pixels[top : height - top, left : width - left] = color
    if shape == "bar":
        pixels[top : height - top] = color
    if shape == "frame":
        pixels[top + 5 : height - top - 5, left + 5 : width - left - 5] = rng.integers(0, 90, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def make_photos(
    root: Path, *, each: int = 20, shapes: tuple[str, ...] = ("bar", "frame", "square"), seed: int = 0
) -> Path:
    """A folder of class folders with drawn pictures; another seed by 1,000, other pictures."""
    for shape in shapes:
        (root / shape).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            draw(shape, seed + i).save(root / shape / f"{i:03}.png")
    return root


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
