# SPDX-License-Identifier: BSD-3-Clause
"""Where weights come from. No framework is imported unless the model is its own or its files are read."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from kldsel.errors import KldselError
from kldsel.layers import Network

_IN_FOLDER = (
    "model.safetensors.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
)
# What reads the files whose names end so: the module here, and its function.
_READERS = {
    ".safetensors": ("safetensors", "read_file"),
    ".index.json": ("safetensors", "read_sharded"),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), ("torch_file", "read_torch_file")),
    ".onnx": ("onnx_file", "read_onnx"),
    ".keras": ("hdf5", "read_keras_file"),
    **dict.fromkeys((".h5", ".hdf5"), ("hdf5", "read_hdf5")),
    ".npz": ("npz", "read_npz"),
}


def is_torch_module(model: Any) -> bool:
    """Whether it is one; a Keras layer on the backend torch is one, too, but Keras knows more about it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module) and not is_keras_model(model)


def is_keras_model(model: Any) -> bool:
    """Whether it is a layer or model of Keras 3, of any backend."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.layers.Layer)


def tells_types(path: os.PathLike[str] | str) -> bool:
    """Whether files of that name say what type each layer is of, so that no layout need be given."""
    return os.fspath(path).endswith((".onnx", ".keras", ".h5", ".hdf5"))


def _reader(name: str) -> Callable[..., Network] | None:
    """What reads files of that name; its module is imported when it is needed."""
    for suffix, (module, function) in _READERS.items():
        if name.lower().endswith(suffix):
            found: Callable[..., Network] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
            return found
    return None


def _read_path(path: Path, layout: str | None) -> Network:
    if path.is_dir():
        for candidate in _IN_FOLDER:
            if (path / candidate).is_file():
                return _read_path(path / candidate, layout)
        raise FileNotFoundError(2, f"has none of {', '.join(_IN_FOLDER)}", str(path))
    reader = _reader(path.name)
    if not path.exists():
        raise FileNotFoundError(2, os.strerror(2), str(path))
    if reader is None:
        known = ", ".join(_READERS)
        raise ValueError(f"{path}: unknown kind of file '{path.suffix}'; known are {known}")
    try:
        return reader(path, layout)
    except (KldselError, ImportError, MemoryError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # what a damaged file makes its package raise is of any type
        # The readers' own errors name the file already, or another one that an index names.
        from kldsel.sources.safetensors import SafetensorsError

        if isinstance(error, SafetensorsError) or str(error).startswith(f"{path}: "):
            raise
        raise ValueError(f"{path}: cannot be read: {str(error) or type(error).__name__}") from error


def read(model: Any, layout: str | None = None) -> Network:
    """All tensors of a model, mapping or file; `layout` overrides what its convolutions tell."""
    if isinstance(model, Network):
        return model
    if isinstance(model, (str, os.PathLike)):
        return _read_path(Path(model), layout)
    from kldsel.sources.naming import infer

    if is_torch_module(model):
        from kldsel.sources.torch_module import read_module

        network = read_module(model)
    elif is_keras_model(model):
        from kldsel.sources.keras_model import read_model

        network = read_model(model)
    elif isinstance(model, Mapping):
        from kldsel.sources.mapping import read_mapping

        return read_mapping(model, layout)
    elif isinstance(model, Iterable) and not hasattr(model, "shape") and not isinstance(model, bytes):
        from kldsel.sources.mapping import read_pairs

        return read_pairs(model, layout)
    else:
        raise TypeError(
            f"model is a {type(model).__module__}.{type(model).__qualname__}; must be a torch.nn.Module, a "
            "Keras model, a mapping of names to arrays, or a path"
        )
    if layout is None:
        return network
    return Network(network.name, tuple(infer(network.weights, layout)))
