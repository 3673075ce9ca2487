"""A folder for Hugging Face Spaces: the web page, the bundle without weights, and this package as a wheel.

Spaces installs requirements.txt before it copies the other files, so that file cannot name the wheel. Therefore
app.py unpacks it.
"""

import base64
import hashlib
import json
import sys
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from importlib.resources import files
from pathlib import Path
from string import Template

from clothes.errors import ExportError, MissingExtraError
from clothes.exporting.agreement import Scorer
from clothes.exporting.source_bundle import Source, lite_scorer
from clothes.inference.bundle import WEIGHTS, write_bundle
from clothes.inference.classifier import open_model
from clothes.system.version import __version__

_EXTRAS = ("serve", "heic")


def to_space(source: Source, folder: Path) -> Scorer:
    """Writes the files of a Space. Raises MissingExtraError without Gradio, whose version a Space names."""
    bundle = source.bundle
    try:
        package, gradio = distribution("clothes"), version("gradio")
    except PackageNotFoundError as error:
        if error.name == "gradio":
            raise MissingExtraError("serve", "A Space") from None
        raise ExportError("clothes is not installed, so it cannot be packed. Install it: pip install .") from None
    _write_wheel(package, folder)
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in _requirements(package)))
    templates = files("clothes.exporting") / "templates" / "space"
    (folder / "app.py").write_text((templates / "app.py.template").read_text("utf-8"), encoding="utf-8")
    readme = Template((templates / "README.md.template").read_text("utf-8")).substitute(
        title=json.dumps(str(bundle.info.get("name") or "clothes"), ensure_ascii=False),
        gradio=gradio,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        count=len(bundle.classes),
        classes=", ".join(bundle.classes),
        version=__version__,
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")
    kept = {name: bundle.file(name) for name in bundle.info["files"] if name != WEIGHTS}
    return lite_scorer(open_model(write_bundle(folder / "bundle", bundle.info, kept)))


def _requirements(package: Distribution) -> list[str]:
    """Returns the packages that the web page needs, from the metadata of this package."""
    found = []
    for line in package.requires or ():
        name, _, marker = line.partition(";")
        if not marker or any(f"extra == {quote}{extra}{quote}" in marker for extra in _EXTRAS for quote in "'\""):
            found.append(name.strip())
    return found


def _write_wheel(package: Distribution, folder: Path) -> None:
    """Packs the installed files as a wheel: needs neither a checkout nor a build tool, and gives the same bytes."""
    root = Path(__file__).parents[1]
    name = f"clothes-{__version__}"
    contents = {
        f"clothes/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    metadata = {key: package.read_text(key) for key in ("METADATA", "entry_points.txt", "licenses/LICENSE")}
    metadata["WHEEL"] = "Wheel-Version: 1.0\nGenerator: clothes\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents |= {f"{name}.dist-info/{key}": text.encode() for key, text in metadata.items() if text}
    record = f"{name}.dist-info/RECORD"
    lines = [f"{record},,\n"]
    for file, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{file},sha256={digest},{len(data)}\n")
    contents[record] = "".join(lines).encode()
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, data in contents.items():
            wheel.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)  # ZipInfo: without a time
