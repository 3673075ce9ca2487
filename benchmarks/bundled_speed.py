"""Compares the speed of the bundled model with Keras' MobileNetV2 called the usual way, in turn on one machine.

    uv run python benchmarks/bundled_speed.py PHOTOS [--folder]

PHOTOS is a folder with photos. MobileNetV2 has random weights, which take the same time. With --folder it measures the
bundled model on the folder alone, in half a minute.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ONE = """
import resource, statistics, sys, time
import clothes
classifier = clothes.load()
times = []
for path in sys.argv[1:]:
    started = time.perf_counter()
    classifier.predict(path)
    times.append(time.perf_counter() - started)
print(statistics.median(times) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""

USUAL = """
import statistics, sys, time
import numpy as np
import keras
model = keras.applications.MobileNetV2(weights=None)
prepare = keras.applications.mobilenet_v2.preprocess_input

def look(path):
    picture = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
    return model.predict(prepare(picture[None]), verbose=0)

look(sys.argv[1])
times = []
for path in sys.argv[1:41]:
    started = time.perf_counter()
    look(path)
    times.append(time.perf_counter() - started)

def batch(paths):
    pictures = [keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224))) for path in paths]
    return model.predict(prepare(np.stack(pictures)), verbose=0)

batch(sys.argv[1:33])
started = time.perf_counter()
for i in range(1, len(sys.argv) - 31, 32):
    batch(sys.argv[i : i + 32])
print(statistics.median(times) * 1000, (len(sys.argv) - 1) // 32 * 32 / (time.perf_counter() - started))
"""

MANY = """
import sys, time
import clothes
classifier = clothes.load()
list(classifier.predict_many(sys.argv[1:33]))
started, processor = time.perf_counter(), time.process_time()
list(classifier.predict_many(sys.argv[1:]))
photos = len(sys.argv) - 1
print(photos / (time.perf_counter() - started), (time.process_time() - processor) * 1000 / photos)
"""

DECODE = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from clothes.photos import decode as images
with ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(images.read, sys.argv[1:33]))
    started = time.perf_counter()
    list(pool.map(images.read, sys.argv[1:]))
    print((len(sys.argv) - 1) / (time.perf_counter() - started))
"""

STAGES = """
import sys, time
from pathlib import Path
import clothes
from clothes.photos.decode.letterbox import fit_square
from clothes.photos.decode.opening import open_photo
from clothes.photos.decode.rgb import upright_rgb
classifier = clothes.load()
classifier.predict(sys.argv[1])
times = [0.0] * 5
for path in sys.argv[1:]:
    marks = [time.thread_time()]
    data = Path(path).read_bytes()
    marks.append(time.thread_time())
    with open_photo(data) as (image, owned):
        image.load()
        marks.append(time.thread_time())
        square = fit_square(upright_rgb(image, owned=owned), classifier.image_size)
    marks.append(time.thread_time())
    classifier.model.run(square)
    marks.append(time.thread_time())
    classifier.predict(path)
    marks.append(time.thread_time())
    times = [total + after - before for total, before, after in zip(times, marks, marks[1:])]
print(*(seconds * 1000 / len(sys.argv[1:]) for seconds in times))
"""


def ask(code: str, photos: list[str], *, cores: str | None = None) -> list[float]:
    """Runs a script in a new Python process and returns the numbers that it prints."""
    command = [sys.executable, "-c", code, *photos]
    done = subprocess.run(
        ["taskset", "-c", cores, *command] if cores else command,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return [float(number) for number in done.stdout.split()]


def cold(photo: str) -> tuple[float, float]:
    """Returns seconds and peak MB of one `clothes predict`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "clothes", "predict", photo], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    return seconds, max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1000


def show_comparison(photos: list[str]) -> None:
    """Prints the speed of the bundled model beside MobileNetV2's."""
    starts = [cold(photos[0]) for _ in range(6)][1:]
    print(f"| `clothes predict photo.jpg`, cold, s | {statistics.median(s for s, _ in starts):.2f} |")
    print(f"| its peak memory, MB | {max(mb for _, mb in starts):.0f} |")
    rounds = [[*ask(ONE, photos[:200], cores="0"), *ask(USUAL, photos), *ask(MANY, photos)] for _ in range(3)]
    one, peak, usual_one, usual_many, many, _ = map(statistics.median, zip(*rounds, strict=True))
    print(f"| one photo, one core, median ms | {one:.1f} |\n| its process' peak memory, MB | {peak:.0f} |")
    print(f"| MobileNetV2 the usual way, one photo, two cores, median ms | {usual_one:.1f} |")
    print(f"| times faster | {usual_one / one:.1f} |")
    print(f"| MobileNetV2 the usual way, batches of 32, photos a second | {usual_many:.0f} |")
    print(f"| folder, times faster | {many / usual_many:.1f} |")


def show_folder(photos: list[str]) -> None:
    """Prints the speed of a folder, and the processor time of each stage."""
    rounds = [[*ask(MANY, photos), *ask(DECODE, photos)] for _ in range(5)]
    many, processor, decode = map(statistics.median, zip(*rounds, strict=True))
    print(f"| folder, photos a second | {many:.0f} |\n| its processor time a photo, ms | {processor:.2f} |")
    print(f"| decoding alone, photos a second | {decode:.0f} |\n| ratio of folder to that | {many / decode:.2f} |")
    stages = ("reading", "decoding", "scaling", "network", "all of it")
    print("\n| stage, one thread | processor time a photo, ms |\n| --- | --- |")
    print("\n".join(f"| {stage} | {ms:.2f} |" for stage, ms in zip(stages, ask(STAGES, photos), strict=True)))


def main(folder: str, *options: str) -> None:
    photos = [str(path) for path in sorted(Path(folder).rglob("*.jpg"))[:640]]
    print(f"{len(photos)} photos, {os.cpu_count()} cores\n\n| | |\n| --- | --- |")
    if "--folder" not in options:
        show_comparison(photos)
    show_folder(photos)


if __name__ == "__main__":
    main(*sys.argv[1:])
