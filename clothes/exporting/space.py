"""A folder that Hugging Face Spaces starts as it is: the page, the bundle, and this package as a wheel.

Spaces installs requirements.txt before the other files are there, so that cannot name the wheel: app.py unpacks it.
"""

import base64
import hashlib
import json
import sys
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from clothes.errors import ExportError, MissingExtraError
from clothes.inference.bundle import WEIGHTS, Bundle, write_bundle
from clothes.system.version import __version__

_EXTRAS = ("serve", "heic")
_APP = '''"""Starts the page. Spaces installs requirements.txt before the wheel is there, so it is unpacked here."""

import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = tempfile.mkdtemp(prefix="clothes-")
with zipfile.ZipFile(next(HERE.glob("clothes-*.whl"))) as wheel:
    wheel.extractall(PACKAGE)
sys.path.insert(0, PACKAGE)

import clothes

clothes.build_app(clothes.load(HERE / "bundle")).launch()
'''
_CARD = """---
title: {title}
emoji: 👕
colorFrom: blue
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
pinned: false
---

Says which of {count} kinds of clothes a photo shows: {classes}. Made with clothes {version}.
"""


def write_space(bundle: Bundle, folder: Path) -> Bundle:
    """Writes the files of a Space into an empty folder; the bundle in it, which has no weights.

    Raises MissingExtraError when Gradio, whose version a Space names, is not installed here.
    """
    try:
        package, gradio = distribution("clothes"), version("gradio")
    except PackageNotFoundError as error:
        if error.name == "gradio":
            raise MissingExtraError("serve", "A Space") from None
        raise ExportError(
            "clothes itself is not installed, so it cannot be packed. Install it: pip install ."
        ) from None
    _write_wheel(package, folder)
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in _requirements(package)))
    (folder / "app.py").write_text(_APP)
    card = _CARD.format(
        title=json.dumps(str(bundle.info.get("name") or "clothes"), ensure_ascii=False),
        gradio=gradio,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        count=len(bundle.classes),
        classes=", ".join(bundle.classes),
        version=__version__,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    files = {name: bundle.file(name) for name in bundle.info["files"] if name != WEIGHTS}
    return write_bundle(folder / "bundle", bundle.info, files)


def _requirements(package: Distribution) -> list[str]:
    """What the package needs to show the page, as its metadata says."""
    found = []
    for line in package.requires or ():
        name, _, marker = line.partition(";")
        if not marker or any(f"extra == {quote}{extra}{quote}" in marker for extra in _EXTRAS for quote in "'\""):
            found.append(name.strip())
    return found


def _write_wheel(package: Distribution, folder: Path) -> None:
    """This package as a wheel, made from its installed files: so it can be made without its sources and any tool."""
    root = Path(__file__).parents[1]
    name = f"clothes-{__version__}"
    files = {
        f"clothes/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    told = {key: package.read_text(key) for key in ("METADATA", "entry_points.txt", "licenses/LICENSE")}
    told["WHEEL"] = "Wheel-Version: 1.0\nGenerator: clothes\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files |= {f"{name}.dist-info/{key}": text.encode() for key, text in told.items() if text}
    record = f"{name}.dist-info/RECORD"
    lines = [f"{file},sha256={_digest(data)},{len(data)}\n" for file, data in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, data in files.items():
            wheel.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)  # at no time: the same bytes every time


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
