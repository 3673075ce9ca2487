"""Hostile bundles, one for each kind of attack through Keras, ONNX, LiteRT, zip and pickle files, are refused.

All have correct checksums. One process loads them and records what it opens and runs: it runs no code of theirs, reads
nothing outside a bundle, and refuses each with a clear message.
"""

import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clothes.inference.bundle import MODEL, PROBES, WEIGHTS, Bundle
from clothes.system.checksums import add_checksum, json_text

SECRET = "the secret of another file"


class RunsCommand:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch it-ran",)


def replace_file(name: str, data: bytes) -> Callable[[Path], None]:
    """Replaces a file, with its checksum."""

    def change(bundle: Path) -> None:
        (bundle / name).unlink(missing_ok=True)
        (bundle / name).write_bytes(data)
        change_info(files={name: hashlib.sha256(data).hexdigest()})(bundle)

    return change


def change_info(**changes: Any) -> Callable[[Path], None]:
    """Changes entries of bundle.json, with its checksum."""

    def change(bundle: Path) -> None:
        info = json.loads((bundle / "bundle.json").read_text())
        files = info["files"] | changes.get("files", {})
        (bundle / "bundle.json").write_text(json_text(add_checksum(info | changes | {"files": files})))

    return change


def link(name: str, to: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        (bundle / name).unlink()
        (bundle / name).symlink_to(to)

    return change


def change_model(change: Callable[[Any, Any], None]) -> Callable[[Path], None]:
    """Changes the model: `change` gets the unpacked `model` and its `graph`."""

    def act(bundle: Path) -> None:
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema

        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((bundle / MODEL).read_bytes(), 0))
        change(model, model.subgraphs[0])
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        replace_file(MODEL, bytes(builder.Output()))(bundle)

    return act


def use_operator(builtin: int, custom: str | None = None) -> Callable[[Path], None]:
    def change(model: Any, graph: Any) -> None:
        code = model.operatorCodes[graph.operators[0].opcodeIndex]
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = builtin, min(127, builtin), custom

    return change_model(change)


def point_inputs(model: Any, graph: Any) -> None:
    graph.operators[2].inputs = [graph.operators[2].inputs[0], 10**6]


def point_outputs(model: Any, graph: Any) -> None:
    graph.operators[2].outputs = [graph.inputs[0]]


def read_ahead(model: Any, graph: Any) -> None:
    graph.operators[1].inputs = [graph.operators[-1].outputs[0], *graph.operators[1].inputs[1:]]


def claim_terabytes(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[1].outputs[0]].shape = [2**15, 2**15, 2**15, 3]


def shorten_constant(model: Any, graph: Any) -> None:
    largest = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    largest.data = largest.data[:16]


def drop_scales(model: Any, graph: Any) -> None:
    quantized = max(graph.tensors, key=lambda t: 0 if t.quantization is None else len(_list(t.quantization.scale)))
    quantized.quantization.scale = _list(quantized.quantization.scale)[:2]


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def npz(compression: int = zipfile.ZIP_DEFLATED, /, **files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def npy(shape: tuple[int, ...], descr: object = "|u1", data: bytes = b"") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def pickled_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([RunsCommand()], dtype=object), allow_pickle=True)
    return file.getvalue()


def encrypted() -> bytes:
    data = bytearray(npz(pictures=npy((1, 2)), scores=npy((1, 2))))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def keras_lambda() -> bytes:
    """A .keras file whose Lambda layer holds marshalled code."""
    layer = {
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}},
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return file.getvalue()


def onnx_outside() -> bytes:
    """An ONNX tensor whose data lies in another file."""
    location = b"\x0a\x08location\x12\x14../../../secret.txt"
    tensor = b"\x08\x04\x10\x01\x42\x01w\x6a" + bytes([len(location)]) + location + b"\x70\x01"
    return b"\x08\x08\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor


