"""Answers the missing parts on Ray Data: a pool of workers, each with one model, on one machine or many.

Ray moves numbers of parts and counts alone. A worker reads its photos itself, a few at a time, so neither the memory
of a worker nor Ray's store grows with the number or size of the photos.
"""

import logging
import os
import random
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa

from clothes.errors import ClothesError
from clothes.inference.many.answers import Answers, answer_photos, answers_schema
from clothes.inference.many.task import Answer, Task
from clothes.system.stderr import quiet

_STORE = 100_000_000  # bytes of Ray's store: through it go numbers of parts and the model, and no photo
_PROCESSOR = 0.9  # of a worker. What Ray runs beside the workers needs a share, or all would wait for ever.
_PATIENCE = 300.0  # seconds until a worker starts: a cluster that grows with its work adds a machine in less
_STARTS = 3  # tries: on a busy computer it takes longer than the half minute that Ray waits for itself
_RETRIES = 100  # of a part: some a minute until Ray knows that a machine is gone; a photo may kill each worker, too
_LEAST_FAILED = 5  # parts, before it is said that most fail


class Part(NamedTuple):
    """A part that is done: the number of its photos, of those that could not be read, and why it failed, or ""."""

    photos: int
    unread: int
    failed: str


def answer_missing(
    answers: Answers, task: Task, *, address: str | None = None, workers: int | None = None
) -> Iterator[Part]:
    """Yields each part when its answers are written; a part that failed can be tried again.

    Starts Ray on this machine, on its loopback alone, or joins the cluster at `address`, which reads the photos and
    writes the answers. `workers` is the highest number, by default of as many as the cluster has processors. Raises
    ClothesError if no cluster can be used or too many parts failed.
    """
    missing = answers.missing()
    if not missing:
        return
    random.shuffle(missing)  # so that those which fail are not all at the start
    with _cluster(address) as ray:
        _wait_for_a_worker(ray)
        try:
            rows = _rows(ray, answers.store.address, missing, task, workers)
            yield from stop_at_failures(Part(**row) for row in rows)
        except (ray.exceptions.ActorDiedError, ray.exceptions.ActorUnavailableError) as error:
            raise ClothesError(f"Workers died again and again: {_first_line(error)}") from None


def _wait_for_a_worker(ray: Any) -> None:
    """Raises ClothesError if none can start. Ray waits for ever then, and says so in its logs alone."""
    total, free = (found.get("CPU", 0) for found in (ray.cluster_resources(), ray.available_resources()))
    first = ray.remote(num_cpus=_PROCESSOR)(_start_worker).remote()
    if ray.wait([first], timeout=_PATIENCE)[0]:
        try:
            ray.get(first)
        except ray.exceptions.RuntimeEnvSetupError as error:
            hint = "If it was started below `uv run`, start it with RAY_ENABLE_UV_RUN_RUNTIME_ENV=0."
            raise ClothesError(f"The cluster cannot start a worker: {_first_line(error)} {hint}") from None
        except ray.exceptions.RayError as error:
            raise ClothesError(f"A worker of the cluster cannot run clothes: {_first_line(error)}") from None
        return
    if free < _PROCESSOR:
        reason = f"{free:g} processors of {total:g} were free. `ray status` shows what uses them."
    else:
        reason = "processors were free, but no process starts there."
    raise ClothesError(
        f"No worker has started in {_PATIENCE / 60:g} minutes: {reason} Ray's logs are on each machine "
        "in /tmp/ray/session_latest/logs, or below TMPDIR or RAY_TMPDIR in the place of /tmp."
    )


def _start_worker() -> None:
    """Runs in a worker."""


def _rows(ray: Any, *given: Any) -> Iterator[dict[str, Any]]:
    """Yields the rows of `_plan`, in a client through a process of the cluster: Ray Data does not work in clients."""
    if not ray.util.client.ray.is_connected():
        return iter(_plan(*given).iter_rows())
    reader = ray.remote(num_cpus=0)(_Reader).remote(*given)
    return iter(lambda: ray.get(reader.next.remote()), None)


