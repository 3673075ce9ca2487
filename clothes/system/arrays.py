"""NumPy arrays in .npz files: plain numbers only, and no more memory than allowed."""

import io
import math
import zipfile

import numpy as np


def pack_arrays(*positional: np.ndarray, **named: np.ndarray) -> bytes:
    """Returns the bytes of a .npz file, in which positional arrays are called arr_0, arr_1 and so on."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *positional, allow_pickle=False, **named)
    return buffer.getvalue()


def unpack_arrays(data: bytes, *, most: int) -> dict[str, np.ndarray]:
    """Returns the arrays of a .npz file that unpacks to at most `most` bytes.

    Raises ValueError for a damaged file and for any other type than booleans, integers and floats, which could hold
    pointers or code.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > most:
                raise ValueError(f"it unpacks to {size:,} bytes, more than the {most:,} allowed")
            if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
                raise ValueError("its compression is not allowed")  # others unpack to more than they claim
            return {entry.filename.removesuffix(".npy"): _parse_array(archive.read(entry)) for entry in entries}
    except Exception as error:  # each reader raises its own errors for a hostile file
        raise ValueError(str(error) or type(error).__name__) from None


def _parse_array(data: bytes) -> np.ndarray:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)
    if dtype.kind not in "biuf":
        raise ValueError(f"an array holds {dtype}, not numbers")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array has another size than its shape {shape}")
    values = np.frombuffer(data, dtype, offset=file.tell()) if math.prod(shape) else np.empty(0, dtype)
    return values.reshape(shape, order="F" if is_fortran else "C").copy()
