"""A web page is complete, linked to nothing else, and kept only if it answers in a browser as its bundle does."""

import base64
import hashlib
import json
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

import clothes
from clothes.errors import ExportError
from clothes.exporting import web_check, web_page, web_runtime
from clothes.exporting.web_check import find_chromium
from clothes.exporting.web_runtime import CDN_HOST, LIBRARY, SCRIPT, WASM, Runtime, get_runtime, integrity
from clothes.inference.bundle import Bundle
from clothes.inference.classifier import BUNDLED
from tests.support.commands import run_command
from tests.support.exports import files_below
from tests.support.pictures import jpeg, smooth
from tests.support.quick import OLD

CODE = {"page", "answers", "recogniser", "classifier", "model", "pixels", "runtime", "download", "smoothing"}
CODE |= {"csv", "dom", "words", "own_words"}
PAGE = {"index.html", "page.css", *(f"{name}.js" for name in CODE)}
PARTS = PAGE | {"model.tflite", "model.json", "service-worker.js", "manifest.webmanifest", "icon-192.png"}
FILES = PARTS | {"icon-512.png", "runtime/litert.js", "runtime/LICENSE.txt", "export.json"}
LARGE = {f"runtime/{Path(name).name}" for name in (SCRIPT, WASM)}
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")


@pytest.fixture
def no_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_page, "find_chromium", lambda: None)


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("runtime", ["folder", "cdn"])
def test_page_is_complete_and_answers_in_chromium(
    rejecting: Bundle, runtime_folder: Path, tmp_path: Path, runtime: str
) -> None:
    choice = str(runtime_folder) if runtime == "folder" else runtime
    result = clothes.export(rejecting.path, to="web", out=tmp_path / "out", runtime=choice)
    assert [(item.what, item.agreement) for item in result.compared] == [("probes", 1), ("100 starter pictures", 1)]
    assert max(item.difference for item in result.compared) < 1e-4
    assert "The page itself was asked, in Chromium." in result.notes
    assert files_below(result.path) == FILES | (LARGE if runtime == "folder" else set())
    texts = {name: (result.path / name).read_bytes() for name in files_below(result.path)}
    for name, text in texts.items():
        assert str(tmp_path).encode() not in text and str(Path.home()).encode() + b"/" not in text, name
    html = texts["index.html"].decode()
    assert "&lt;/title&gt;&lt;b&gt;&quot;Böse&quot; &amp; Co&lt;/b&gt;</title>" in html
    assert "unsafe-inline" not in html and "<script>" not in html and "style=" not in html
    assert (CDN_HOST in html) == (runtime == "cdn")
    assert json.loads(texts["manifest.webmanifest"])["name"].endswith("Co</b>")
    kept = texts["service-worker.js"].decode().partition("const FILES = ")[2].partition(";\n")[0]
    named = {name: integrity(data) for name, data in texts.items() if name not in ("service-worker.js", "export.json")}
    remote = {f"{web_runtime.CDN_FOLDER}/{name}": web_runtime.INTEGRITY[name] for name in (SCRIPT, WASM)}
    assert json.loads(kept) == named | (remote if runtime == "cdn" else {})


def test_page_is_compared_without_chromium_and_says_so(no_chromium: None, runtime_folder: Path, tmp_path: Path) -> None:
    shown = run_command("export", OLD, "--format", "web", "--out", tmp_path / "out", "--runtime", runtime_folder)
    assert shown.status == 0 and "the page was not opened" in shown.out and "in Chromium" not in shown.out
    described = json.loads((tmp_path / "out" / "export.json").read_text())
    assert [item["agreement"] for item in described["compared"]] == [1, 1]
    assert shown.err.endswith(f"python -m http.server --directory {tmp_path / 'out'}\n")
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    assert about["licence"] == "own" and about["classes"] == described["classes"]


def test_bundled_model_fits_into_15_megabytes(no_chromium: None, runtime_folder: Path, tmp_path: Path) -> None:
    result = clothes.export(BUNDLED, to="web", out=tmp_path / "out", runtime=str(runtime_folder))
    assert sum((result.path / name).stat().st_size for name in files_below(result.path)) < 15e6
    about = json.loads((result.path / "model.json").read_text())
    assert about["licence"] == "bundled" and about["metrics"]["test"]["photos"] > 100
    assert "<title>What is it? · clothes</title>" in (result.path / "index.html").read_text("utf-8")


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("pixels.js", ("blue += rgba[at + 2]", "blue += 0"), "web export does not agree with its bundle"),
        ("model.js", ('accelerator: "wasm"', 'accelerator: "none"'), "does not work in Chromium: The recogniser"),
    ],
)
def test_page_that_answers_wrongly_is_not_kept(
    runtime_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    change: tuple[str, str],
    message: str,
) -> None:
    read = web_page._template
    assert change[0] in read(part)
    monkeypatch.setattr(web_page, "_template", lambda name: read(name).replace(*change) if name == part else read(name))
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(12):
        (photos / f"{seed}.jpg").write_bytes(jpeg(smooth(seed), 90))
    with pytest.raises(ExportError, match=message):
        clothes.export(BUNDLED, to="web", out=tmp_path / "out", runtime=str(runtime_folder), photos=photos)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