def pipe(name: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        (bundle / name).unlink()
        os.mkfifo(bundle / name)

    return change


def sparse_info(bundle: Path) -> None:
    os.truncate(bundle / "bundle.json", 100_000_000_000)


def not_numbers(bundle: Path) -> None:
    with np.load(bundle / PROBES) as probes:
        file = io.BytesIO()
        np.savez(file, pictures=probes["pictures"], scores=np.full_like(probes["scores"], np.nan))
    replace_file(PROBES, file.getvalue())(bundle)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "Keras: a Lambda layer": (replace_file(MODEL, keras_lambda()), "it is not a LiteRT model"),
    "Keras: a model beside the model": (replace_file("model.keras", keras_lambda()), "not a file of a bundle"),
    "Keras: pickle in HDF5": (
        replace_file(MODEL, b"\x89HDF\r\n\x1a\n" + pickle.dumps(RunsCommand())),
        "it is not a LiteRT model",
    ),
    "TensorFlow: a SavedModel": (replace_file("saved_model.pb", b"\x08\x01"), "not a file of a bundle"),
    "ONNX: data in another file": (replace_file(MODEL, onnx_outside()), "it is not a LiteRT model"),
    "ONNX: a library of operators": (replace_file("operators.so", b"\x7fELF"), "not a file of a bundle"),
    "LiteRT: a custom operator": (use_operator(32, "TouchFile"), "operator b'TouchFile' is not allowed"),
    "LiteRT: a TensorFlow operator": (use_operator(32, "FlexReadFile"), "operator b'FlexReadFile' is not allowed"),
    "LiteRT: a loop": (use_operator(119), "operator WHILE is not allowed"),
    "LiteRT: an index from the photo": (use_operator(36), "operator GATHER is not allowed"),
    "LiteRT: state": (use_operator(143), "operator READ_VARIABLE is not allowed"),
    "LiteRT: a missing input": (change_model(point_inputs), "refers to part 1000000"),
    "LiteRT: an output over an input": (change_model(point_outputs), "overwrites a tensor"),
    "LiteRT: an input computed later": (change_model(read_ahead), "reads a tensor that is not computed yet"),
    "LiteRT: a tensor of terabytes": (change_model(claim_terabytes), "a tensor has the shape"),
    "LiteRT: a constant shorter than its shape": (change_model(shorten_constant), "has values of 16 bytes"),
    "LiteRT: fewer scales than channels": (change_model(drop_scales), "one scale per channel"),
    "LiteRT: half a file": (
        lambda bundle: replace_file(MODEL, (bundle / MODEL).read_bytes()[:5000])(bundle),
        "does not load",
    ),
    "pickle: an array of objects": (
        replace_file(PROBES, npz(pictures=pickled_array(), scores=pickled_array())),
        "holds object, not numbers",
    ),
    "pickle: instead of arrays": (replace_file(PROBES, pickle.dumps(RunsCommand())), "is damaged: probes.npz"),
    "pickle: in the weights": (replace_file(WEIGHTS, npz(arr_0=pickled_array())), "holds object, not numbers"),
    "zip: a bomb": (replace_file(PROBES, npz(pictures=bytes(200_000_000), scores=b"")), "unpacks to 200,000,000 bytes"),
    "zip: encrypted": (replace_file(PROBES, encrypted()), "is damaged: probes.npz"),
    "zip: without a directory": (replace_file(PROBES, b"PK\x03\x04" + bytes(100)), "is damaged: probes.npz"),
    "NumPy: an array of exabytes": (
        replace_file(PROBES, npz(pictures=npy((2**60,)), scores=npy((1,)))),
        "is damaged: probes.npz",
    ),
    "NumPy: code in a header": (
        replace_file(PROBES, npz(pictures=npy((1,), "'+__import__('os').system('touch it-ran')+'"))),
        "is damaged: probes.npz",
    ),
    "NumPy: no array at all": (
        replace_file(PROBES, npz(pictures=b"not an array", scores=b"")),
        "is damaged: probes.npz",
    ),
    "NumPy: a single number": (
        replace_file(PROBES, npz(pictures=npy((), data=b"1"), scores=npy((), "<f4", b"1234"))),
        "have no scores",
    ),
    "NumPy: text": (
        replace_file(PROBES, npz(pictures=npy((1,), "<U1", b"1234"), scores=npy((1,)))),
        "holds <U1, not numbers",
    ),
    "NumPy: records": (
        replace_file(PROBES, npz(pictures=npy((1,), [("a", "<i4")], b"1234"), scores=npy((1,)))),
        "not numbers",
    ),
    "NumPy: fewer bytes than its shape": (
        replace_file(PROBES, npz(pictures=npy((2,), data=b"1"), scores=npy((1,)))),
        "has another size than its shape",
    ),
    "zip: compressed by bzip2": (
        replace_file(PROBES, npz(zipfile.ZIP_BZIP2, pictures=npy((1,), data=b"1"), scores=npy((1,)))),
        "compression is not allowed",
    ),
    "zip: a bomb of weights": (
        replace_file(WEIGHTS, npz(arr_0=npy((50_000_000,), data=bytes(50_000_000)))),
        "unpacks to 50,000,128 bytes",
    ),
    "NumPy: scores of NaN": (not_numbers, "does not reproduce its recorded scores"),
    "link: the model is another file": (link(MODEL, "../../secret.txt"), "a link or not a regular file"),
    "link: bundle.json is another file": (link("bundle.json", "../../secret.txt"), "a link or not a regular file"),
    "link: without end": (link(PROBES, "/dev/zero"), "a link or not a regular file"),
    "pipe: without a writer": (pipe(PROBES), "a link or not a regular file"),
    "path: out of the bundle": (change_info(files={"../../secret.txt": "0"}), "not a file of a bundle"),
    "path: absolute": (change_info(files={"/etc/passwd": "0"}), "not a file of a bundle"),
    "JSON: a hundred thousand deep": (lambda b: (b / "bundle.json").write_text("[" * 100_000) and None, "is damaged"),
    "JSON: 100 GB": (sparse_info, "more than the 16,000,000 allowed"),
}
LOADS = """
import json, sys
import clothes, clothes.inference.classifier, clothes.inference.bundle, ai_edge_litert.interpreter
from clothes.inference import litert_verifier, sandbox
from ai_edge_litert import schema_py_generated

def verify_here(data, size):
    try:
        litert_verifier.verify_litert(data)
    except Exception as error:
        raise ValueError(error) from None

if not IN_SANDBOX:
    sandbox.run_sandbox = verify_here
seen = []
sys.addaudithook(lambda event, args: seen.append([event, repr(args)]) if event in WATCHED else None)
for name in sys.argv[1:]:
    try:
        clothes.load(name)
        clothes.inference.bundle.read_bundle(name).weights()
        said = "LOADED"
    except clothes.BundleError as error:
        said = str(error)
    print(json.dumps([name, said, seen]))
    seen.clear()
"""
WATCHED = {"open", "os.system", "subprocess.Popen", "pickle.find_class", "exec", "ctypes.dlopen", "socket.connect"}


