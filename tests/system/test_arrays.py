"""Files of NumPy arrays hold numbers only, and a damaged one raises ValueError."""

import io
import random

import numpy as np
import pytest

from clothes.system.arrays import pack_arrays, unpack_arrays


def test_arrays_come_back_as_they_were() -> None:
    arrays = {
        "whole": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "empty": np.zeros((0, 3)),
        "number": np.array(2.5),
        "big-endian": np.arange(3, dtype=">i8"),
        "mask": np.array([True, False]),
    }
    found = unpack_arrays(pack_arrays(np.ones(2), **arrays), most=5000)
    assert found.pop("arr_0").tolist() == [1, 1]
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name], value)
        assert found[name].flags.writeable


@pytest.mark.parametrize(
    "value",
    [np.array(["text"]), np.array([b"bytes"]), np.zeros(1, "M8[s]"), np.zeros(1, [("a", "f4")]), np.zeros(1, "c8")],
)
def test_other_types_than_numbers_are_refused(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not numbers"):
        unpack_arrays(pack_arrays(value), most=5000)


def test_too_many_bytes_are_refused_before_they_are_unpacked() -> None:
    with pytest.raises(ValueError, match="unpacks to 100,000,128 bytes, more than the 1,000 allowed"):
        unpack_arrays(pack_arrays(np.zeros(100_000_000, np.uint8)), most=1000)


@pytest.mark.slow
def test_damaged_files_raise_value_error_only() -> None:
    stored = io.BytesIO()
    np.savez(stored, a=np.arange(12, dtype=np.float32).reshape(3, 4), b=np.arange(5))
    rng = random.Random(0)
    refused = 0
    for _ in range(20_000):
        data = bytearray(stored.getvalue())
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.1:
            del data[rng.randrange(len(data)) :]
        try:
            arrays = unpack_arrays(bytes(data), most=5000)
            assert sum(array.nbytes for array in arrays.values()) < 5000
        except ValueError:
            refused += 1
    print(f"{refused} of 20,000 damaged files refused")
