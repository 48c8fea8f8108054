# SPDX-License-Identifier: BSD-3-Clause
"""The safetensors format: 8 bytes header length (little endian), a JSON object, the data.

Reads the header of a file and maps the rest, which no framework and no package is needed for; the checks
are those of the program kldsel-rank. A checkpoint in several files has an index, a JSON object that tells
which file holds which tensor.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kldsel.layers import Network, Weight
from kldsel.sources.mapped import MappedFile
from kldsel.sources.naming import infer

MOST_HEADER_BYTES = 100_000_000

# Bytes of an element, and what the library calls those dtypes that it reads.
_DTYPES: dict[str, tuple[int, str | None]] = {
    "F64": (8, "float64"),
    "F32": (4, "float32"),
    "F16": (2, "float16"),
    "BF16": (2, "bfloat16"),
    "C64": (8, None),
    "I64": (8, None),
    "U64": (8, None),
    "I32": (4, None),
    "U32": (4, None),
    "I16": (2, None),
    "U16": (2, None),
    "I8": (1, None),
    "U8": (1, None),
    "BOOL": (1, None),
}


class SafetensorsError(ValueError):
    """A file is no safetensors file, or a damaged one."""


class Stored(NamedTuple):
    """A tensor in a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SafetensorsError(f"header: duplicate object key '{twice}'")
    for name in entries:
        if "\0" in name or any("\ud800" <= one <= "\udfff" for one in name):
            raise SafetensorsError(f"header: object key {name!r} has a NUL or half of a surrogate pair")
    return entries


def _no_constant(name: str) -> None:
    raise SafetensorsError(f"header: {name} is not JSON")


def _parse(text: bytes) -> dict[str, Any]:
    if text[:1] != b"{":
        raise SafetensorsError("header does not begin with '{'")
    try:
        decoded = text.decode("utf-8")
        header: dict[str, Any] = json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SafetensorsError(f"header: {error}") from None
    return header


def _counts(entry: dict[str, Any], field: str, name: str) -> tuple[int, ...]:
    values = entry.get(field)
    if not isinstance(values, list):
        raise SafetensorsError(f"tensor '{name}': {field} is not an array")
    for i, value in enumerate(values):
        if not isinstance(value, int) or isinstance(value, bool):
            raise SafetensorsError(f"tensor '{name}': {field}[{i}] is not an integer")
        if value < 0:
            raise SafetensorsError(f"tensor '{name}': {field}[{i}] is {value}; must be >= 0")
    return tuple(values)


def _entry(name: str, entry: Any, data_begin: int, data_bytes: int) -> Stored:
    if not isinstance(entry, dict):
        raise SafetensorsError(f"tensor '{name}' is not an object")
    offsets = entry.get("data_offsets")
    if not isinstance(offsets, list) or len(offsets) != 2:
        raise SafetensorsError(f"tensor '{name}': data_offsets is not an array of two")
    begin, end = _counts(entry, "data_offsets", name)
    if begin > end:
        raise SafetensorsError(f"tensor '{name}': data_offsets [{begin}, {end}] run backwards")
    if end > data_bytes:
        raise SafetensorsError(f"tensor '{name}': data_offsets end at byte {end} of {data_bytes}")
    shape = _counts(entry, "shape", name)
    elements = math.prod(shape)
    if elements >= 1 << 64:
        raise SafetensorsError(f"tensor '{name}': shape overflows")
    dtype = entry.get("dtype")
    if not isinstance(dtype, str):
        raise SafetensorsError(f"tensor '{name}': dtype is not a string")
    if dtype in _DTYPES and elements * _DTYPES[dtype][0] != end - begin:
        raise SafetensorsError(f"tensor '{name}': {elements} elements of {dtype} in {end - begin} bytes")
    return Stored(name, dtype, shape, data_begin + begin, data_begin + end)


