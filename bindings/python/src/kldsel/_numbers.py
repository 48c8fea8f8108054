# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of numbers that go into the library and come out of it."""

from __future__ import annotations

import ctypes
import functools
from array import array
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Union

from kldsel._abi import Dtype
from kldsel._options import integer, real
from kldsel.arrays import view

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Doubles = Union[numpy.typing.NDArray[numpy.float64], array[float]]
    Matrix = Union[numpy.typing.NDArray[numpy.float64], memoryview]


@functools.cache
def numpy_or_none() -> Any:
    """NumPy, if it is installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def empty(length: int) -> array[float]:
    """Room for so many doubles."""
    return array("d", (0.0,)) * length


def address(values: array[Any]) -> int:
    """Where an array's elements lie."""
    return values.buffer_info()[0]


def doubles(values: array[float], shape: tuple[int, ...] | None = None) -> Any:
    """Results as an ndarray if NumPy is there, else as the array or, with a shape, as a memoryview."""
    numpy = numpy_or_none()
    if numpy is not None:
        result = numpy.frombuffer(values, dtype=numpy.float64) if len(values) else numpy.empty(0)
        return result if shape is None else result.reshape(shape)
    return values if shape is None else memoryview(values).cast("B").cast("d", shape)


class DoublesIn:
    """Numbers to be read by the library: where they lie, if they are doubles in a row, else a copy."""

    def __init__(self, argument: str, values: Any) -> None:
        self._owner: object = values
        self._as_parameter_, self.length = self._find(argument, values)
        if self.length == 0:
            raise ValueError(f"{argument} is empty")

    def _find(self, argument: str, values: Any) -> tuple[ctypes.c_void_p, int]:
        if not isinstance(values, (list, tuple, range)):
            try:
                found = view(values, argument)
            except TypeError:
                found = None
            if found is not None and found.dtype == Dtype.F64 and len(found.shape) == 1 and found.contiguous:
                self._owner = found
                return ctypes.c_void_p(found.address), found.shape[0]
        try:
            copy = array("d", [real(f"{argument}[{i}]", value) for i, value in enumerate(values)])
        except TypeError as error:
            if isinstance(values, Iterable):
                raise
            raise TypeError(f"{argument} is {values!r}; must be a sequence of numbers") from error
        self._owner = copy
        return ctypes.c_void_p(address(copy)), len(copy)


def int64s(argument: str, values: Iterable[Any], length: int) -> Any:
    """Counts as a C array."""
    numbers = [integer(f"{argument}[{i}]", value, 0, 2**63 - 1) for i, value in enumerate(values)]
    _require_length(argument, numbers, length)
    return (ctypes.c_int64 * length)(*numbers)


def group_numbers(groups: Iterable[Hashable] | None, length: int) -> Any:
    """Labels of any kind as the numbers of their first appearance; None stays None."""
    if groups is None:
        return None
    labels = list(groups)
    _require_length("groups", labels, length)
    numbers: dict[Hashable, int] = {}
    return (ctypes.c_int32 * length)(*(numbers.setdefault(label, len(numbers)) for label in labels))


def _require_length(argument: str, values: Sequence[object], length: int) -> None:
    if len(values) != length:
        raise ValueError(f"{argument} has {len(values)} entries for {length} layers")
