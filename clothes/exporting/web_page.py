"""A folder that is a static page: the parts that every page has, and the visit of a written one in Chromium."""

import base64
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from clothes.errors import PhotoError
from clothes.exporting import web_runtime
from clothes.exporting.agreement import Pictures
from clothes.exporting.source_bundle import Source
from clothes.exporting.web_check import ask_page, find_chromium
from clothes.exporting.web_runtime import Runtime, get_runtime, integrity
from clothes.inference.bundle import Bundle
from clothes.inference.classifier import BUNDLED, BUNDLED_OUTFIT
from clothes.photos import decode
from clothes.system.files import megabytes
from clothes.system.version import __version__

_PARTS = (
    *("page.js", "pixels.js", "model.js", "classifier.js", "download.js", "runtime.js", "smoothing.js"),
    *("csv.js", "dom.js", "words.js"),
)
_CSS = "page.css"
_ICONS = (192, 512)  # pixels
_HALF_SHIRT = ((12, 4), (15, 2), (19, 3), (22, 8), (19, 10), (18, 9), (18, 21))  # on a grid of 24; the right half
_BLUE = "#1d4ed8"
_UNREAD = (".tif", ".tiff", ".heic", ".heif")  # formats that browsers do not read
_OWN_IMPORT, _PACKAGE_IMPORT = '"../runtime.js"', '"@litertjs/wasm-utils"'


@dataclass(frozen=True)
class Content:
    """What one kind of page has and others have not.

    `parts` are its templates, whose CSS comes after that of all pages, `files` its models and data, `about` its entries
    in model.json, and `title` its name.
    """

    title: str
    parts: tuple[str, ...]
    files: Mapping[str, bytes]
    about: Mapping[str, Any]


class Visit:
    """A page that was written, asked in Chromium as a visitor does."""

    def __init__(self, chromium: str, folder: Path, runtime: Runtime) -> None:
        self._chromium, self._folder = chromium, folder
        names = (web_runtime.SCRIPT, web_runtime.WASM) if runtime.is_remote else ()
        self._remote = {runtime.address(name): runtime.files[name] for name in names}

    def rows(self, photos: Sequence[bytes]) -> list[list[str]]:
        """Returns the rows of the CSV file that the page makes of some photos. Each begins with a number, from 0."""
        # One photo alone gets no table.
        rows = ask_page(self._chromium, self._folder, [*photos, photos[0]], self._remote)
        return [row for row in rows if row[0] != str(len(photos))]


