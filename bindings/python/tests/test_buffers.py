# SPDX-License-Identifier: BSD-3-Clause
"""Weights from the standard library's buffers: no NumPy."""

from __future__ import annotations

import ctypes
import gc
import mmap
from array import array
from pathlib import Path
from typing import Any

import pytest

from kldsel import arrays
from kldsel.lowlevel import Dtype, Tensor


def matrix(values: Any, shape: tuple[int, ...]) -> memoryview:
    """A buffer of several axes."""
    flat = memoryview(values)
    return flat.cast("B").cast(flat.format, shape)


def flat(tensor: Tensor) -> list[float]:
    return [float(value) for value in memoryview(tensor.values()).cast("B").cast("d")]


@pytest.mark.parametrize(
    ("code", "dtype"),
    [("d", Dtype.F64), ("f", Dtype.F32), ("B", Dtype.U8), ("b", Dtype.I8)],
)
def test_array_is_viewed_in_place(code: str, dtype: Dtype) -> None:
    weights = array(code, range(6))
    tensor = Tensor(matrix(weights, (2, 3)), "oi")
    assert (tensor.dtype, tensor.shape, tensor.filters, tensor.elements) == (dtype, (2, 3), 2, 3)
    assert flat(tensor) == [0, 1, 2, 3, 4, 5]
    weights[4] = 40
    assert flat(tensor)[4] == 40


def test_read_only_and_mapped_memory(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(array("f", range(6)).tobytes())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tensor = Tensor(memoryview(mapped).cast("f", (3, 2)), "io")
        assert tensor.filters == 2
        assert flat(tensor) == [0, 1, 2, 3, 4, 5]
        with pytest.raises(BufferError):  # the view holds the mapping open
            mapped.close()
        del tensor
        gc.collect()
    tensor = Tensor(memoryview(path.read_bytes()).cast("f", (3, 2)))  # nobody else holds these bytes
    gc.collect()
    assert flat(tensor) == [0, 1, 2, 3, 4, 5]


def test_c_arrays() -> None:
    weights = ((ctypes.c_double * 2) * 3)((1, 2), (3, 4), (5, 6))
    tensor = Tensor(weights)
    assert (tensor.shape, flat(tensor)) == ((3, 2), [1, 2, 3, 4, 5, 6])


def test_reversed_and_stepped() -> None:
    weights = memoryview(array("d", range(8)))
    found = arrays.view(weights[::-2])
    assert found.strides == (-16,)
    assert found.address == arrays.view(weights).address + 7 * 8
    assert found.span == (found.address - 6 * 8, 7 * 8)
    assert not found.contiguous


def test_buffer_cannot_move_while_viewed() -> None:
    weights = array("d", range(6))
    tensor = Tensor.with_axes(matrix(weights, (2, 3)), 0)
    with pytest.raises(BufferError):
        weights.append(1.0)
    del tensor
    gc.collect()
    weights.append(1.0)


@pytest.mark.parametrize("code", ["i", "q", "H", "l"])
def test_other_types_are_refused_by_name(code: str) -> None:
    with pytest.raises(
        TypeError, match=rf"array \(a array.array\) has elements of the format '{code}'; float64"
    ):
        Tensor(array(code, [1, 2]))


def test_other_byte_order_is_refused() -> None:
    weights = (ctypes.c_float.__ctype_be__ * 2)(1, 2)
    with pytest.raises(TypeError, match="'>f', the other byte order"):
        Tensor(weights)


@pytest.mark.parametrize("value", [[[1.0, 2.0]], 3.0, None, "weights", object()])
def test_what_is_no_array_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has neither __array_interface__ nor DLPack nor the buffer protocol"):
        Tensor(value)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_empty_arrays_are_refused(shape: tuple[int, int]) -> None:
    weights = ((ctypes.c_double * shape[1]) * shape[0])()
    axis = shape.index(0)
    with pytest.raises(ValueError, match=rf"shape\[{axis}\] must be > 0"):
        Tensor(weights)


def test_interface_beyond_64_bits_is_refused() -> None:
    class Liar:
        def __init__(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
            self.__array_interface__ = {
                "data": (4096, True), "shape": shape, "strides": strides, "typestr": "<f8"
            }  # fmt: skip

    with pytest.raises(ValueError, match=r"shape\[0\]"):
        Tensor(Liar((2**64 + 2, 2), (16, 8)))
    with pytest.raises(ValueError, match=r"strides\[1\]"):
        Tensor(Liar((2, 2), (16, 2**64 + 8)))
