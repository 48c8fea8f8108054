# SPDX-License-Identifier: BSD-3-Clause
"""Weights from JAX, in place."""

from __future__ import annotations

import pytest

from kldsel import arrays
from kldsel.lowlevel import Tensor

np = pytest.importorskip("numpy")
jax = pytest.importorskip("jax")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8", "int8"])
def test_types_in_place(dtype: str) -> None:
    numbers = jax.numpy.arange(-6, 6).reshape(3, 4).astype(dtype)
    tensor = Tensor(numbers, "io")
    assert arrays.view(numbers).address == numbers.unsafe_buffer_pointer()
    assert np.array_equal(tensor.values(), np.asarray(numbers).astype("f8"))


def test_double() -> None:
    with jax.enable_x64(True):
        numbers = jax.numpy.arange(12.0).reshape(3, 4)
        assert numbers.dtype == "float64"
        assert np.array_equal(Tensor(numbers).values(), np.asarray(numbers))


def test_other_types_are_named() -> None:
    with pytest.raises(TypeError, match="elements of int32"):
        Tensor(jax.numpy.ones((2, 2), "int32"))
