# SPDX-License-Identifier: BSD-3-Clause
"""bfloat16 arrays of NumPy."""

from __future__ import annotations

import pytest

from kldsel.lowlevel import Dtype, Tensor

np = pytest.importorskip("numpy")
ml_dtypes = pytest.importorskip("ml_dtypes")


def test_bfloat16() -> None:
    weights = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(ml_dtypes.bfloat16)
    tensor = Tensor(weights[::-1])
    assert tensor.dtype is Dtype.BF16
    assert np.array_equal(tensor.values(), weights[::-1].astype("f8"))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "int4"])
def test_other_types_are_named(name: str) -> None:
    with pytest.raises(TypeError, match=f"elements of {name}; float64"):
        Tensor(np.ones((2, 2), getattr(ml_dtypes, name)))
