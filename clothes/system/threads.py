"""Work on every core, in threads: decoding, NumPy and LiteRT release Python's global lock."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_QUEUED_PER_THREAD = 8

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(function: Callable[[T], R], items: Iterable[T], *, threads: int | None = None) -> Generator[R]:
    """Yields `function(item)` for each item, in order. Takes only a few items in advance, as each takes 2 kB.

    There are as many threads as cores, unless told otherwise.
    """
    threads = threads or os.cpu_count() or 1
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="clothes") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= _QUEUED_PER_THREAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
