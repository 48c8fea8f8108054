# SPDX-License-Identifier: BSD-3-Clause
"""How each type of Keras layer lays its variables out; the same on every backend and data format."""

from __future__ import annotations

import re
from typing import Any

_CONVOLUTION = re.compile(r"(?:Quantized)?(?:Conv[123]D|Convolution[123]D)$")
_TRANSPOSED = re.compile(r"Conv(?:olution)?[123]DTranspose$")
_DEPTHWISE = re.compile(r"DepthwiseConv[12]D$")
_SEPARABLE = re.compile(r"SeparableConv(?:olution)?[12]D$")
_CONVOLUTION_LSTM = re.compile(r"ConvLSTM[123]D(?:Cell)?$")
_DENSE = re.compile(r"(?:Dense|(?:SimpleRNN|LSTM|GRU)(?:Cell)?)$")
_ATTENTION = ("MultiHeadAttention", "GroupQueryAttention")

# Variables in the order in which each type makes them, where a file numbers them.
_VARIABLES: dict[str, tuple[str, ...]] = {
    "separable": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "recurrent": ("kernel", "recurrent_kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "Embedding": ("embeddings",),
}


def variable_name(type_name: str, index: int) -> str:
    """What the numbered variable of a layer is called.

    >>> variable_name("Conv2D", 0), variable_name("SeparableConv2D", 1), variable_name("Mine", 3)
    ('kernel', 'pointwise_kernel', '3')
    """
    if _SEPARABLE.match(type_name):
        names = _VARIABLES["separable"]
    elif _CONVOLUTION_LSTM.match(type_name) or type_name.endswith(("RNNCell", "LSTMCell", "GRUCell")):
        names = _VARIABLES["recurrent"]
    elif (
        _CONVOLUTION.match(type_name)
        or _TRANSPOSED.match(type_name)
        or _DEPTHWISE.match(type_name)
        or type_name in ("Dense", "EinsumDense")
    ):
        names = ("kernel", "bias")
    else:
        names = _VARIABLES.get(type_name, ())
    return names[index] if index < len(names) else str(index)


def is_known(type_name: str) -> bool:
    """Whether a class of that name lays its variables out as is written here."""
    patterns = (_CONVOLUTION, _TRANSPOSED, _DEPTHWISE, _SEPARABLE, _CONVOLUTION_LSTM, _DENSE)
    names = ("EinsumDense", "Embedding", "BatchNormalization", *_ATTENTION)
    return type_name in names or any(pattern.match(type_name) for pattern in patterns)


def attention_fields(parent: str, label: str, rank: int) -> dict[str, Any] | None:
    """Fields of the dense kernels inside an attention layer, whose equations no file tells.

    >>> attention_fields("MultiHeadAttention", "attention_output", 3)
    {'kind': 'dense', 'axes': ((2,), ())}
    """
    if parent not in _ATTENTION or rank != 3:
        return None
    if label in ("query", "key", "value"):
        return {"kind": "dense", "axes": ((1, 2), ())}
    return {"kind": "dense", "axes": ((2,), ())} if label == "attention_output" else None


def einsum_axes(equation: str, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Filter axes of an EinsumDense kernel: those whose letters are in the output.

    >>> einsum_axes("abc,cde->abde", 3)
    ((1, 2), ())
    >>> einsum_axes("abcd,cde->abe", 3)
    ((2,), ())
    """
    parts = re.split(r",|->", equation.replace(" ", "").replace("...", ""))
    if len(parts) != 3 or len(parts[1]) != rank:
        return None
    _, kernel, output = parts
    filters = tuple(axis for axis, letter in enumerate(kernel) if letter in output)
    return (filters, ()) if 0 < len(filters) < rank else None


def fields_of(
    type_name: str, variable: str, shape: tuple[int, ...], equation: str | None = None
) -> dict[str, Any]:
    """Fields of a Weight of rank 2 or more: a layout, or the reason why it is no layer."""
    rank = len(shape)
    if type_name == "Embedding":
        return {"reason": "an embedding: its rows are no filters"}
    if type_name == "EinsumDense":
        axes = einsum_axes(equation, rank) if equation else None
        if axes is not None:
            return {"kind": "dense", "axes": axes}
        return {"reason": "an EinsumDense whose equation is not known"}
    if rank == 2:
        return {"layout": "io"}
    if _SEPARABLE.match(type_name):
        return {"layout": "hwim" if variable == "depthwise_kernel" else "hwio"}
    if _DEPTHWISE.match(type_name) or variable == "depthwise_kernel":
        return {"layout": "hwim"}
    if _TRANSPOSED.match(type_name):
        return {"layout": "hwoi"}
    if _CONVOLUTION.match(type_name) or _CONVOLUTION_LSTM.match(type_name) or "kernel" in variable:
        return {"layout": "hwio"}
    return {"reason": f"rank {rank}, but {type_name or 'its layer'} is no known convolution"}


def config_types(config: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Names, classes and settings of the layers in a saved model's configuration, in its order."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    if isinstance(config, dict):
        settings = config.get("config")
        kind = config.get("class_name")
        if isinstance(kind, str) and isinstance(settings, dict) and isinstance(settings.get("name"), str):
            found.append((settings["name"], kind, settings))
        for value in config.values():
            found.extend(config_types(value))
    elif isinstance(config, list):
        for value in config:
            found.extend(config_types(value))
    return found