@needs_chromium
def test_chromium_that_ends_is_an_error(runtime_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_page, "find_chromium", lambda: shutil.which("true"))
    with pytest.raises(ExportError, match="does not work in Chromium: it ended"):
        clothes.export(OLD, to="web", out=tmp_path / "out", runtime=str(runtime_folder))
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_not_taken_for_the_runtime(runtime_folder: Path, tmp_path: Path) -> None:
    assert get_runtime(str(runtime_folder)).files.keys() == web_runtime.INTEGRITY.keys()
    copy = shutil.copytree(runtime_folder, tmp_path / "package")
    assert get_runtime(str(tmp_path)).files[WASM] == (copy / WASM).read_bytes()  # as `npm pack` is unpacked
    with (copy / LIBRARY).open("ab") as file:
        file.write(b"// more")
    with pytest.raises(ExportError, match=f"{LIBRARY} in .* is not that of LiteRT.js"):
        get_runtime(str(copy))
    (copy / WASM).unlink()
    with pytest.raises(ExportError, match=r"lacks files of LiteRT.js: .*\.wasm.* --runtime DIR"):
        get_runtime(str(copy))


@pytest.mark.skipif(sys.platform == "win32", reason="the npm of this test is a shell script")
@pytest.mark.parametrize(
    ("npm", "message"),
    [
        (None, "npm is not here to get it. Install Node.js, or name .* --runtime DIR"),
        ("echo no such host >&2; exit 1", "npm cannot get @litertjs/core@.*: no such host. Try again with a network"),
        ("mkdir package; touch package/README; tar czf x.tgz package", "in the package from npm is not that of"),
    ],
)
def test_npm_that_gives_no_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npm: str | None, message: str
) -> None:
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "cache"))
    if npm is not None:
        script = tmp_path / "npm"
        script.write_text(f"#!/bin/sh\n{npm}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(web_runtime.shutil, "which", lambda name: npm and str(tmp_path / name))
    with pytest.raises(ExportError, match=message):
        get_runtime("local")


def test_runtime_is_kept_for_the_next_export(
    runtime_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_runtime.shutil, "which", lambda name: None)
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path))
    kept = tmp_path / "litert.js" / web_runtime.VERSION
    kept.mkdir(parents=True)
    for name in web_runtime.INTEGRITY:
        shutil.copy(runtime_folder / name, kept)
    assert get_runtime("cdn").files[SCRIPT] == (runtime_folder / SCRIPT).read_bytes()
    (kept / Path(SCRIPT).name).write_bytes(b"damaged")
    with pytest.raises(ExportError, match="npm is not here"):
        get_runtime("local")


@pytest.mark.slow
def test_checksums_for_the_cdn_are_those_of_the_package_on_npm(tmp_path: Path) -> None:
    """jsDelivr hands out the files of a package of npm at these addresses."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine")
    command = [npm, "pack", web_runtime.PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm cannot get {web_runtime.PACKAGE}: {done.stderr.strip()[:200]}")
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:

        def read(name: str) -> bytes:
            file = package.extractfile(f"package/{name}")
            assert file, name
            return file.read()

        found = json.loads(read("package.json"))
        assert f"{found['name']}@{found['version']}" == web_runtime.PACKAGE
        for name, checksum in web_runtime.INTEGRITY.items():
            digest = hashlib.sha384(read(name)).digest()
            assert checksum == f"sha384-{base64.b64encode(digest).decode()}", name
    for name in (SCRIPT, WASM):
        address = Runtime({}, is_remote=True).address(name)
        assert address == f"https://cdn.jsdelivr.net/npm/{found['name']}@{found['version']}/{name}"


def test_a_browser_that_is_ended_while_it_is_answered_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reset(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web_check._Handler, "_reply", reset)
    with web_check._Server(tmp_path, [b"photo"], {}) as server:
        for ask in (httpx.get, httpx.post):
            with pytest.raises(httpx.HTTPError):
                ask(f"{server.url}/answers")
        assert server.answered.is_set()
    assert capsys.readouterr().err == ""


@needs_chromium
def test_photos_of_the_check_lie_below_a_secret_path(tmp_path: Path) -> None:
    with web_check._Server(tmp_path, [b"photo"], {}) as server:
        secret = server.url.rpartition("/")[2]
        assert server.find(f"/{secret}/photos/0") == b"photo"
        assert server.find("/photos/0") is None and server.find("/x/photos/0") is None
