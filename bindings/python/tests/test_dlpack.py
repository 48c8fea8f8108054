# SPDX-License-Identifier: BSD-3-Clause
"""DLPack: devices that are refused, both forms, errors of the producer."""

from __future__ import annotations

import ctypes
from array import array
from typing import Any

import pytest

from kldsel import _dlpack, arrays
from kldsel.lowlevel import Tensor


class OnDevice:
    """An array that says it is on a device; no memory of one is needed to be refused."""

    def __init__(self, kind: int, number: int) -> None:
        self.device = kind, number

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self) -> object:
        raise AssertionError("asked for memory that cannot be read")


@pytest.mark.parametrize(
    ("device", "name"),
    [((2, 1), "CUDA:1"), ((8, 0), "Metal:0"), ((10, 0), "ROCm:0"), ((99, 3), "number 99:3")],
)
def test_arrays_on_other_devices_are_refused_by_name(device: tuple[int, int], name: str) -> None:
    with pytest.raises(TypeError, match=f"is on the device {name}; copy it to the host first"):
        Tensor(OnDevice(*device))


def test_what_is_no_capsule_is_refused() -> None:
    class Wrong(OnDevice):
        def __dlpack__(self) -> object:
            return 5

    with pytest.raises(TypeError, match="__dlpack__ returned no DLPack capsule"):
        Tensor(Wrong(1, 0))


def test_what_the_producer_says_is_told() -> None:
    class Refusing(OnDevice):
        def __dlpack__(self) -> object:
            raise BufferError("not today")

    with pytest.raises(TypeError, match="cannot be exported by DLPack: not today"):
        Tensor(Refusing(1, 0))


def test_numpy_by_dlpack() -> None:
    np = pytest.importorskip("numpy")
    weights = np.arange(24.0).reshape(2, 3, 4)[:, ::-1]

    class Only:
        __dlpack__ = staticmethod(weights.__dlpack__)
        __dlpack_device__ = staticmethod(weights.__dlpack_device__)

    assert arrays.view(Only()).address == weights.ctypes.data
    assert np.array_equal(Tensor(Only()).values(), weights)


class Handmade(OnDevice):
    """Six doubles as dlpack.h would have them, with a field or two changed."""

    def __init__(
        self, *, versioned: bool = True, major: int = 1, strides: bool = True, **fields: int
    ) -> None:
        super().__init__(1, 0)
        self.numbers = array("d", range(7))
        self.kind: Any = _dlpack._VersionedTensor if versioned else _dlpack._ManagedTensor
        self.managed = self.kind()
        if versioned:
            self.managed.major = major
        self.shape, self.strides = (ctypes.c_int64 * 2)(2, 3), (ctypes.c_int64 * 2)(1, 2)
        tensor = self.managed.tensor
        tensor.data, tensor.device_type = self.numbers.buffer_info()[0], 1
        tensor.ndim, tensor.code, tensor.bits, tensor.lanes = 2, 2, 64, 1
        tensor.shape = self.shape
        if strides:
            tensor.strides = self.strides
        for name, value in fields.items():
            setattr(tensor, name, value)
        self.name = ctypes.c_char_p(b"dltensor_versioned" if versioned else b"dltensor")

    def __dlpack__(self) -> object:
        new = ctypes.pythonapi.PyCapsule_New
        new.argtypes, new.restype = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p), ctypes.py_object
        return new(ctypes.addressof(self.managed), self.name, None)


@pytest.mark.parametrize("versioned", [False, True])
def test_offset_and_strides(versioned: bool) -> None:
    def values(**fields: Any) -> list[list[float]]:
        made: list[list[float]] = memoryview(
            Tensor(Handmade(versioned=versioned, **fields)).values()
        ).tolist()
        return made

    assert values() == [[0, 2, 4], [1, 3, 5]]
    assert values(byte_offset=8) == [[1, 3, 5], [2, 4, 6]]
    assert values(byte_offset=8, strides=False) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"major": 2}, r"DLPack version 2.0 is not supported"),
        ({"lanes": 2}, r"elements of DLPack type \(2, 64, 2\); float64"),
        ({"code": 17, "bits": 4}, r"elements of DLPack type \(17, 4, 1\)"),
        ({"device_type": 2, "device_id": 3}, "is on the device CUDA:3"),
    ],
)
def test_what_capsules_hold_that_cannot_be_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tensor(Handmade(**fields))


def test_struct_sizes() -> None:
    # dlpack.h on a machine with 8-byte pointers: 8 + 2*4 + 4 + 4 + 8 + 8 + 8; pointers and flags around it
    if ctypes.sizeof(ctypes.c_void_p) == 8:
        sizes = [
            ctypes.sizeof(kind)
            for kind in (_dlpack._Tensor, _dlpack._ManagedTensor, _dlpack._VersionedTensor)
        ]
        assert sizes == [48, 64, 80]
