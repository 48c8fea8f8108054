# SPDX-License-Identifier: BSD-3-Clause
"""Weights from NumPy: every type, any strides, every layout, in place."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from kldsel import arrays
from kldsel.lowlevel import Dtype, Layout, Quantization, Tensor, filter_matrix, layout_axes

np = pytest.importorskip("numpy")
pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

DTYPES = {
    "float64": Dtype.F64,
    "float32": Dtype.F32,
    "float16": Dtype.F16,
    "uint8": Dtype.U8,
    "int8": Dtype.I8,
}


def numbers(shape: tuple[int, ...], dtype: str) -> Any:
    random = np.random.default_rng(sum(shape))
    return (random.standard_normal(shape) * 40).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_types(dtype: str) -> None:
    weights = numbers((4, 3, 2), dtype)
    tensor = Tensor(weights)
    assert tensor.dtype is DTYPES[dtype]
    assert np.array_equal(tensor.values(), weights.astype("f8"))


@st.composite
def strided(draw: st.DrawFn) -> Any:
    """A view of any strides, zero and negative ones among them."""
    rank = draw(st.integers(2, 5))
    base = numbers(tuple(draw(st.lists(st.integers(1, 6), min_size=rank, max_size=rank))), "f4")
    steps = draw(st.lists(st.sampled_from((1, 2, -1, -2)), min_size=rank, max_size=rank))
    weights = base[tuple(slice(None, None, step) for step in steps)]
    weights = weights.transpose(draw(st.permutations(range(rank))))
    if draw(st.booleans()):
        weights = np.broadcast_to(weights[:1], (draw(st.integers(1, 4)), *weights.shape[1:]))
    return weights


def matrix_by_numpy(weights: Any, filters: tuple[int, ...], channels: tuple[int, ...]) -> Any:
    rest = [axis for axis in range(weights.ndim) if axis not in (*filters, *channels)]
    moved = weights.transpose(*filters, *channels, *rest)
    count = int(np.prod([weights.shape[axis] for axis in filters]))
    return moved.reshape(count, int(np.prod([weights.shape[axis] for axis in channels])), -1)


@given(strided(), st.sampled_from(Layout))
def test_any_strides_in_any_layout(weights: Any, layout: Layout) -> None:
    dense = layout in (Layout.OI, Layout.IO)
    if (dense and weights.ndim != 2) or (layout is Layout.HWIM and weights.ndim < 3):
        with pytest.raises(ValueError, match="rank is"):
            Tensor(weights, layout)
        return
    tensor = Tensor(weights, layout)
    filters, channels = layout_axes(layout, weights.ndim)
    assert (tensor.filter_axes, tensor.channel_axes) == (filters, channels)
    assert np.array_equal(tensor.values(), weights)
    expected = matrix_by_numpy(weights, filters, channels)
    matrix = filter_matrix(tensor)
    assert matrix.shape == expected.shape
    assert np.array_equal(matrix.values(), expected)


@given(strided(), st.data())
def test_any_axes(weights: Any, data: st.DataObject) -> None:
    axes = st.lists(st.integers(0, weights.ndim - 1), unique=True)
    filters = tuple(sorted(data.draw(axes.filter(lambda some: 0 < len(some) < weights.ndim))))
    channels = tuple(sorted(set(data.draw(axes)) - set(filters)))
    signs = data.draw(st.sampled_from((0, weights.ndim)))  # negative numbers count from the end
    tensor = Tensor.with_axes(
        weights, [axis - signs for axis in filters], [axis - signs for axis in channels]
    )
    assert (tensor.filter_axes, tensor.channel_axes) == (filters, channels)
    expected = matrix_by_numpy(weights, filters, channels)
    assert np.array_equal(filter_matrix(tensor).values(), expected)


def test_axes_that_do_not_fit() -> None:
    weights = numbers((2, 3, 4), "f4")
    for filters, channels, message in (
        (3, (), "filter_axes is 3; must be -3 to 2"),
        ((), (), "filter_axes is 0: no axis"),
        ((0, 1, 2), (), "every axis indexes filters"),
        (0, 0, "shares an axis"),
        ("x", (), "filter_axes is 'x'; must be an integer"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            Tensor.with_axes(weights, filters, channels)  # type: ignore[arg-type]


def test_unaligned() -> None:
    weights = np.frombuffer(b"\0" + numbers((3, 4), "f8").tobytes(), dtype="f8", offset=1).reshape(3, 4)
    assert not weights.flags.aligned
    assert np.array_equal(Tensor(weights).values(), weights)


def test_read_only_and_in_place() -> None:
    weights = numbers((3, 4), "f4")
    locked = weights.view()
    locked.flags.writeable = False
    tensor = Tensor(locked)
    assert arrays.view(locked).address == weights.ctypes.data
    weights[1, 2] = 1234
    assert tensor.values()[1, 2] == 1234


def test_array_lives_as_long_as_its_tensor() -> None:
    weights = numbers((3, 4), "f4")
    expected, gone = weights.astype("f8"), weakref.ref(weights)
    tensor = Tensor(weights)
    del weights
    gc.collect()
    assert gone() is not None
    assert np.array_equal(tensor.values(), expected)
    del tensor
    gc.collect()
    assert gone() is None


def test_copy_owns_its_weights() -> None:
    weights = numbers((3, 4, 2), "f2")
    expected = weights.astype("f8")
    copy = Tensor(weights.transpose(2, 1, 0), "hwio").copy()
    weights[:] = 0
    assert (copy.shape, copy.filters, copy.dtype) == ((2, 4, 3), 3, Dtype.F16)
    assert np.array_equal(copy.values(), expected.transpose(2, 1, 0))


@pytest.mark.parametrize(
    "dtype", ["?", "i2", "i4", "i8", "u4", "c8", "c16", "O", "U3", "S2", "V8", "g", "M8[s]"]
)
def test_other_types_are_refused_by_name(dtype: str) -> None:
    weights = np.zeros((2, 2), dtype=dtype)
    with pytest.raises(TypeError, match=r"array \(a numpy.ndarray\) has elements of .*; float64") as error:
        Tensor(weights)
    assert str(weights.dtype) in str(error.value)


def test_other_byte_order_is_refused_with_a_remedy() -> None:
    weights = numbers((2, 2), "f4")
    foreign = weights.astype(weights.dtype.newbyteorder("S"))
    with pytest.raises(
        TypeError, match=f"has elements of {foreign.dtype.str}, the other byte order"
    ) as error:
        Tensor(foreign)
    remedy = str(error.value).rsplit(" ", 1)[1]
    assert np.array_equal(Tensor(foreign.astype(remedy)).values(), weights)


def test_masked_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="is masked"):
        Tensor(np.ma.masked_array(np.zeros((2, 2)), mask=[[0, 1], [0, 0]]))


@pytest.mark.parametrize("shape", [(), (4,), (1,) * 9])
def test_ranks_without_a_layout(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"rank is {len(shape)}"):
        Tensor(np.zeros(shape))


@pytest.mark.parametrize("dtype", DTYPES)
def test_its_buffers(dtype: str) -> None:
    weights = numbers((4, 3, 2), dtype)[::-1, :, ::2]
    tensor = Tensor(memoryview(weights))
    assert tensor.dtype is DTYPES[dtype]
    assert np.array_equal(tensor.values(), weights)


@pytest.mark.parametrize("dtype", ["u1", "i1"])
@pytest.mark.parametrize("zero_point", [None, 3, 2.5, (1, 2, 3), np.array([1.5, 0, 4])])
@pytest.mark.parametrize(
    "scale", [0.25, (0.5,), (0.5, 0.25, 0.1), np.float32(0.1), np.array([1, 2, 3], "f4")]
)
def test_quantised(dtype: str, scale: Any, zero_point: Any) -> None:
    weights = np.arange(-6, 6).astype(dtype).reshape(4, 3)
    tensor = Tensor(weights, "io", quantization=(scale, zero_point))
    zeros = 0 if zero_point is None else np.asarray(zero_point, "f8")
    expected = (weights.astype("f8") - zeros) * np.asarray(scale, "f8")
    assert np.array_equal(tensor.values(), expected)


def test_quantisation_that_does_not_fit() -> None:
    weights = np.zeros((3, 4), "i1")
    for quantization, message in (
        (Quantization([1.0, 2.0]), "count is 2"),
        (Quantization([1.0, 2.0, 3.0], [1, 2]), "quantization has 2 of zero_point; must be 1 or 3"),
        (Quantization(0.0), r"scales\[0\]"),
        (Quantization(float("nan")), r"scales\[0\]"),
        (Quantization("a"), "quantization scale"),  # type: ignore[arg-type]
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            Tensor(weights, quantization=quantization)
    with pytest.raises(ValueError, match="dtype"):
        Tensor(np.zeros((3, 4), "f4"), quantization=Quantization(1.0))
