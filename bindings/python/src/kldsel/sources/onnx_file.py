# SPDX-License-Identifier: BSD-3-Clause
"""An ONNX model: initializers, with layouts by the nodes that use them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any, Callable

from kldsel.layers import Network, Weight
from kldsel.sources.naming import infer, with_groups

# Bytes of an element of the types that are read.
_READABLE = {"FLOAT": 4, "DOUBLE": 8, "FLOAT16": 2, "BFLOAT16": 2}


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), default)


def _use(node: Any, slot: int, rank: int) -> dict[str, Any]:
    """What a node tells of its input number `slot`: fields of a Weight."""
    fields: dict[str, Any] = {"type": node.op_type}
    if node.op_type in ("Conv", "ConvInteger", "QLinearConv") and slot == 1 and rank > 2:
        fields["layout"] = "oihw"
    elif node.op_type == "ConvTranspose" and slot == 1 and rank > 2:
        if _attribute(node, "group", 1) == 1:
            fields["layout"] = "iohw"
        else:
            fields["groups"] = _attribute(node, "group", 1)
    elif node.op_type == "Gemm" and slot == 1 and rank == 2:
        fields["layout"] = "oi" if _attribute(node, "transB", 0) else "io"
    elif node.op_type == "Gemm" and slot == 0 and rank == 2:
        fields["layout"] = "io" if _attribute(node, "transA", 0) else "oi"
    elif node.op_type == "MatMul" and rank == 2:
        fields["layout"] = "io" if slot == 1 else "oi"
    elif node.op_type in ("LSTM", "GRU", "RNN") and slot in (1, 2) and rank == 3:
        # [directions, gates * hidden, inputs]
        fields.update(kind="dense", axes=((0, 1), ()))
    else:
        fields["reason"] = f"rank {rank}, an input of {node.op_type}, which is no layer"
    return fields


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)
            for inner in attribute.graphs:
                yield from _graphs(inner)


def _uses(graph: Any, ranks: dict[str, int]) -> dict[str, dict[str, Any]]:
    """By initializer: what the first node that uses it tells, seen through Identity, Cast, Transpose."""
    found: dict[str, dict[str, Any]] = {}
    alias: dict[str, tuple[str, bool]] = {name: (name, False) for name in ranks}
    for node in graph.node:
        for slot, name in enumerate(node.input):
            if name not in alias:
                continue
            source, turned = alias[name]
            if node.op_type in ("Identity", "Cast", "DequantizeLinear") and slot == 0:
                alias[node.output[0]] = (source, turned)
            elif node.op_type == "Transpose" and ranks[source] == 2:
                alias[node.output[0]] = (source, not turned)
            elif ranks[source] >= 2 and source not in found:
                fields = _use(node, slot, ranks[source])
                if turned and fields.get("layout") in ("oi", "io"):
                    fields["layout"] = "io" if fields["layout"] == "oi" else "oi"
                found[source] = fields
    return found


def _loader(tensor: Any, folder: str) -> Callable[[], Any]:
    def load() -> Any:
        from onnx import numpy_helper

        return numpy_helper.to_array(tensor, folder)

    return load


def read_onnx(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The initializers of a model, in the order in which its nodes use them."""
    import onnx

    name = os.fspath(path)
    try:
        model = onnx.load(name, load_external_data=False)
    except Exception as error:  # protobuf's own, which has no public name
        raise ValueError(f"{name}: is no ONNX model: {error}") from error
    folder = os.path.dirname(os.path.abspath(name))
    weights: list[Weight] = []
    for graph in _graphs(model.graph):
        tensors = dict(_stored(graph))
        uses = _uses(graph, {key: len(tensor.dims) for key, tensor in tensors.items()})
        order = {key: at for at, key in enumerate(uses)}
        for key in sorted(tensors, key=lambda one: order.get(one, len(order))):
            weights.append(_weight(key, tensors[key], uses.get(key, {}), folder))
    return Network(name, tuple(weights if layout is None else infer(weights, layout)))


def _stored(graph: Any) -> Iterator[tuple[str, Any]]:
    """Initializers, and constants of as many axes as a layer's weights have."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and len(attribute.t.dims) >= 2:
                    yield node.output[0], attribute.t


def _weight(name: str, tensor: Any, use: dict[str, Any], folder: str) -> Weight:
    import onnx

    fields = dict(use)
    groups = fields.pop("groups", 1)
    shape = tuple(int(extent) for extent in tensor.dims)
    dtype = onnx.TensorProto.DataType.Name(tensor.data_type)
    if len(shape) >= 2 and not fields:
        fields["reason"] = "used by no node"
    weight = Weight(
        name=name,
        shape=shape,
        dtype=dtype,
        load=_loader(tensor, folder),
        layer=name.rpartition(".")[0],
        readable=dtype in _READABLE,
        # Also where they are in a file of their own.
        nbytes=math.prod(shape) * _READABLE.get(dtype, 0),
        **fields,
    )
    return with_groups(weight, groups) if groups > 1 else weight