@pytest.fixture(scope="module")
def good(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small bundle, whose 8-bit weights have one scale per channel."""
    return Path(shutil.copytree(bundle, tmp_path_factory.mktemp("good") / "bundle"))


@pytest.fixture(
    scope="module",
    params=[pytest.param(True, marks=pytest.mark.slow, id="in the sandbox"), pytest.param(False, id="here")],
)
def answers(
    good: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, tuple[str, list[list[str]]]]]:
    """The message of a process for each bundle, and what it opened and ran meanwhile.

    A sandbox for each model takes most of the time, so the fast tier verifies the models in the process itself.
    """
    root = tmp_path_factory.mktemp("hostile")
    (root / "secret.txt").write_text(SECRET)
    folders = {}
    for number, (name, (change, _)) in enumerate(HOSTILE.items()):
        folders[name] = Path(shutil.copytree(good, root / str(number) / "bundle"))
        change(folders[name])
    code = f"WATCHED, IN_SANDBOX = {WATCHED}, {request.param}\n{LOADS}"
    command = [sys.executable, "-c", code, *map(str, folders.values())]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {path: (said, seen) for path, said, seen in lines}
    yield {name: found[str(folder)] for name, folder in folders.items()}
    assert not list(root.rglob("it-ran"))


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")
def test_each_hostile_bundle_is_refused_clearly_and_nothing_runs(answers: dict[str, Any]) -> None:
    for name, (_, message) in HOSTILE.items():
        said, seen = answers[name]
        assert message in said, name
        assert SECRET not in said and len(said) < 1000, name
        events = {event for event, _ in seen}
        assert not events & {"os.system", "pickle.find_class", "ctypes.dlopen", "socket.connect"}, (name, events)
        outside = [args for event, args in seen if event == "open" and ("secret" in args or "/dev/zero" in args)]
        assert not outside, name
        started = [args for event, args in seen if event == "subprocess.Popen"]
        assert all("clothes.inference.sandbox" in args for args in started), name
    print(f"{len(HOSTILE)} hostile bundles refused, no code run, no other file read")


def test_an_unknown_model_runs_in_the_sandbox_once(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import clothes
    from clothes.inference import sandbox

    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path))
    clothes.load(good)
    assert len(list((tmp_path / "models").iterdir())) == 1
    monkeypatch.setattr(sandbox.subprocess, "run", lambda *_, **__: pytest.fail("it ran again"))
    clothes.load(good)
    with pytest.raises(pytest.fail.Exception):  # other pictures may need more memory
        sandbox.try_model((good / "model.tflite").read_bytes(), 1024)


def test_a_cache_that_cannot_be_read_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from clothes.inference import sandbox

    tried: list[int] = []
    monkeypatch.setenv("CLOTHES_CACHE", "x" * 1000)
    monkeypatch.setattr(sandbox, "run_sandbox", lambda data, size: tried.append(size))
    sandbox.try_model(b"a model", 28)
    assert tried == [28]


def test_a_crash_of_litert_ends_only_the_sandbox(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clothes.inference import sandbox

    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    real = subprocess.run
    monkeypatch.setattr(
        sandbox.subprocess, "run", lambda command, **more: real([sys.executable, "-c", code], capture_output=True)
    )
    with pytest.raises(ValueError, match=r"crashes LiteRT.*status -11"):
        sandbox.try_model(b"TFL3 another model", 28)
    assert Bundle(good, json.loads((good / "bundle.json").read_text())).classes
