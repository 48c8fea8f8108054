# SPDX-License-Identifier: BSD-3-Clause
"""Tensors: a layer's weights as filters of elements, seen where they lie."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kldsel._abi import Dtype, Kind, Layout
from kldsel._handle import Handle
from kldsel._library import check, library
from kldsel._numbers import DoublesIn, address, doubles, empty
from kldsel._options import axes_mask, choose, integer
from kldsel.arrays import ArrayView, view

if TYPE_CHECKING:
    from kldsel._numbers import Matrix


class Quantization(NamedTuple):
    """What stored bytes q mean: (q - zero_point) * scale. Each is a number, or one for each filter."""

    scale: float | Sequence[float]
    zero_point: float | Sequence[float] | None = None


class Tensor(Handle):
    """A layer's weights: `filters` of `elements` each. Views the array and keeps it alive; copies nothing.

    Takes what `kldsel.arrays.view()` takes, of up to 8 axes. `layout` says which axis is which: `oihw`
    (PyTorch, ONNX; also without, with one or three spatial axes), `hwio` (Keras, TensorFlow), `ohwi`, `iohw`
    and `hwoi` (transposed), `hwim` (depthwise), `oi` and `io` (dense). `quantization` is a `Quantization`, or
    the pair, for weights of uint8 and int8.

    >>> from array import array
    >>> Tensor(memoryview(array("f", range(6))).cast("B").cast("f", (2, 3)), "oi")
    <kldsel.Tensor: 2 filters of 3 elements, f32 (2, 3)>
    """

    shape: tuple[int, ...]
    dtype: Dtype
    filter_axes: tuple[int, ...]
    channel_axes: tuple[int, ...]

    def __init__(
        self,
        array: Any,
        layout: Layout | str = "oihw",
        *,
        quantization: Quantization | tuple[Any, Any] | None = None,
    ) -> None:
        chosen = choose(Layout, "layout", layout)
        seen = _view(array)
        filters, channels = _axes_of(chosen, len(seen.shape))
        self._view(seen, filters, channels, quantization, chosen)

    @classmethod
    def with_axes(
        cls,
        array: Any,
        filter_axes: int | Iterable[int],
        channel_axes: int | Iterable[int] = (),
        *,
        quantization: Quantization | tuple[Any, Any] | None = None,
    ) -> Tensor:
        """View weights of any layout by naming the axes that index filters and, if any, input channels.

        >>> from array import array
        >>> weights = memoryview(array("d", range(24))).cast("B").cast("d", (2, 3, 4))
        >>> Tensor.with_axes(weights, filter_axes=(0, -1))
        <kldsel.Tensor: 8 filters of 3 elements, f64 (2, 3, 4)>
        """
        seen = _view(array)
        rank = len(seen.shape)
        made = cls.__new__(cls)
        made._view(
            seen,
            _axes(axes_mask("filter_axes", filter_axes, rank)),
            _axes(axes_mask("channel_axes", channel_axes, rank)),
            quantization,
        )
        return made

    @property
    def filters(self) -> int:
        """Number of filters M."""
        return int(library().kldsel_tensor_filters(self))

    @property
    def elements(self) -> int:
        """Number of elements K of each filter."""
        return int(library().kldsel_tensor_elements(self))

    def values(self) -> Matrix:
        """A copy of the weights as doubles, dequantised, of the tensor's shape."""
        result = empty(self.filters * self.elements)
        check(library().kldsel_tensor_values(self, address(result), len(result)))
        made: Matrix = doubles(result, self.shape)
        return made

    def copy(self) -> Tensor:
        """A tensor of the same axes, type and values that owns its weights."""
        handle = ctypes.c_void_p()
        check(library().kldsel_tensor_copy(self, None, ctypes.byref(handle)))
        return self._made(handle, self.shape, self.dtype, self.filter_axes, self.channel_axes)

    def __repr__(self) -> str:
        return (
            f"<kldsel.Tensor: {self.filters} filters of {self.elements} elements, "
            f"{self.dtype.name.lower()} {self.shape}>"
        )

    def __reduce__(self) -> Any:
        raise TypeError("a Tensor views memory and does not travel; pickle its Profile")

    def _view(
        self,
        seen: ArrayView,
        filter_axes: tuple[int, ...],
        channel_axes: tuple[int, ...],
        quantization: Quantization | tuple[Any, Any] | None,
        layout: Layout | None = None,
    ) -> None:
        rank = len(seen.shape)
        shape = (ctypes.c_int64 * rank)(*seen.shape)
        start, length = seen.span
        handle = ctypes.c_void_p()
        if layout is not None and seen.contiguous:
            status = library().kldsel_tensor_view(
                start, length, seen.dtype, rank, shape, layout, None, ctypes.byref(handle)
            )
        else:
            status = library().kldsel_tensor_view_strided(
                start,
                length,
                seen.address - start,
                seen.dtype,
                rank,
                shape,
                (ctypes.c_int64 * rank)(*seen.strides),
                _mask(filter_axes),
                _mask(channel_axes),
                None,
                ctypes.byref(handle),
            )
        check(status)
        self._describe(handle, seen.shape, seen.dtype, filter_axes, channel_axes)
        self._owner = seen.owner
        if quantization is not None:
            self._quantize(*quantization)

    def _quantize(self, scale: Any, zero_point: Any = None) -> None:
        scales, zeros = _sequence(scale), _sequence(0.0 if zero_point is None else zero_point)
        count = max(len(scales), len(zeros))
        numbers = []
        for argument, values in (("scale", scales), ("zero_point", zeros)):
            if len(values) not in (1, count):
                raise ValueError(f"quantization has {len(values)} of {argument}; must be 1 or {count}")
            # One number stands for all filters, where the other has one for each.
            repeated = values if len(values) == count else [values[0]] * count
            numbers.append(DoublesIn(f"quantization {argument}", repeated))
        handle = ctypes.c_void_p()
        check(library().kldsel_tensor_quantized(self, *numbers, count, None, ctypes.byref(handle)))
        plain, self._as_parameter_ = self._as_parameter_, handle
        self._free(plain)

    @classmethod
    def _made(
        cls,
        handle: ctypes.c_void_p,
        shape: tuple[int, ...],
        dtype: Dtype,
        filter_axes: tuple[int, ...],
        channel_axes: tuple[int, ...],
    ) -> Tensor:
        """A tensor around a handle that owns its weights."""
        made = cls.__new__(cls)
        made._describe(handle, shape, dtype, filter_axes, channel_axes)
        made._owner = None
        return made

    def _describe(
        self,
        handle: ctypes.c_void_p,
        shape: tuple[int, ...],
        dtype: Dtype,
        filter_axes: tuple[int, ...],
        channel_axes: tuple[int, ...],
    ) -> None:
        self._own(handle, library().kldsel_tensor_free)
        self.shape, self.dtype = shape, dtype
        self.filter_axes, self.channel_axes = filter_axes, channel_axes


