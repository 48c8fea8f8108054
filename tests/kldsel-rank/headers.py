# SPDX-License-Identifier: BSD-3-Clause
"""Headers that are wrong or unusual, for files with 32 bytes of data."""

import json


def entry(dtype="F32", shape=(2, 2, 2), data_offsets=(0, 32), **others):
    """A header of one tensor, `t`."""
    return {"t": {"dtype": dtype, "shape": shape, "data_offsets": data_offsets, **others}}


def without(field):
    header = entry()
    del header["t"][field]
    return header


def text(fields):
    return b'{"t":{' + fields + b"}}"


USUAL = b'"dtype":"F32","shape":[2,2,2],"data_offsets":[0,32]'

# What is wrong, the header, and a part of the message; the data are 32 bytes.
BAD_HEADERS = [
    ("nothing", b"", "begin with '{'"),
    ("array", b"[]", "begin with '{'"),
    ("string", b'"header"', "begin with '{'"),
    ("leading space", b" {}", "begin with '{'"),
    ("byte order mark", b"\xef\xbb\xbf{}", "begin with '{'"),
    ("open object", b"{", "header, byte"),
    ("open string", b'{"t', "header, byte"),
    ("no value", b'{"t":}', "header, byte"),
    ("trailing comma", b'{"t":{},}', "header, byte"),
    ("single quotes", b"{'t':{}}", "header, byte"),
    ("comment", b"{/* */}", "header, byte"),
    ("two objects", b"{}{}", "header, byte"),
    ("garbage behind", b"{}x", "header, byte"),
    ("padded by zeros", b"{}\0\0", "header, byte"),
    ("NUL in a name", b'{"a\\u0000b":{' + USUAL + b"}}", "header, byte"),
    ("raw NUL in a name", b'{"a\0b":{' + USUAL + b"}}", "header, byte"),
    ("raw line break in a name", b'{"a\nb":{' + USUAL + b"}}", "header, byte"),
    ("raw escape in a name", b'{"a\x1b[31mb":{' + USUAL + b"}}", "header, byte"),
    ("latin-1 in a name", b'{"\xe4":{' + USUAL + b"}}", "header, byte"),
    ("cut UTF-8 in a name", b'{"\xe2\x82":{' + USUAL + b"}}", "header, byte"),
    ("overlong UTF-8 in a name", b'{"\xc0\xaf":{' + USUAL + b"}}", "header, byte"),
    ("surrogate as UTF-8", b'{"\xed\xa0\x80":{' + USUAL + b"}}", "header, byte"),
    ("lone surrogate", b'{"\\ud800":{' + USUAL + b"}}", "header, byte"),
    ("beyond unicode", b'{"\xf4\x90\x80\x80":{' + USUAL + b"}}", "header, byte"),
    ("UTF-16", "{}".encode("utf-16"), "begin with '{'"),
    ("same name twice", b'{"t":{' + USUAL + b'},"t":{' + USUAL + b"}}", "header, byte"),
    ("same name twice, escaped", b'{"t":{' + USUAL + b'},"\\u0074":{' + USUAL + b"}}", "header, byte"),
    ("same field twice", text(USUAL + b',"shape":[2]'), "header, byte"),
    ("metadata twice", b'{"__metadata__":{},"__metadata__":{}}', "header, byte"),
    ("deep arrays", b'{"t":' + b"[" * 100000 + b"]" * 100000 + b"}", "header, byte"),
    ("deep objects", b'{"t":' * 100000 + b"1" + b"}" * 100000, "header, byte"),
    ("deep metadata", b'{"__metadata__":' + b"[" * 5000 + b"]" * 5000 + b"}", "header, byte"),
    ("open deep arrays", b'{"t":' + b"[" * 100000, "header, byte"),
    ("many empty objects", b'{"__metadata__":[' + b"{}," * 2000000 + b"1]}", "about 4000004 values"),
    (
        "huge integer",
        text(b'"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,32]'),
        "header, byte",
    ),
    ("2^63", text(b'"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,32]'), "header, byte"),
    ("huge real", text(b'"dtype":"F32","shape":[1e999],"data_offsets":[0,32]'), "header, byte"),
    ("NaN", text(b'"dtype":"F32","shape":[NaN],"data_offsets":[0,32]'), "header, byte"),
    ("leading zero", text(b'"dtype":"F32","shape":[02,2,2],"data_offsets":[0,32]'), "header, byte"),
    ("entry is null", {"t": None}, "not an object"),
    ("entry is a number", {"t": 1}, "not an object"),
    ("entry is an array", {"t": [1]}, "not an object"),
    ("entry is empty", {"t": {}}, "data_offsets"),
    ("no dtype", without("dtype"), "dtype is not a string"),
    ("no shape", without("shape"), "shape is not an array"),
    ("no offsets", without("data_offsets"), "data_offsets is not an array"),
    ("dtype is a number", entry(dtype=32), "dtype is not a string"),
    ("dtype is null", entry(dtype=None), "dtype is not a string"),
    ("dtype is an array", entry(dtype=["F32"]), "dtype is not a string"),
    ("shape is a number", entry(shape=8), "shape is not an array"),
    ("shape is a string", entry(shape="2,2,2"), "shape is not an array"),
    ("shape is an object", entry(shape={"0": 8}), "shape is not an array"),
    ("extent is negative", entry(shape=[-2, -2, 2]), "shape[0] is -2"),
    ("extent is a fraction", entry(shape=[2, 2, 2.5]), "shape[2] is not an integer"),
    ("extent is a real", entry(shape=[2.0, 2, 2]), "shape[0] is not an integer"),
    ("extent is a string", entry(shape=[2, "2", 2]), "shape[1] is not an integer"),
    ("extent is null", entry(shape=[None, 2, 2]), "shape[0] is not an integer"),
    ("extent is true", entry(shape=[True, 2, 2]), "shape[0] is not an integer"),
    ("extent is an array", entry(shape=[[2], 2, 2]), "shape[0] is not an integer"),
    ("elements wrap to 0", entry(shape=[2**32, 2**32, 8], data_offsets=[0, 0]), "overflow"),
    ("elements wrap to 8", entry(shape=[2**62 + 2, 4, 1]), "overflow"),
    ("bytes wrap to 32", entry(shape=[2**62 + 8, 1, 1]), "elements of F32 in 32 bytes"),
    ("largest extents", entry(shape=[2**63 - 1] * 8), "overflow"),
    ("largest extent", entry(shape=[2**63 - 1, 1, 1]), "elements of F32 in 32 bytes"),
    ("a million axes", entry(shape=[2] * 1000000), "overflow"),
    ("a million axes of 1", entry(shape=[1] * 1000000), "1 elements of F32 in 32 bytes"),
    ("shape too large", entry(shape=[2, 2, 3]), "12 elements of F32 in 32 bytes"),
    ("shape too small", entry(shape=[2, 2, 1]), "4 elements of F32 in 32 bytes"),
    ("empty shape with bytes", entry(shape=[0, 2, 2]), "0 elements of F32 in 32 bytes"),
    ("scalar with bytes", entry(shape=[]), "1 elements of F32 in 32 bytes"),
    ("dtype too large", entry(dtype="F64"), "8 elements of F64 in 32 bytes"),
    ("dtype too small", entry(dtype="BF16"), "8 elements of BF16 in 32 bytes"),
    ("unread dtype of wrong size", entry(dtype="I64"), "8 elements of I64 in 32 bytes"),
    ("offsets are a number", entry(data_offsets=32), "data_offsets is not an array of two"),
    ("offsets are one", entry(data_offsets=[32]), "data_offsets is not an array of two"),
    ("offsets are three", entry(data_offsets=[0, 16, 32]), "data_offsets is not an array of two"),
    ("offsets are none", entry(data_offsets=[]), "data_offsets is not an array of two"),
    ("offsets are an object", entry(data_offsets={"0": 0, "1": 32}), "data_offsets is not an array of two"),
    ("offsets are reals", entry(data_offsets=[0.0, 32.0]), "data_offsets[0] is not an integer"),
    ("offsets are strings", entry(data_offsets=["0", "32"]), "data_offsets[0] is not an integer"),
    ("begin is negative", entry(data_offsets=[-32, 0]), "data_offsets[0] is -32"),
    ("end is negative", entry(data_offsets=[0, -32]), "data_offsets[1] is -32"),
    ("smallest begin", entry(data_offsets=[-(2**63), 32]), "data_offsets[0] is -9223372036854775808"),
    ("backwards", entry(data_offsets=[32, 0]), "run backwards"),
    ("one byte beyond", entry(data_offsets=[1, 33]), "end at byte 33 of 32"),
    ("far beyond", entry(data_offsets=[2**40, 2**40 + 32]), "of 32"),
    ("largest offsets", entry(data_offsets=[2**63 - 33, 2**63 - 1]), "of 32"),
    ("overlap of all", {"a": entry()["t"], "b": entry()["t"]}, "'a' and 'b' overlap"),
    (
        "overlap of one byte",
        {"a": entry("U8", [17], [0, 17])["t"], "b": entry("U8", [16], [16, 32])["t"]},
        "overlap",
    ),
    ("overlap inside", {"a": entry("U8", [32], [0, 32])["t"], "b": entry("U8", [2], [3, 5])["t"]}, "overlap"),
    ("overlap with an unknown dtype", {"a": entry()["t"], "b": entry("F7", [1], [0, 7])["t"]}, "overlap"),
    ("hole", entry("F16", [2, 2, 2], [8, 24]), "'t' begins at byte 8 of the data; must be 0"),
    ("odd hole", entry("F16", [2, 2, 2], [7, 23]), "'t' begins at byte 7 of the data; must be 0"),
    (
        "hole between",
        {"a": entry("U8", [4], [0, 4])["t"], "b": entry("U8", [27], [5, 32])["t"]},
        "'b' begins at byte 5 of the data; must be 4",
    ),
    ("trailing bytes", entry("F16", [2, 2, 2], [0, 16]), "end at byte 16 of the data, but those have 32"),
    ("no tensors but data", {}, "end at byte 0 of the data, but those have 32"),
    ("empty tensor inside another", {"e": entry(shape=[0], data_offsets=[5, 5])["t"], **entry()}, "overlap"),
    ("unknown dtype only", entry("F7", [3, 3, 3], [0, 32]), "1 of an unread dtype"),
    ("hostile dtype", entry("\x1b[31m\n" * 1000, [3, 3, 3], [0, 32]), "1 of an unread dtype"),
    ("hostile name", {"\x1b[31m\n\u202e": None}, "\\x1b[31m\\x0a\\u202e"),
    ("long name", {"\u00e4" * 100000: None}, "tensor '"),
    ("nine axes", entry(shape=[2, 2, 2, 1, 1, 1, 1, 1, 1]), "1 of too many axes"),
    (
        "no elements",
        {**entry(shape=[2, 0, 2], data_offsets=[0, 0]), "b": entry("U8", [32], [0, 32])["t"]},
        "1 without elements",
    ),
    (
        "no elements, overflowing",
        {**entry(shape=[2**62, 2**62, 0], data_offsets=[32, 32]), "b": entry("U8", [32], [0, 32])["t"]},
        "1 without elements",
    ),
]

