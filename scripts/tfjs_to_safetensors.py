#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Convert a TensorFlow.js layers model, shipped as JavaScript, to one .safetensors file.

The model folder holds `model.min.js` and one `<path>.min.js` for each path of the weight manifest.
Each is a browserify bundle of a single module: `x.exports={...}` with the model's JSON as a
JavaScript literal, or `x.exports="..."` with a shard in base64. Nothing is executed: the literal is
translated to JSON token by token, the shard's string is taken as it stands.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time imported where it is used: a check needs neither numpy nor safetensors
    import numpy as np

STORED_AS = {"float32": "<f4", "uint8": "<u1", "uint16": "<u2"}
EXPORTED_OBJECT = re.compile(r"\.exports\s*=\s*(?=\{)")
EXPORTED_BASE64 = re.compile(r"""\.exports\s*=\s*(["'`])([A-Za-z0-9+/]*={0,2})\1""")
TOKEN = re.compile(
    r"""\s*(?:
      (?P<string> "(?:[^"\\]|\\.)*" )
    | (?P<key>    [A-Za-z_$][\w$]*(?=\s*:) )
    | (?P<number> -?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<word>   !0 | !1 | true | false | null )
    | (?P<mark>   [{}\[\]:,] )
    )""",
    re.VERBOSE,
)
MINIFIED = {"!0": "true", "!1": "false"}


class ConversionError(Exception):
    """The input is wrong; says how, in one line."""


def object_as_json(source: str, start: int) -> str:
    """The JavaScript object literal that begins at `start`, as JSON text."""
    pieces: list[str] = []
    depth, position = 0, start
    while not pieces or depth > 0:
        token = TOKEN.match(source, position)
        if token is None:
            raise ConversionError(f"cannot read the model's JavaScript at character {position}")
        text, position = token[0].lstrip(), token.end()
        if token["mark"]:
            depth += (text in "{[") - (text in "}]")
        elif token["key"]:
            text = f'"{text}"'
        elif token["number"]:
            # Minifiers write `.5` and `1e3`; JavaScript has one number type, a shape needs integers.
            value = float(text)
            text = str(int(value)) if value.is_integer() else repr(value)
        pieces.append(MINIFIED.get(text, text))
    return "".join(pieces)


def read_manifest(path: Path) -> list[dict[str, Any]]:
    source = path.read_text(encoding="utf-8")
    begin = EXPORTED_OBJECT.search(source)
    if begin is None:
        raise ConversionError(f"{path.name}: no exported object")
    manifest: list[dict[str, Any]] = json.loads(object_as_json(source, begin.end()))["weightsManifest"]
    return manifest


def read_shard(path: Path) -> bytes:
    if not path.is_file():
        raise ConversionError(f"missing shard {path.name}")
    found = EXPORTED_BASE64.search(path.read_text(encoding="utf-8"))
    if found is None or len(found[2]) % 4:
        raise ConversionError(f"{path.name}: no whole base64 string is exported")
    return base64.b64decode(found[2])


def stored_dtype(weight: dict[str, Any]) -> str:
    """The numpy type that the weight has in the shards."""
    stored = weight.get("quantization", weight)["dtype"]
    if weight["dtype"] != "float32" or stored not in STORED_AS:
        raise ConversionError(f"{weight['name']}: {weight['dtype']} stored as {stored} is not supported")
    return STORED_AS[stored]


def dequantise(weight: dict[str, Any], data: bytes) -> np.ndarray:
    """The weight as float32, bit for bit what TensorFlow.js makes of it."""
    import numpy as np

    values = np.frombuffer(data, dtype=stored_dtype(weight))
    if "quantization" in weight:
        scale, minimum = weight["quantization"]["scale"], weight["quantization"]["min"]
        # TensorFlow.js computes `v * scale + min` on JavaScript numbers, which are doubles, and
        # rounds once, when it stores into a Float32Array. Single-precision arithmetic would round
        # at each step: most values would differ, and a good part of the exact zeros would be lost.
        values = values.astype(np.float64) * scale + minimum
    values = values.astype("<f4").reshape(weight["shape"])
    if not np.isfinite(values).all():
        raise ConversionError(f"{weight['name']}: a value is not finite")
    return values


def read_weights(folder: Path, manifest: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Each weight's manifest entry and values, in manifest order."""
    for group in manifest:
        # A weight may straddle two shards: only a whole group has a byte count to check.
        data = b"".join(read_shard(folder / f"{path}.min.js") for path in group["paths"])
        sizes = [math.prod(w["shape"]) * int(stored_dtype(w)[2:]) for w in group["weights"]]
        if sum(sizes) != len(data):
            raise ConversionError(f"wrong byte count: {len(data)} in shards, {sum(sizes)} in the manifest")
        offset = 0
        for weight, size in zip(group["weights"], sizes):
            yield weight, dequantise(weight, data[offset : offset + size])
            offset += size


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """safetensors' own writer sorts by name; this one keeps the order, and then lets it read."""
    import numpy as np
    from safetensors.numpy import load_file

    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, values in tensors.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(values.tobytes() for values in tensors.values())
    loaded = load_file(path)
    if loaded.keys() != tensors.keys() or not all(np.array_equal(loaded[n], t) for n, t in tensors.items()):
        raise ConversionError(f"{path}: does not read back as it was written")


def convert(package: Path, model: str, output: Path) -> None:
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    manifest = read_manifest(package / model / "model.min.js")
    weights = list(read_weights(package / model, manifest))
    tensors = {weight["name"]: values for weight, values in weights}
    if len(tensors) != len(weights):
        raise ConversionError("two weights of the manifest have the same name")
    stored = sorted({weight.get("quantization", weight)["dtype"] for weight, _ in weights})
    write_safetensors(output, tensors, {
        "package": about["name"], "version": about["version"], "license": about["license"],
        "model": model,
        "layout": "HWIO",
        "order": "as in the weight manifest, which need not be the network's",
        "quantization": f"stored as {', '.join(stored)}; float32(q * scale + min) for each tensor",
    })


def check(path: Path, convolutions: int) -> str:
    """One line about a complete file; an error for any other. Reads the header only."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 + length:
            raise ConversionError(f"{path}: incomplete, or not a .safetensors file")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    expected = 8 + length + max(entry["data_offsets"][1] for entry in header.values())
    if size != expected:
        raise ConversionError(f"{path}: wrong byte count: {size} in the file, {expected} in its header")
    kernels = [name for name, entry in header.items() if len(entry["shape"]) == 4]
    depthwise = sum(name.endswith("depthwise_kernel") for name in kernels)
    found = f"{len(kernels)} convolution kernels (4-D), {depthwise} of them depthwise"
    if len(kernels) != convolutions or depthwise:
        raise ConversionError(f"{path}: {found}; expected {convolutions} and 0")
    return f"{path}: {size} bytes, {len(header)} tensors, {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert a TensorFlow.js model; without --package, check.")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the .safetensors file")
    parser.add_argument("--package", type=Path, metavar="DIR", help="unpacked npm package to convert from")
    parser.add_argument("--model", default=".", metavar="PATH", help="folder of model.min.js in the package")
    parser.add_argument("--convolutions", type=int, default=94, metavar="N",
                        help="4-D kernels that there must be (default: %(default)s, InceptionV3)")
    options = parser.parse_args()
    try:
        if options.package is not None:
            convert(options.package, options.model, options.output)
        print(check(options.output, options.convolutions))
    except (ConversionError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        sys.exit(f"{parser.prog}: the input is not as expected: {error!r}")


if __name__ == "__main__":
    main()