def kind(shape: Iterable[int]) -> Kind:
    """What kind of layer a weight shape belongs to.

    >>> kind((64, 3, 7, 7)), kind((10, 512)), kind((64,))
    (<Kind.CONVOLUTION: 3>, <Kind.DENSE: 2>, <Kind.OTHER: 1>)
    """
    extents = [integer(f"shape[{i}]", extent, 1, 2**63 - 1) for i, extent in enumerate(shape)]
    found = ctypes.c_int32()
    check(
        library().kldsel_layer_kind(
            len(extents), (ctypes.c_int64 * len(extents))(*extents), ctypes.byref(found)
        )
    )
    return Kind(found.value)


def layout_axes(layout: Layout | str, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that index filters, and those that index input channels, of a layout at a rank.

    >>> layout_axes("hwio", 4)
    ((3,), (2,))
    """
    filters, channels = ctypes.c_uint32(), ctypes.c_uint32()
    check(
        library().kldsel_layout_axes(
            choose(Layout, "layout", layout),
            integer("rank", rank, 0, 2**31 - 1),
            ctypes.byref(filters),
            ctypes.byref(channels),
        )
    )
    return _axes(filters.value), _axes(channels.value)


# Networks have many layers of few layouts.
_axes_of = functools.lru_cache(maxsize=None)(layout_axes)


def require_tensor(argument: str, value: object) -> Tensor:
    """The argument, if it is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{argument} is a {type(value).__name__}; must be a Tensor")
    return value


def filter_matrix_shape(tensor: Tensor) -> tuple[int, int, int]:
    """The shape of a tensor's filter matrix: filters, channels, elements of a channel."""
    channels = math.prod(tensor.shape[axis] for axis in tensor.channel_axes)
    return tensor.filters, channels, tensor.elements // channels


def _view(array: Any) -> ArrayView:
    seen = view(array)
    for axis, extent in enumerate(seen.shape):
        if not 0 < extent < 2**63:
            raise ValueError(f"array has shape {seen.shape}; shape[{axis}] must be > 0")
    for axis, stride in enumerate(seen.strides):
        if not -(2**63) <= stride < 2**63:
            raise ValueError(f"array has strides {seen.strides}; strides[{axis}] is beyond an int64")
    return seen


def _axes(mask: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(32) if mask >> axis & 1)


def _mask(axes: tuple[int, ...]) -> int:
    return sum(1 << axis for axis in axes)


def _sequence(value: Any) -> Any:
    try:
        len(value)
    except TypeError:  # a number, or an array without axes
        return (value,)
    return value
