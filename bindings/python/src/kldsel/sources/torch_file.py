# SPDX-License-Identifier: BSD-3-Clause
"""What torch.save() wrote: a state dict or a checkpoint with one in it. Nothing in the file is run."""

from __future__ import annotations

import os
import pickle  # nosec: for the name of an error; nothing is unpickled
from collections.abc import Mapping
from typing import Any

from kldsel.layers import Network
from kldsel.sources.mapping import read_mapping


def _load(path: str) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise ValueError(f"{path}: cannot be read by torch.load: {error}") from error
        # Written before torch 1.6: a format that cannot be mapped.
        return torch.load(path, map_location="cpu", weights_only=True)


def read_torch_file(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The tensors of a .pt, .pth, .bin or .ckpt file, mapped into memory."""
    name = os.fspath(path)
    try:
        loaded = _load(name)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{name}: holds more than weights (a whole module, say), which could run code when it is loaded; "
            "load it yourself if you trust it, and pass the module or its state_dict()"
        ) from error
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{name}: holds a {type(loaded).__name__}, no mapping of names to tensors")
    return read_mapping(loaded, layout, name)