def write_page(source: Source, folder: Path, content: Content) -> Visit | None:
    """Writes the page of a bundle. Returns its visit, None without Chromium. Raises ExportError without LiteRT.js."""
    runtime = get_runtime(source.runtime)
    for name, data in content.files.items():
        (folder / name).write_bytes(data)
    _write_runtime(runtime, folder)
    about = {**content.about, **_describe(source.bundle, runtime)}
    (folder / "model.json").write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name in (*_PARTS, *content.parts):
        if not name.endswith(".css"):
            (folder / Path(name).name).write_text(_template(name), encoding="utf-8", newline="\n")
    css = "".join(_template(name) for name in (_CSS, *content.parts) if name.endswith(".css"))
    (folder / _CSS).write_text(css, encoding="utf-8", newline="\n")
    title = _title(content.title, source.bundle)
    _write_html(runtime, title, folder)
    _write_manifest(title, content.title, folder)
    write_service_worker(runtime, folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    source.notes.append(f"The folder has {megabytes(size)}.")
    chromium = find_chromium()
    return Visit(chromium, folder, runtime) if chromium else None


def _describe(bundle: Bundle, runtime: Runtime) -> dict[str, Any]:
    """Returns what a page says of any model, and where its runtime lies."""
    wasm = web_runtime.WASM
    return {
        "created": str(bundle.info.get("created", ""))[:10],
        "licence": "bundled" if bundle.path in (BUNDLED, BUNDLED_OUTFIT) else "own",
        "made_by": __version__,
        "runtime": {
            "version": web_runtime.VERSION,
            "wasm": {"url": runtime.address(wasm), "integrity": web_runtime.INTEGRITY[wasm]},
        },
    }


def _title(kind: str, bundle: Bundle) -> str:
    """Returns the page's name for a tab and a phone: with that of the bundle, unless it is a bundled one."""
    name = str(bundle.info.get("name") or "")
    return f"{kind} · {name if name and bundle.path not in (BUNDLED, BUNDLED_OUTFIT) else 'clothes'}"


def files_of(pictures: Pictures) -> list[bytes]:
    """Returns the bytes of each photo: a file as it is if browsers read its format, else its square as PNG."""
    return [_file(photo, square) for photo, square in zip(pictures.photos, pictures.squares, strict=True)]


def _file(photo: decode.Photo, square: np.ndarray) -> bytes:
    try:
        if isinstance(photo, bytes):
            return photo
        if isinstance(photo, Path) and decode.inspect(photo, 32).ending not in _UNREAD:
            return decode.read_file(photo)
    except PhotoError:  # gone meanwhile
        pass
    return _png(Image.fromarray(square))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _template(name: str) -> str:
    return (files("clothes.exporting") / "templates" / "web" / name).read_text("utf-8")


def _write_runtime(runtime: Runtime, folder: Path) -> None:
    """Writes LiteRT.js. Its one import of another package becomes one of the page's own runtime.js."""
    place = folder / "runtime"
    place.mkdir()
    library = runtime.files[web_runtime.LIBRARY].decode()
    (place / "litert.js").write_text(library.replace(_PACKAGE_IMPORT, _OWN_IMPORT), encoding="utf-8", newline="\n")
    (place / "LICENSE.txt").write_text(_template("LICENSE-litert.txt"), encoding="utf-8")
    for name in () if runtime.is_remote else (web_runtime.SCRIPT, web_runtime.WASM):
        (folder / runtime.address(name)).write_bytes(runtime.files[name])


def _write_html(runtime: Runtime, title: str, folder: Path) -> None:
    addresses = [runtime.address(name) for name in (web_runtime.SCRIPT, web_runtime.WASM)]
    # A CDN holds packages of anyone: these two files alone are allowed.
    scripts, data = (f"'self' {address}" if runtime.is_remote else "'self'" for address in addresses)
    policy = {
        "default-src": "'none'",
        "script-src": f"{scripts} 'wasm-unsafe-eval'",
        "connect-src": data,
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    page = Template(_template("index.html")).substitute(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        title=html.escape(title),
        script=addresses[0],
        integrity=web_runtime.INTEGRITY[web_runtime.SCRIPT],
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")


def _write_manifest(title: str, short: str, folder: Path) -> None:
    """Writes what a phone needs to install the page as an app, and its icons."""
    for size in _ICONS:
        (folder / f"icon-{size}.png").write_bytes(_png(_draw_icon(size)))
    manifest = {
        "name": title,
        "short_name": short,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": _BLUE,
        "icons": [
            {"src": f"icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for size in _ICONS
            for purpose in ("any", "maskable")
        ],
    }
    (folder / "manifest.webmanifest").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")


def _draw_icon(size: int) -> Image.Image:
    """Returns a white shirt on blue, small enough to stay whole in any shape that a phone cuts out."""
    image = Image.new("RGB", (4 * size, 4 * size), _BLUE)
    shirt = [*_HALF_SHIRT, *((24 - x, y) for x, y in reversed(_HALF_SHIRT))]
    points = [(image.width * (0.2 + 0.6 * x / 24), image.width * (0.2 + 0.6 * y / 24)) for x, y in shirt]
    ImageDraw.Draw(image).polygon(points, fill="white")
    return image.resize((size, size), Image.Resampling.LANCZOS)


def write_service_worker(runtime: Runtime, folder: Path) -> None:
    """Writes what keeps the page offline: the addresses and checksums of all files, then the code."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    kept = {path.relative_to(folder).as_posix(): integrity(path.read_bytes()) for path in paths}
    if runtime.is_remote:
        kept |= {runtime.address(name): web_runtime.INTEGRITY[name] for name in (web_runtime.SCRIPT, web_runtime.WASM)}
    listed = json.dumps(kept, indent=1)
    version = base64.b32encode(hashlib.sha256(listed.encode()).digest()[:10]).decode().lower()
    text = f'const VERSION = "{version}";\nconst FILES = {listed};\n\n{_template("service-worker.js")}'
    (folder / "service-worker.js").write_text(text, encoding="utf-8", newline="\n")
