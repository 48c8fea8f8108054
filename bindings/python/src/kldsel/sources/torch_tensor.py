# SPDX-License-Identifier: BSD-3-Clause
"""What can be told of a torch.Tensor without touching its values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

_READABLE = {"float64", "float32", "float16", "bfloat16"}


class Description(NamedTuple):
    """What a tensor is, why it is no layer, and how many bytes are copied to read it."""

    shape: tuple[int, ...]
    dtype: str
    readable: bool
    reason: str | None
    copied_bytes: int


# What str() makes of a dtype, and whether it is read; a network has a few dtypes and many tensors.
_DTYPES: dict[Any, tuple[str, bool]] = {}


def _dtype(dtype: Any) -> tuple[str, bool]:
    told = _DTYPES.get(dtype)
    if told is None:
        name = str(dtype).replace("torch.", "")
        told = _DTYPES[dtype] = (name, name in _READABLE)
    return told


def describe(tensor: torch.Tensor) -> Description:
    """Tell what a tensor is, and why it is no layer if that is plain."""
    dtype, readable = _dtype(tensor.dtype)
    # A lazy layer's parameter has no shape before the first forward pass.
    if type(tensor).__name__ in ("UninitializedParameter", "UninitializedBuffer"):
        return Description((), dtype, False, "not initialised yet: the layer is lazy", 0)
    if tensor.is_meta:
        return Description(tuple(tensor.shape), dtype, readable, "on the device meta: it has no values", 0)
    reason = None
    if tensor.is_sparse or tensor.is_mkldnn or tensor.is_sparse_csr:
        reason = f"of the layout {tensor.layout}"
    copied = 0 if tensor.is_cpu else tensor.numel() * tensor.element_size()
    return Description(tuple(tensor.shape), dtype, readable, reason, copied)


def identity(tensor: torch.Tensor) -> Hashable:
    """What two tensors have in common that see the same memory in the same way."""
    if tensor.layout != _strided() or tensor.is_meta or tensor.is_quantized or tensor.data_ptr() == 0:
        return id(tensor)
    return (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())


def _strided() -> Any:
    import torch

    return torch.strided


def on_host(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself if it is in the host's memory, else a copy there."""
    detached = tensor.detach()
    return detached if detached.is_cpu else detached.cpu()