# Unusual files that are no error.
GOOD_HEADERS = [
    ("trailing spaces", json.dumps(entry()).encode() + b" " * 1000),
    ("white space inside", json.dumps(entry(), indent=8).encode()),
    ("fields in any order", text(b'"data_offsets":[0,32],"shape":[2,2,2],"dtype":"F32"')),
    ("more fields", entry(more=[1, {"a": None}])),
    ("any metadata", {"__metadata__": [1, 2.5, None, {"a": "\n"}], **entry()}),
    ("empty tensors in front", {"e": entry(shape=[0], data_offsets=[0, 0])["t"], **entry()}),
    ("empty tensors at the end", {"e": entry(shape=[0], data_offsets=[32, 32])["t"], **entry()}),
    (
        "unknown dtype beside",
        {"u": entry("F4", [3, 3, 3], [16, 32])["t"], **entry("F16", [2, 2, 2], [0, 16])},
    ),
    ("eight axes", entry(shape=[2, 2, 1, 1, 1, 1, 1, 2])),
    ("empty name", {"": entry()["t"]}),
    ("escaped name", b'{"\\u0074\\ud83d\\ude00":{' + USUAL + b"}}"),
    ("control characters in a name", {"\x01\x1b[2J\r\n\x7f\u0085": entry()["t"]}),
    ("long name", {"x" * 1000000: entry()["t"]}),
    ("minus zero", text(b'"dtype":"F32","shape":[2,2,2],"data_offsets":[-0,32]')),
    ("one filter", entry(shape=[1, 4, 2])),
    ("one element", entry(shape=[8, 1, 1])),
]
