# SPDX-License-Identifier: BSD-3-Clause
"""Writes small .safetensors files, good and bad ones."""

import json
import math
import struct

FORMATS = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "U8": "B", "I8": "b", "BOOL": "?"}


def encode(dtype, values):
    """Values as the bytes of a dtype; BF16 is the upper half of an F32."""
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)


def pack(header, data=b"", length=None):
    """A file of a header (bytes, or what becomes JSON) and data; `length` may lie."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def network(*tensors):
    """A file of (name, dtype, shape, values), in this order of data."""
    header, data = {}, b""
    for name, dtype, shape, values in tensors:
        assert len(values) == math.prod(shape)
        encoded = encode(dtype, values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(encoded)]}
        data += encoded
    return pack(header, data)
