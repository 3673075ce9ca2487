"""Work in threads: in order, and with few items in advance."""

import os

import pytest

from clothes.system.threads import map_in_threads


def test_results_come_in_order_and_few_items_are_taken_in_advance() -> None:
    items = iter(range(1000))
    results = map_in_threads(lambda item: -item, items)
    assert next(results) == 0
    taken = next(items)
    assert taken <= 10 * (os.cpu_count() or 1)
    assert list(results) == [-i for i in range(1, 1000) if i != taken]


def test_an_error_ends_the_work() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda item: 1 // item, [1, 0, 1]))
