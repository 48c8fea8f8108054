# SPDX-License-Identifier: BSD-3-Clause
"""What Keras saves: .keras, .weights.h5 and the older .h5, with layouts by the layers' types."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Callable

from kldsel.layers import Network, Weight
from kldsel.sources.keras_layers import (
    attention_fields,
    config_types,
    fields_of,
    is_known,
    variable_name,
)
from kldsel.sources.naming import infer, split_name
from kldsel.sources.section import open_member

_READABLE = {"float64", "float32", "float16", "bfloat16"}
_KERAS_MEMBER = "model.weights.h5"

Types = dict[str, tuple[str, dict[str, Any], int]]


def _types(config: Any) -> Types:
    """By layer name: class, settings and place in the network."""
    found = config_types(config)
    return {name: (cls, settings, at) for at, (name, cls, settings) in enumerate(found)}


def _loader(open_file: Callable[[], Any], path: str) -> Callable[[], Any]:
    def load() -> Any:
        with open_file() as file:
            dataset = file[path]
            array = dataset[()]
            if dataset.attrs.get("dtype") == "bfloat16":
                # Keras stores it as two bytes each.
                import ml_dtypes

                array = array.view(ml_dtypes.bfloat16)
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    return load


def _weight(
    name: str,
    layer: str,
    variable: str,
    type_name: str,
    parent: str,
    settings: dict[str, Any],
    dataset: Any,
    load: Any,
) -> Weight:
    shape = tuple(int(extent) for extent in dataset.shape)
    dtype = str(dataset.attrs.get("dtype", dataset.dtype.name))
    fields: dict[str, Any] = {}
    attention = attention_fields(parent, layer.rpartition("/")[2], len(shape))
    if attention is not None:
        fields, type_name = attention, type_name or "EinsumDense"
    elif len(shape) >= 2 and type_name:
        fields = fields_of(type_name, variable, shape, settings.get("equation"))
    return Weight(
        name=name,
        shape=shape,
        dtype=dtype,
        load=load,
        layer=layer,
        type=type_name,
        readable=dtype in _READABLE,
        nbytes=dataset.size * dataset.dtype.itemsize,
        **fields,
    )


def _named(file: Any, root: str, open_file: Callable[[], Any], types: Types) -> Iterator[Weight]:
    """The older format, which has the variables' own names."""
    group = file[root]
    for layer in group.attrs["layer_names"]:
        for raw in group[layer].attrs["weight_names"]:
            name = raw.decode() if isinstance(raw, bytes) else str(raw)
            path = f"{root}/{layer.decode() if isinstance(layer, bytes) else layer}/{name}"
            owner, variable = split_name(name)
            above, _, label = owner.rpartition("/")
            type_name, settings, _ = types.get(label, ("", {}, 0))
            parent = types.get(above.rpartition("/")[2], ("", {}, 0))[0]
            variable = re.sub(r":\d+$", "", variable)
            load = _loader(open_file, path)
            yield _weight(name, owner, variable, type_name, parent, settings, file[path], load)


def _camel(snake: str) -> str:
    """The class that Keras names a container's entry after: `depthwise_conv2d_3` is a DepthwiseConv2D.

    >>> _camel("depthwise_conv2d_3"), _camel("conv2d_transpose"), _camel("lstm"), _camel("cell")
    ('DepthwiseConv2D', 'Conv2DTranspose', 'LSTM', '')
    """
    words = re.sub(r"_\d+$", "", snake).split("_")
    special = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
    name = "".join(
        special.get(word) or re.sub(r"(\d)d$", r"\1D", word[:1].upper() + word[1:]) for word in words
    )
    return name if is_known(name) else ""


def _number(text: str) -> tuple[str, int]:
    found = re.match(r"(.*?)(?:_(\d+))?$", text)
    return (found.group(1), int(found.group(2) or 0)) if found else (text, 0)


class _Numbered:
    """The present format, which numbers the variables of each layer."""

    def __init__(self, open_file: Callable[[], Any], types: Types) -> None:
        self.open_file = open_file
        self.types = types
        self.weights: list[tuple[int, Weight]] = []

    def _own(self, group: Any, names: tuple[str, ...], entry: str, parent: str) -> str:
        """Adds a layer's own variables; gives its class."""
        variables = group.get("vars")
        label = names[-1] if names else ""
        type_name, settings, at = self.types.get(label, ("", {}, len(self.types)))
        type_name = type_name or _camel(entry)
        if entry == "cell" and not type_name:
            type_name = f"{parent}Cell"
        for key in sorted(variables or (), key=lambda one: (len(one), one)):
            dataset = variables[key]
            index = int(key) if key.isdigit() else -1
            known = "EinsumDense" if parent == "MultiHeadAttention" else type_name
            variable = variable_name(known, index) if index >= 0 else key
            owner = "/".join(names)
            load = _loader(self.open_file, dataset.name)
            name = f"{owner}/{variable}" if owner else variable
            weight = _weight(name, owner, variable, type_name, parent, settings, dataset, load)
            self.weights.append((at, weight))
        return type_name

    def walk(
        self, group: Any, path: tuple[str, ...] = (), names: tuple[str, ...] = (), parent: str = ""
    ) -> None:
        entry = path[-1] if path else ""
        variables = group.get("vars")
        label = variables.attrs.get("name") if variables is not None else None
        if path and (variables is not None):
            names = (*names, str(label) if label is not None else entry)
        type_name = self._own(group, names, entry, parent)
        # Containers number their layers by class: conv2d_2 comes before conv2d_10.
        for key in sorted((one for one in group if one != "vars"), key=_number):
            child = group[key]
            if hasattr(child, "keys"):
                self.walk(child, (*path, key), names, type_name)


def _read(open_file: Callable[[], Any], name: str, layout: str | None, config: Any) -> Network:
    with open_file() as file:
        if config is None and "model_config" in file.attrs:
            text = file.attrs["model_config"]
            config = json.loads(text.decode() if isinstance(text, bytes) else text)
        types = _types(config)
        if "model_weights" in file:
            weights = list(_named(file, "model_weights", open_file, types))
        elif "layer_names" in file.attrs:
            weights = list(_named(file, "/", open_file, types))
        else:
            numbered = _Numbered(open_file, types)
            numbered.walk(file)
            weights = [weight for _, weight in sorted(numbered.weights, key=lambda one: one[0])]
    if not weights:
        raise ValueError(f"{name}: holds no weights of a Keras model")
    return Network(name, tuple(infer(weights, layout)))


def read_hdf5(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The variables of a .h5 or .weights.h5 file, each read when it is needed."""
    import h5py

    name = os.fspath(path)
    try:
        return _read(lambda: h5py.File(name, "r"), name, layout, None)
    except OSError as error:
        if not os.path.exists(name):
            raise
        raise ValueError(f"{name}: is no HDF5 file: {error}") from error


def read_keras_file(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The variables of a .keras file, in the order of the layers in its configuration."""
    import h5py

    name = os.fspath(path)

    def open_file() -> Any:
        return h5py.File(open_member(name, _KERAS_MEMBER), "r")

    try:
        with zipfile.ZipFile(name) as archive:
            config = json.loads(archive.read("config.json"))
            archive.getinfo(_KERAS_MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{name}: is no .keras file: {error}") from None
    return _read(open_file, name, layout, config)
