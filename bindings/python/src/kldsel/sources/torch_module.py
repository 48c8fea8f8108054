# SPDX-License-Identifier: BSD-3-Clause
"""A torch.nn.Module: layouts by the type of each submodule."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kldsel.layers import Network, Weight
from kldsel.sources.naming import (
    ADAPTER,
    MAGNITUDE,
    infer,
    is_magnitude,
    is_table,
    with_groups,
)
from kldsel.sources.torch_tensor import describe, on_host

if TYPE_CHECKING:
    import torch

# By class name, so that subclasses and other packages' layers of the same name are known, too; the first that
# fits.
_CLASSES = {
    "transposed": {"_ConvTransposeNd", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"},
    "convolution": {"_ConvNd", "Conv1d", "Conv2d", "Conv3d"},
    "dense": {"Linear", "RNNBase", "RNNCellBase", "MultiheadAttention"},
    "bilinear": {"Bilinear"},
    "table": {"Embedding", "EmbeddingBag"},
}
# What torch.export and torch.fx put in place of a module's own classes.
_UNTYPED = {"Module", "GraphModule", "InterpreterModule"}
# What holds the model itself in one submodule, by the name of that.
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def unwrapped(module: Any) -> Any:
    """The model inside of torch.compile() or DataParallel, whose names are the user's own."""
    inner = _WRAPPERS.get(type(module).__name__)
    return module if inner is None else unwrapped(getattr(module, inner))


@functools.lru_cache(maxsize=1024)
def class_of(module_type: type) -> str:
    """What a module's class says of its parameters; empty if nothing."""
    names = {cls.__name__ for cls in module_type.__mro__}
    found = _class_by_names(names)
    if found:
        return found
    if module_type.__name__ == "Conv1D" and module_type.__module__.startswith("transformers."):
        return "input-first"  # a dense layer whose weight is [in, out]
    return ""


def _class_by_names(names: set[str]) -> str:
    for kind, known in _CLASSES.items():
        if names & known:
            return kind
    return "norm" if any("Norm" in name for name in names) else ""


def _type_name(module: Any) -> str:
    """The class of a module; of a scripted one, that from which it was made."""
    name = type(module).__name__
    return str(module.original_name) if name == "RecursiveScriptModule" else name


def _class_of(module: Any) -> str:
    kind: type = type(module)
    if kind.__name__ == "RecursiveScriptModule":
        return _class_by_names({_type_name(module)})
    return class_of(kind)


def _fields(module: Any, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Fields of a Weight of rank 2 or more."""
    kind = _class_of(module)
    if kind == "transposed" and len(shape) > 2:
        return {"layout": "iohw"}
    if kind == "convolution" and len(shape) > 2:
        return {"layout": "oihw"}
    if kind == "bilinear":
        return {"kind": "dense", "axes": ((0,), ())}
    if kind == "table":
        return {"reason": "an embedding: its rows are no filters"}
    if kind == "norm":
        return {"reason": "a normalisation"}
    if kind == "" and is_table(name, len(shape)):
        return {"reason": "an embedding, token or table by its name, no layer of filters"}
    if len(shape) == 2:
        return {"layout": "io" if kind == "input-first" else "oi"}
    if kind == "" and type(module).__name__ in _UNTYPED:
        return {}
    return {"reason": f"rank {len(shape)}, but {_type_name(module)} is no convolution"}


def _parametrized(module: Any) -> list[str]:
    return list(module.parametrizations.keys()) if "parametrizations" in module._modules else []


def _not_the_base(prefix: str, module: Any) -> dict[str, str]:
    """Of a layer of PEFT, the names of submodules that are no pretrained layers, and why."""
    if not hasattr(module, "adapter_layer_names"):
        return {}
    dot = f"{prefix}." if prefix else ""
    if "base_layer" in module._modules:
        return {f"{dot}{name}": ADAPTER for name in module._modules if name != "base_layer"}
    return {f"{dot}original_module": "replaced by PEFT with the copy in modules_to_save"}


def _own_reason(module: Any, name: str, tensor: Any, is_parameter: bool) -> str | None:
    if not is_parameter:
        return "a buffer, no parameter"
    lazy = any(type(one).__name__.startswith("Uninitialized") for one in module._parameters.values())
    if lazy or name == "weight" or tensor.dim() < 2:
        return None
    beside = {one: it.shape for one, it in module._parameters.items() if it is not None}
    return MAGNITUDE if is_magnitude(name, tensor.shape, beside) else None


def _tensors(module: Any) -> Iterator[tuple[str, Any, bool]]:
    """A module's own parameters and buffers: name, tensor, whether it is a parameter."""
    for name in _parametrized(module):
        # What the layer computes with, not what it is computed from.
        yield name, getattr(module, name), True
    # What named_parameters() goes through, without its search for duplicates.
    for name, tensor in module._parameters.items():
        if tensor is not None:
            yield name, tensor, True
    for name, tensor in module._buffers.items():
        if tensor is not None:
            yield name, tensor, False


def _weight(prefix: str, name: str, tensor: Any, module: Any, reason: str | None) -> Weight:
    told = describe(tensor)
    fields = _fields(module, name, told.shape) if len(told.shape) >= 2 else {}
    by_class = fields.pop("reason", None)
    weight = Weight(
        name=f"{prefix}.{name}" if prefix else name,
        shape=told.shape,
        dtype=told.dtype,
        load=lambda: on_host(tensor),
        layer=prefix,
        type=_type_name(module),
        readable=told.readable,
        reason=reason or told.reason or by_class,
        nbytes=told.copied_bytes,
        **fields,
    )
    # [in, out / groups, ...] hides the groups in its first axis.
    groups = module.groups if weight.layout == "iohw" else 1
    return with_groups(weight, groups) if groups > 1 else weight


def read_module(module: torch.nn.Module) -> Network:
    """All parameters and buffers of a module, in the order of its submodules."""
    module = unwrapped(module)
    weights: list[Weight] = []
    names: dict[int, str] = {}
    adapters: dict[str, str] = {}
    for prefix, submodule in module.named_modules():
        adapters.update(_not_the_base(prefix, submodule))
        parametrizes = ".parametrizations." in f".{prefix}."
        adapter = next((why for name, why in adapters.items() if f"{prefix}.".startswith(f"{name}.")), None)
        for name, tensor, is_parameter in _tensors(submodule):
            reason = _own_reason(submodule, name, tensor, is_parameter)
            if adapter is not None:
                reason = adapter
            elif parametrizes:
                reason = "what a parametrization makes a weight from"
            elif id(tensor) in names:
                reason = f"shared with {names[id(tensor)]}"
            weight = _weight(prefix, name, tensor, submodule, reason)
            names.setdefault(id(tensor), weight.name)
            weights.append(weight)
    untold = any(one.rank > 1 and one.reason is None and not one.layout and not one.axes for one in weights)
    return Network(_type_name(module), tuple(infer(weights) if untold else weights))
