# SPDX-License-Identifier: BSD-3-Clause
"""Weights from PyTorch, in place; and what of them cannot be read."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import Any

import pytest

from kldsel import _dlpack, arrays
from kldsel.lowlevel import Dtype, Tensor, profile

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

TYPES = {
    "float64": Dtype.F64,
    "float32": Dtype.F32,
    "float16": Dtype.F16,
    "bfloat16": Dtype.BF16,
    "uint8": Dtype.U8,
    "int8": Dtype.I8,
}


def normal(dtype: str = "float32") -> Any:
    torch.manual_seed(0)
    return (torch.randn(5, 4, 3, 3) * 40).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", TYPES)
def test_types_in_place(dtype: str) -> None:
    weights = normal(dtype)
    tensor = Tensor(weights)
    assert tensor.dtype is TYPES[dtype]
    assert arrays.view(weights).address == weights.data_ptr()
    assert np.array_equal(tensor.values(), weights.double().numpy())


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.permute(2, 3, 1, 0),
        lambda w: w[1:, ::2, 1:],
        lambda w: w[:1].expand(6, 4, 3, 3),
        lambda w: w.to(memory_format=torch.channels_last),
        lambda w: w[..., :1],
        lambda w: w.real,
    ],
)
def test_strides(change: Any) -> None:
    weights = change(normal("bfloat16"))
    assert arrays.view(weights).address == weights.data_ptr()
    assert np.array_equal(Tensor(weights).values(), weights.double().numpy())


def test_parameters_need_no_detach() -> None:
    layer = torch.nn.Conv2d(4, 6, 3).bfloat16()
    assert layer.weight.requires_grad
    tensor = Tensor(layer.weight)
    assert arrays.view(layer.weight).address == layer.weight.data_ptr()
    with torch.no_grad():
        layer.weight[2, 1, 0, 0] = 7
    assert tensor.values()[2, 1, 0, 0] == 7
    assert layer.weight.requires_grad


def test_half_of_an_expression() -> None:
    weights = torch.nn.Parameter(normal())
    product = weights * 2  # neither a leaf nor a parameter
    assert np.array_equal(Tensor(product).values(), product.detach().double().numpy())


def test_memory_lives_as_long_as_the_tensor() -> None:
    weights = normal()
    expected = weights.double().numpy()
    tensor = Tensor(weights)
    del weights
    gc.collect()
    others = [normal() * 0 for _ in range(64)]  # would take the memory, were it free
    assert np.array_equal(tensor.values(), expected)
    assert len(others) == 64


def test_capsules_are_released() -> None:
    storage = np.ones((64, 64), "f4")
    weights = torch.from_numpy(storage)
    references = sys.getrefcount(storage)
    tensors = [Tensor(weights) for _ in range(10)]
    del tensors, weights
    gc.collect()
    assert sys.getrefcount(storage) == references - 1


def test_without_dlpack_versions() -> None:
    """The form of before DLPack 1.0, which PyTorch still exports when not asked for another."""
    weights = normal()

    class Old:
        dtype = weights.dtype

        def __dlpack__(self) -> object:
            return weights.__dlpack__()

        def __dlpack_device__(self) -> object:
            return weights.__dlpack_device__()

    assert b"versioned" not in repr(weights.__dlpack__()).encode()
    assert np.array_equal(Tensor(Old()).values(), weights.double().numpy())


def test_versioned_dlpack() -> None:
    weights = normal()[1:]
    capsule = weights.__dlpack__(max_version=(1, 0))
    assert "versioned" in repr(capsule)
    found = _dlpack.read(capsule)
    assert (found.address, found.shape) == (weights.data_ptr(), tuple(weights.shape))
    assert found.strides == weights.stride()


def refuse(weights: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tensor(weights)


def test_other_devices_are_named() -> None:
    refuse(torch.empty(2, 2, device="meta"), "is on the device meta; copy it to the host")


def test_other_layouts() -> None:
    weights = torch.eye(3)
    refuse(weights.to_sparse(), "layout torch.sparse_coo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a beta feature
        refuse(weights.to_sparse_csr(), "layout torch.sparse_csr")


def test_lazy_signs() -> None:
    lazy = torch.randn(3, 3, dtype=torch.complex64).conj().imag
    assert lazy.is_neg()  # the memory holds the numbers without their sign
    refuse(lazy, r"resolve_neg\(\)")
    resolved = lazy.resolve_neg()
    assert np.array_equal(Tensor(resolved).values(), resolved.double().numpy())


def test_other_types_are_named() -> None:
    for dtype in ("int64", "bool", "complex64", "float8_e4m3fn", "int32"):
        refuse(torch.ones(2, 2).to(getattr(torch, dtype)), dtype)


def test_quantised_tensors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and still met in checkpoints
        weights = torch.quantize_per_tensor(torch.randn(4, 5), 0.05, 3, torch.qint8)
    refuse(weights, r"is quantised; pass int_repr\(\)")
    tensor = Tensor(weights.int_repr(), quantization=(weights.q_scale(), weights.q_zero_point()))
    # PyTorch dequantises in single precision: one rounding of scale, one of the product
    assert np.allclose(tensor.values(), weights.dequantize().numpy(), rtol=2**-22, atol=0)


def test_profiles_are_those_of_the_same_numbers() -> None:
    weights = normal("bfloat16")
    assert profile(Tensor(weights)) == profile(Tensor(weights.double().numpy()))


def test_tensors_that_stand_for_others_are_refused() -> None:
    fake = pytest.importorskip("torch._subclasses.fake_tensor")
    with (
        fake.FakeTensorMode(),
        pytest.raises(TypeError, match=r"has no memory of its own|on the device meta"),
    ):
        Tensor(torch.empty(4, 3, 3, 3))