class _Reader:
    """Reads the rows of `_plan` in the place of a client."""

    def __init__(self, *given: Any) -> None:
        self._rows = iter(_plan(*given).iter_rows())

    def next(self) -> dict[str, Any] | None:
        return next(self._rows, None)


def _plan(address: str, missing: list[int], task: Task, workers: int | None) -> Any:
    """Returns the dataset that answers these parts, a row each, when it is read."""
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    with warnings.catch_warnings():
        # Ray 2.64 drops this way to limit the retries, and has no other yet: pyproject.toml keeps an older one.
        warnings.filterwarnings("ignore", "`ray_remote_args_fn` is deprecated")
        return ray.data.from_items([{"part": part} for part in missing], override_num_blocks=len(missing)).map(
            _Worker,
            fn_constructor_args=(address, ray.put(task)),
            compute=ray.data.ActorPoolStrategy(
                min_size=1, initial_size=min(most, len(missing)), max_size=most, max_tasks_in_flight_per_actor=2
            ),
            num_cpus=_PROCESSOR,
            ray_remote_args_fn=lambda: {"max_task_retries": _RETRIES},
        )


def stop_at_failures(parts: Iterable[Part]) -> Iterator[Part]:
    """Yields the parts. Raises ClothesError when most of them fail: a bucket or folder is out of reach."""
    failed = list[str]()
    for done, part in enumerate(parts, 1):
        failed += filter(None, [part.failed])
        if len(failed) >= max(_LEAST_FAILED, done / 2):
            raise ClothesError(f"{failed[0]} So did {len(failed)} parts of {done}: the others are not tried.")
        yield part


class _Worker:
    """One model in a process of its own. `task` is the reference of a Task in Ray's store."""

    def __init__(self, address: str, task: Any) -> None:
        self._address, self._task = address, task

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self._address)

    @cached_property
    def _loaded(self) -> tuple[Answer, pa.Schema]:
        import ray

        task: Task = ray.get(self._task)
        return task.load(), answers_schema(task)

    def __call__(self, row: dict[str, int]) -> dict[str, Any]:
        try:
            photos = self._answers.photos(row["part"])
            table = answer_photos(*self._loaded, photos)
            self._answers.write(row["part"], table)
            return Part(len(photos), len(photos) - table["code"].null_count, "")._asdict()
        except (ClothesError, OSError) as error:  # as text, as the classes of some are not where it is read
            return Part(0, 0, str(error))._asdict()


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Yields Ray, started on this machine or joined, and ends what it began. Takes it as it is if it is started."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Below `uv run` each worker would make an environment of its own, without Ray, and the driver would wait for ever.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    if address is None:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # as there: every port is on loopback
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        # By default the threads of a worker use sixteen heaps in turn, and it grows by 80 MB with 100,000 photos.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    import ray

    is_new = not ray.is_initialized()
    if is_new:
        _start(ray, address)
    try:
        yield ray
    finally:
        if is_new:
            ray.shutdown()


def _start(ray: Any, address: str | None) -> None:
    silent = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        try:
            _join(ray, address, silent)
        except Exception as error:  # of many kinds, as the reasons are
            reason = _first_line(error).rstrip(".:")
            hint = "" if "RAY_AUTH_MODE" in os.environ else " If it has a token, set RAY_AUTH_MODE=token."
            raise ClothesError(f"No Ray cluster can be used at {address}: {reason}.{hint}") from None
        return
    for tries in range(1, _STARTS + 1):
        try:
            with quiet():
                ray.init(address="local", include_dashboard=False, object_store_memory=_STORE, **silent)
            return
        except Exception as error:
            ray.shutdown()
            if tries == _STARTS:
                raise ClothesError(f"Ray does not start on this computer: {_first_line(error)}") from None


def _join(ray: Any, address: str, options: dict[str, Any]) -> None:
    for _ in range(_STARTS - 1):
        try:
            ray.init(address=address, **options)
            return
        except ConnectionAbortedError:  # the cluster could not start a process for this client: often it can at once
            ray.shutdown()
    ray.init(address=address, **options)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
