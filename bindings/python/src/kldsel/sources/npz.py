# SPDX-License-Identifier: BSD-3-Clause
"""A .npz file: NumPy arrays by name, read one at a time."""

from __future__ import annotations

import os
import zipfile
from typing import Any, Callable

from kldsel.layers import Network, Weight
from kldsel.sources.naming import infer

_READABLE = {"float64", "float32", "float16"}


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], Any]:
    from numpy.lib import format as npy

    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    return tuple(shape), dtype


def _loader(path: str, key: str) -> Callable[[], Any]:
    def load() -> Any:
        import numpy as np

        with np.load(path, allow_pickle=False) as file:
            array = file[key]
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    return load


def read_npz(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The arrays of a file, in its order."""
    name = os.fspath(path)
    weights: list[Weight] = []
    try:
        with zipfile.ZipFile(name) as archive:
            for member in archive.namelist():
                key = member[: -len(".npy")] if member.endswith(".npy") else member
                shape, dtype = _header(archive, member)
                weights.append(
                    Weight(
                        name=key,
                        shape=shape,
                        dtype=dtype.name,
                        load=_loader(name, key),
                        readable=dtype.name in _READABLE,
                        nbytes=archive.getinfo(member).file_size,
                    )
                )
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{name}: is no .npz file: {error}") from None
    return Network(name, tuple(infer(weights, layout)))
