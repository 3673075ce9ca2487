"""Measures cold starts, photos per second against decoding alone, and LiteRT against ONNX Runtime.

    uv run --with onnx --with tf2onnx --with onnxruntime python benchmarks/predicting_speed.py RUN PHOTOS

RUN is a run folder (its weights are converted to ONNX for the comparison), PHOTOS a folder with photos.
"""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clothes.inference.bundle import read_bundle

DECODE_ONLY = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from clothes.photos import decode as images
paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
with ThreadPoolExecutor(os.cpu_count()) as pool:
    print(sum(1 for _ in pool.map(images.read, paths)))
"""

ONE_RUNTIME = """
import statistics, sys, time
import numpy as np
kind, path, threads, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
started = time.perf_counter()
if kind == "LiteRT":
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_path=path, num_threads=threads)
    runner = interpreter.get_signature_runner()
    run = lambda pictures: runner(pictures=pictures)
else:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options)
    run = lambda pictures: session.run(None, {session.get_inputs()[0].name: pictures})
pictures = np.random.default_rng(0).integers(0, 256, (32, size, size, 3), dtype=np.uint8)
run(pictures[:1])
ready = time.perf_counter() - started

def each(batch, times):
    seconds = []
    for _ in range(times):
        before = time.perf_counter()
        run(pictures[:batch])
        seconds.append((time.perf_counter() - before) / batch)
    return statistics.median(seconds) * 1000
one = each(1, 40)
print(ready * 1000, one, each(32, 8))
"""


def seconds_of(command: list[str], *, runs: int = 7) -> list[float]:
    """Returns the wall time of a command, after one run that does not count."""
    found = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append(time.perf_counter() - started)
    return found[1:]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def installed_size(package: str) -> float:
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin
    return sum(path.stat().st_size for path in Path(spec.origin).parent.rglob("*") if path.is_file()) / 1e6


def convert_to_onnx(run: Path, target: Path) -> None:
    import keras

    from clothes.inference.run import Run
    from clothes.models.architectures import build_model

    opened = Run.open(run)
    bundle = opened.bundle
    model = build_model(opened.config.model, len(bundle.classes))
    model.set_weights(bundle.weights())
    served = keras.Model(model.inputs, {"scores": model.outputs[0], "features": model.get_layer("features").output})
    served.predict_on_batch(bundle.probes()[0])  # the export needs a network that was called
    served.export(target, format="onnx", verbose=False)


def main(run: Path, photos: Path) -> None:
    command = [sys.executable, "-m", "clothes"]
    files = sorted(photos.rglob("*.jpg"))
    print(f"{os.cpu_count()} cores, {len(files)} photos\n\n| command | seconds: median (min to max) |\n| --- | --- |")
    print(f"| clothes --help | {spread(seconds_of([*command, '--help']))} |")
    one = seconds_of([*command, "predict", str(files[0]), "--model", str(run)])
    print(f"| clothes predict photo.jpg, cold | {spread(one)} |")

    folder = [*command, "predict", str(photos), "--model", str(run), "--json"]
    decode = [sys.executable, "-c", DECODE_ONLY, str(photos)]
    ratios, rates = [], []
    for _ in range(3):  # in turn, for equal conditions
        ours, alone = seconds_of(folder, runs=1)[0], seconds_of(decode, runs=1)[0]
        ratios.append(alone / ours)
        rates.append((len(files) / ours, len(files) / alone))
    ours, alone = (statistics.median(rate[i] for rate in rates) for i in (0, 1))
    print("\n| photos per second, process start included | |\n| --- | --- |")
    print(f"| clothes predict FOLDER | {ours:.0f} |\n| decoding alone | {alone:.0f} |")
    print(f"| ratio | {spread(ratios)} |")

    with tempfile.TemporaryDirectory() as temporary:
        onnx = Path(temporary) / "model.onnx"
        convert_to_onnx(run, onnx)
        size = read_bundle(run).image_size
        print("\n| runtime | threads | installed MB | ready, ms | 1 photo, ms | 32 at once, ms a photo |")
        print("| --- | --- | --- | --- | --- | --- |")
        for threads in (1, 2):
            for kind, package, path in (
                ("LiteRT", "ai_edge_litert", run / "bundle" / "model.tflite"),
                ("ONNX Runtime", "onnxruntime", onnx),
            ):
                results = []
                for _ in range(3):
                    done = subprocess.run(
                        [sys.executable, "-c", ONE_RUNTIME, kind, str(path), str(threads), str(size)],
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    results.append([float(number) for number in done.stdout.split()])
                ready, single, many = (statistics.median(column) for column in zip(*results, strict=True))
                print(
                    f"| {kind} | {threads} | {installed_size(package):.0f} | {ready:.0f} | {single:.2f} | {many:.2f} |"
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
