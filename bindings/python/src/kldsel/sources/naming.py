# SPDX-License-Identifier: BSD-3-Clause
"""Tells layers and layouts by shape and name, for weights that come without their layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kldsel.layers import Weight

# Keras and Flax; a variable of TensorFlow ends in ":0".
_CHANNELS_LAST = re.compile(r"(?:.*_)?kernel(?::0)?$")
_TABLE = re.compile(
    r"(?:.*(?:embed|embedding|embeddings|embed_tokens)|wte|wpe|shared|.*(?:token|tokens)|.*_table|"
    r"pos_\w+|position_\w+)$"
)
_SEPARATOR = re.compile(r"[./]")
_ADAPTER = re.compile(r"(?:.*\.)?lora_(?:A|B|embedding_A|embedding_B|magnitude_vector)(?:\..*)?$")
# One number for each filter, and the weights that it scales: PyTorch's weight normalisation, timm's scaled
# convolutions.
_MAGNITUDES = (("_g", "_v"), (".original0", ".original1"), ("gain", "weight"))

ADAPTER = "an adapter of PEFT, no pretrained layer"
MAGNITUDE = "one number for each filter, of a normalisation; the directions beside it are ranked"
_BIAS = {"weight": "bias", "kernel": "bias", "kernel:0": "bias:0", "w": "b", "W": "b"}


def split_name(name: str) -> tuple[str, str]:
    """The name of the layer, and what the tensor is called in it.

    >>> split_name("layer1.0.conv1.weight")
    ('layer1.0.conv1', 'weight')
    >>> split_name("block1_conv1/kernel:0")
    ('block1_conv1', 'kernel:0')
    """
    cut = max(name.rfind("."), name.rfind("/"))
    return (name[:cut], name[cut + 1 :]) if cut > 0 else ("", name)


def _bias_length(name: str, lengths: dict[str, int]) -> int | None:
    layer, last = split_name(name)
    bias = _BIAS.get(last)
    return None if bias is None or not layer else lengths.get(name[: len(layer) + 1] + bias)


def _channels_last(weight: Weight, bias: int | None) -> str:
    *_, before, last = weight.shape
    if weight.rank == 2:
        return "oi" if bias == before != last else "io"
    if "depthwise_kernel" in weight.name:
        return "hwim"
    if bias is None or bias == last:
        return "hwio"
    if bias == before * last:
        return "hwim"
    return "hwoi" if bias == before else "hwio"


def _channels_first(weight: Weight, bias: int | None) -> str:
    outputs, inputs = weight.shape[:2]
    turned = bias == inputs != outputs
    if weight.rank == 2:
        return "io" if turned else "oi"
    return "iohw" if turned else "oihw"


def _groups(weight: Weight, bias: int | None) -> int:
    """Groups of a transposed convolution, [in, out / groups, ...], if the bias gives them away; else 1."""
    inputs, outputs = weight.shape[:2]
    if weight.rank < 3 or bias is None or bias == inputs or outputs == 0 or bias % outputs:
        return 1
    return bias // outputs if inputs % (bias // outputs) == 0 else 1


def with_groups(weight: Weight, groups: int) -> Weight:
    """Tell a transposed convolution's groups: its filters are the axes 0 and 2 of [groups, in, out, ...]."""
    return replace(weight, groups=groups, axes=((0, 2), (1,)), layout=None)


def _is_square(weight: Weight, bias: int | None) -> bool:
    """Whether the bias of a dense layer tells nothing of its axes."""
    return weight.rank == 2 and weight.shape[0] == weight.shape[1] == bias


def _square_layout(dense: list[tuple[Weight, int | None]]) -> str:
    """The layout of square dense layers: that of most others, as GPT-2 has all of its turned."""
    told = [
        _channels_first(weight, bias)
        for weight, bias in dense
        if bias is not None and weight.shape[0] != weight.shape[1]
    ]
    return "io" if 2 * told.count("io") > len(told) else "oi"


def is_table(name: str, rank: int) -> bool:
    """Tell an embedding or a token by its name; of rank 4 it would be a convolution's kernel."""
    layer, last = split_name(name)
    own = last if last not in ("weight", "embeddings", "embedding") else _SEPARATOR.split(layer)[-1]
    return rank in (2, 3) and (last in ("embeddings", "embedding") or bool(_TABLE.match(own)))


def is_magnitude(name: str, shape: Sequence[int], shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether a tensor holds a number for each filter of weights that are beside it.

    >>> is_magnitude("a.weight_g", (8, 1, 1), {"a.weight_v": (8, 4, 3)})
    True
    """
    for end, other in _MAGNITUDES:
        beside = shapes.get(name[: -len(end)] + other) if name.endswith(end) else None
        if beside is not None and len(beside) == len(shape):
            return sum(extent != 1 for extent in shape) <= 1
    return False


def _reason_by_name(weight: Weight, shapes: Mapping[str, Sequence[int]]) -> str | None:
    """Why a tensor of two or more axes is no layer, where its name tells."""
    if is_table(weight.name, weight.rank):
        return "an embedding, token or table by its name, no layer of filters"
    if _ADAPTER.match(weight.name):
        return ADAPTER
    return MAGNITUDE if is_magnitude(weight.name, weight.shape, shapes) else None


def infer(weights: Iterable[Weight], layout: str | None = None) -> list[Weight]:
    """Fills in layer names, layouts and reasons where the source left them open.

    A bias as long as the axis of the inputs gives a transposed convolution away. With a `layout` nothing is
    told by name: convolutions have that layout, dense layers what goes with it.
    """
    known = list(weights)
    lengths = {weight.name: weight.shape[0] for weight in known if weight.rank == 1}
    biases = {weight.name: _bias_length(weight.name, lengths) for weight in known if weight.rank > 1}
    square = _square_layout(
        [
            (weight, biases[weight.name])
            for weight in known
            if weight.rank == 2 and not _CHANNELS_LAST.match(split_name(weight.name)[1])
        ]
    )
    shapes = {weight.name: weight.shape for weight in known}
    result = []
    for weight in known:
        layer, last = split_name(weight.name)
        layer = weight.layer or layer
        if weight.rank < 2 or weight.reason is not None:
            result.append(replace(weight, layer=layer))
        elif layout is not None and weight.axes is None:
            result.append(replace(weight, layer=layer, layout=layout_at(layout, weight.rank)))
        elif weight.layout is not None or weight.axes is not None:
            result.append(replace(weight, layer=layer))
        elif (reason := _reason_by_name(weight, shapes)) is not None:
            result.append(replace(weight, layer=layer, reason=reason))
        elif _CHANNELS_LAST.match(last):
            result.append(replace(weight, layer=layer, layout=_channels_last(weight, biases[weight.name])))
        elif _is_square(weight, biases[weight.name]):
            result.append(replace(weight, layer=layer, layout=square))
        elif _groups(weight, biases[weight.name]) > 1:
            result.append(with_groups(replace(weight, layer=layer), _groups(weight, biases[weight.name])))
        else:
            result.append(replace(weight, layer=layer, layout=_channels_first(weight, biases[weight.name])))
    return result


def layout_at(layout: str, rank: int) -> str:
    """Frameworks that put a convolution's filters first do so in dense layers, too."""
    if rank > 2:
        return layout
    return "io" if layout in ("hwio", "hwim", "hwoi", "io") else "oi"
