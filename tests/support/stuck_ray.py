"""Asks a Ray cluster for answers that no worker can start to give. Run by a test of `inference.many`.

    python -m tests.support.stuck_ray busy|broken SOURCE OUT

Other work takes the only processor (busy), or no process starts (broken). Prints the error.
"""

import os
import sys
import time

os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every port on loopback
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # below `uv run` as elsewhere
    "RAY_USAGE_STATS_ENABLED": "0",
}

import ray

from clothes.errors import ClothesError
from clothes.inference.many import ray_engine
from clothes.inference.many.answers import open_answers
from tests.support.many_photos import labels

_SECONDS = 8.0


def take_a_processor() -> None:
    time.sleep(600)


def main(how: str, source: str, out: str) -> None:
    broken = {"py_executable": "false"} if how == "broken" else None
    ray.init(address="local", num_cpus=1, include_dashboard=False, object_store_memory=80_000_000, runtime_env=broken)
    if how == "busy":
        other = ray.remote(num_cpus=1)(take_a_processor).remote()
        while ray.available_resources().get("CPU", 0):
            time.sleep(0.1)
    ray_engine._PATIENCE = _SECONDS
    try:
        with open_answers(out, source, labels()) as (answers, _):
            list(ray_engine.answer_missing(answers, labels()))
    except ClothesError as error:
        print(error)
    if how == "busy":
        ray.cancel(other, force=True)
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