def read_header(file: MappedFile) -> list[Stored]:
    """The tensors of a file in the order of their data; they follow one another without a gap, to its end."""
    if file.size < 8:
        raise SafetensorsError(f"has {file.size} bytes; must have 8 at least")
    length = int.from_bytes(file.bytes[:8], "little")
    if length > MOST_HEADER_BYTES:
        raise SafetensorsError(f"header length is {length}; must be <= {MOST_HEADER_BYTES}")
    if length > file.size - 8:
        raise SafetensorsError(f"header length is {length}, but {file.size - 8} bytes follow")
    header = _parse(bytes(file.bytes[8 : 8 + length]))
    header.pop("__metadata__", None)
    data = 8 + length
    stored = [_entry(name, entry, data, file.size - data) for name, entry in header.items()]
    stored.sort(key=lambda one: (one.begin, one.end, one.name.encode("utf-8", "surrogatepass")))
    place, last = data, ""
    for one in stored:
        if one.begin < place:
            raise SafetensorsError(f"tensors '{last}' and '{one.name}' overlap")
        if one.begin > place:
            raise SafetensorsError(
                f"tensor '{one.name}' begins at byte {one.begin - data} of the data; must be "
                f"{place - data}, without a gap"
            )
        place, last = one.end, one.name
    if place != file.size:
        raise SafetensorsError(
            f"the tensors end at byte {place - data} of the data, but those have {file.size - data}"
        )
    return stored


def _weights(file: MappedFile) -> Iterator[Weight]:
    for one in read_header(file):
        dtype = _DTYPES.get(one.dtype, (0, None))[1]
        yield Weight(
            name=one.name,
            shape=one.shape,
            dtype=one.dtype,
            load=lambda one=one, dtype=dtype: file.array(one.begin, dtype, one.shape),  # type: ignore[misc]
            readable=dtype is not None,
        )


def _open(path: Path) -> MappedFile:
    try:
        return MappedFile(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    except ValueError as error:
        raise SafetensorsError(f"{path}: {error}") from None


def _read_one(path: Path) -> list[Weight]:
    try:
        return list(_weights(_open(path)))
    except SafetensorsError as error:
        text = str(error)
        raise SafetensorsError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def read_file(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The tensors of one file, in the order of their data."""
    return Network(os.fspath(path), tuple(infer(_read_one(Path(path)), layout)))


def _shards(index: Path) -> dict[str, list[str]]:
    """File names in the order in which the index names them, and the tensors in each."""
    try:
        with index.open(encoding="utf-8") as text:
            weight_map = json.load(text)["weight_map"]
        shards: dict[str, list[str]] = {}
        for name, file in weight_map.items():
            if not isinstance(file, str) or os.path.basename(file) != file:
                raise SafetensorsError(f"{index}: '{file}' is no name of a file beside the index")
            shards.setdefault(file, []).append(name)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError):
        raise SafetensorsError(f"{index}: is no index of safetensors files: it has no weight_map") from None
    return {file: shards[file] for file in sorted(shards)}


def read_sharded(path: os.PathLike[str] | str, layout: str | None = None) -> Network:
    """The tensors of all files that an index names, file after file."""
    index = Path(path)
    weights: list[Weight] = []
    for file, names in _shards(index).items():
        shard = index.with_name(file)
        if not shard.is_file():
            raise FileNotFoundError(2, f"named by {index.name}, but missing", str(shard))
        found = _read_one(shard)
        missing = set(names) - {weight.name for weight in found}
        if missing:
            raise SafetensorsError(f"{shard}: lacks '{min(missing)}', which {index.name} says it holds")
        weights.extend(found)
    seen = {}
    for weight in weights:
        if weight.name in seen:
            raise SafetensorsError(f"{index}: '{weight.name}' is in two files")
        seen[weight.name] = weight
    return Network(os.fspath(path), tuple(infer(weights, layout)))


def shard_paths(path: os.PathLike[str] | str) -> list[Path]:
    """The files of a sharded checkpoint, in their order."""
    index = Path(path)
    return [index.with_name(file) for file in _shards(index)]
