# SPDX-License-Identifier: BSD-3-Clause
"""DLPack: read where an exported tensor lies.

Layouts and numbers are those of dlpack.h 1.0 (https://dmlc.github.io/dlpack/latest/c_api.html), both of the
versioned form and of the one before it.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from kldsel._abi import Dtype

#: Device numbers and their names.
DEVICES = {
    1: "CPU",
    2: "CUDA",
    3: "CUDA pinned host memory",
    4: "OpenCL",
    7: "Vulkan",
    8: "Metal",
    9: "VPI",
    10: "ROCm",
    11: "ROCm pinned host memory",
    12: "extension device",
    13: "CUDA managed memory",
    14: "oneAPI",
    15: "WebGPU",
    16: "Hexagon",
    17: "MAIA",
    18: "Trainium",
}
_HOST = frozenset((1, 3, 11))

#: (type code, bits, lanes): 0 signed, 1 unsigned, 2 IEEE float, 4 bfloat.
DTYPES = {
    (2, 64, 1): Dtype.F64,
    (2, 32, 1): Dtype.F32,
    (2, 16, 1): Dtype.F16,
    (4, 16, 1): Dtype.BF16,
    (1, 8, 1): Dtype.U8,
    (0, 8, 1): Dtype.I8,
}

_HIGHEST = (1, 0)  # the highest version asked for


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _ManagedTensor(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class _VersionedTensor(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.argtypes = (ctypes.py_object, ctypes.c_char_p)
_is_valid.restype = ctypes.c_int
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_get_pointer.restype = ctypes.c_void_p


class Exported(NamedTuple):
    """An exported tensor; its memory lives as long as the capsule."""

    address: int
    device: tuple[int, int]
    dtype: tuple[int, int, int]
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None  #: in elements; None for row-major
    capsule: object


def device_of(array: Any) -> tuple[int, int]:
    """Type and number of the device that an array says it is on."""
    kind, number = array.__dlpack_device__()
    return int(kind), int(number)


def device_name(device: tuple[int, int]) -> str:
    """A device in words.

    >>> device_name((2, 0))
    'CUDA:0'
    """
    kind = DEVICES.get(device[0], f"number {device[0]}")
    return f"{kind}:{device[1]}"


def on_host(device: tuple[int, int]) -> bool:
    """Whether the processor can read the device's memory."""
    return device[0] in _HOST


def export(array: Any) -> Exported:
    """Ask an array for its tensor, without a copy."""
    try:
        capsule = array.__dlpack__(max_version=_HIGHEST)
    except TypeError:  # of before version 1.0, where there was no such argument
        capsule = array.__dlpack__()
    return read(capsule)


def read(capsule: object) -> Exported:
    """Read a capsule and leave it as it is."""
    if _is_valid(capsule, b"dltensor_versioned"):
        address = _get_pointer(capsule, b"dltensor_versioned")
        versioned = _VersionedTensor.from_address(address)
        if versioned.major > _HIGHEST[0]:
            raise ValueError(f"DLPack version {versioned.major}.{versioned.minor} is not supported")
        tensor = versioned.tensor
    elif _is_valid(capsule, b"dltensor"):
        tensor = _ManagedTensor.from_address(_get_pointer(capsule, b"dltensor")).tensor
    else:
        raise ValueError("__dlpack__ returned no DLPack capsule")
    rank = int(tensor.ndim)
    return Exported(
        int(tensor.data or 0) + int(tensor.byte_offset),
        (int(tensor.device_type), int(tensor.device_id)),
        (int(tensor.code), int(tensor.bits), int(tensor.lanes)),
        tuple(tensor.shape[:rank]),
        tuple(tensor.strides[:rank]) if tensor.strides else None,
        capsule,
    )
