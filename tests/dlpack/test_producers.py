#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Exchange tensors with NumPy and, where it is there, PyTorch, through kldsel_dlpack.h as bridge.c has it.

Usage: test_producers.py BRIDGE LIBRARY [--need MODULE...]
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

OIHW, OI = 1, 6
ALL, POSITIVE = 1, 2

python = ctypes.pythonapi
python.PyCapsule_IsValid.argtypes = (ctypes.py_object, ctypes.c_char_p)
python.PyCapsule_GetPointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
python.PyCapsule_GetPointer.restype = ctypes.c_void_p
python.PyCapsule_SetName.argtypes = (ctypes.py_object, ctypes.c_char_p)
python.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
python.PyCapsule_New.restype = ctypes.py_object

NAMES = {False: b"dltensor", True: b"dltensor_versioned"}
USED = {False: b"used_dltensor", True: b"used_dltensor_versioned"}


class Kldsel:
    """The bridge and the library, with handles as plain numbers."""

    def __init__(self, bridge: str, library: str) -> None:
        self.library = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        self.bridge = ctypes.CDLL(bridge)
        self.library.kldsel_last_error.restype = ctypes.c_char_p
        for count in ("kldsel_tensor_filters", "kldsel_tensor_elements"):
            getattr(self.library, count).restype = ctypes.c_int64
        self.versions = bool(self.bridge.bridge_has_versions())

    def check(self, status: int) -> None:
        """Raise the library's error."""
        if status != 0:
            raise ValueError(self.library.kldsel_last_error().decode())

    def take(self, array: Any, layout: int, versioned: bool) -> ctypes.c_void_p:
        """Import an array as a consumer does: the capsule is used up."""
        capsule = array.__dlpack__(max_version=(1, 0)) if versioned else array.__dlpack__()
        assert python.PyCapsule_IsValid(capsule, NAMES[versioned]), capsule
        managed = ctypes.c_void_p(python.PyCapsule_GetPointer(capsule, NAMES[versioned]))
        python.PyCapsule_SetName(capsule, USED[versioned])
        tensor = ctypes.c_void_p()
        self.check(self.bridge.bridge_import(int(versioned), managed, layout, ctypes.byref(tensor)))
        return tensor

    def values(self, tensor: ctypes.c_void_p) -> np.ndarray[Any, Any]:
        """The tensor's values, flat."""
        count = self.library.kldsel_tensor_filters(tensor) * self.library.kldsel_tensor_elements(tensor)
        values = np.empty(count)
        address = ctypes.c_void_p(values.ctypes.data)
        self.check(self.library.kldsel_tensor_values(tensor, address, ctypes.c_size_t(count)))
        return values

    def free(self, tensor: ctypes.c_void_p) -> None:
        """Free a tensor."""
        self.library.kldsel_tensor_free(tensor)

    def export(self, versioned: bool, call: Callable[[Any], int]) -> Producer:
        """What a call exported, for from_dlpack()."""
        managed = ctypes.c_void_p()
        self.check(call(ctypes.byref(managed)))
        assert managed.value is not None
        return Producer(managed.value, versioned)


class Producer:
    """Something that from_dlpack() takes, once."""

    def __init__(self, managed: int, versioned: bool) -> None:
        self.managed, self.versioned = managed, versioned

    def __dlpack_device__(self) -> tuple[int, int]:
        """The host."""
        return (1, 0)

    def __dlpack__(self, **_: Any) -> Any:
        """The capsule."""
        return python.PyCapsule_New(self.managed, NAMES[self.versioned], None)


def check_in(kldsel: Kldsel, array: Any, expected: np.ndarray[Any, Any], layout: int, versioned: bool) -> None:
    """An array has the values that its own library tells."""
    tensor = kldsel.take(array, layout, versioned)
    assert np.array_equal(kldsel.values(tensor), expected.ravel())
    kldsel.free(tensor)


def numpy_in(kldsel: Kldsel, versioned: bool) -> int:
    """NumPy's arrays: types, strides, offsets, alignment; and that they are let go."""

    class Array(np.ndarray):  # type: ignore[type-arg]
        """An array with weak references that are its own."""

    rng = np.random.default_rng(1)
    base = rng.standard_normal((6, 4, 3, 3))
    cases = [base.astype(dtype) for dtype in ("f8", "f4", "f2")]
    cases += [(base * 20).astype(dtype) for dtype in ("i1",)] + [(base * 20 + 100).astype("u1")]
    cases += [base[::2], base[:, ::-1], base[1:, 1:], base.transpose(1, 0, 3, 2), base.astype("f4")[::-2, :, 1:]]
    for case in cases:
        array = case.view(Array)
        expected = np.asarray(case, dtype=np.float64)
        check_in(kldsel, array, expected, OIHW, versioned)
        alive = weakref.ref(array)
        tensor = kldsel.take(array, OIHW, versioned)
        del array
        gc.collect()
        assert alive() is not None, "the array went while the view was there"
        kldsel.free(tensor)
        gc.collect()
        assert alive() is None, "the array was not let go"
    if versioned:
        locked = base.copy()
        locked.flags.writeable = False
        check_in(kldsel, locked, locked, OIHW, versioned)
    for wrong, text in (
        (np.arange(6).reshape(2, 3), "dtype has code 0, 64 bits and 1 lanes"),
        (np.zeros((2, 3), np.complex64), "dtype has code 5, 64 bits and 1 lanes"),
        (np.float32(3) * np.ones(4, np.float32), "rank is 1; must be 2 to 8"),
        (np.ones((1,) * 9, np.float32), "ndim is 9; must be 1 to 8"),
    ):
        references = sys.getrefcount(wrong)
        try:
            kldsel.take(wrong, OIHW, versioned)
        except ValueError as error:
            assert text in str(error), error  # noqa: PT017 - run without pytest
        else:
            raise AssertionError(f"taken, but should be refused: {text}")
        assert sys.getrefcount(wrong) == references, "what was refused was not given back"
    return len(cases)


def torch_in(kldsel: Kldsel, torch: Any, versioned: bool) -> int:
    """PyTorch's tensors, bfloat16 and parts of others too."""
    torch.manual_seed(1)
    base = torch.randn(6, 4, 3, 3)
    cases = [base.to(dtype) for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)]
    cases += [(base * 20).to(torch.int8), (base * 20 + 100).to(torch.uint8)]
    cases += [base[1::2, 1:], base.permute(3, 2, 1, 0), base.to(memory_format=torch.channels_last)]
    for case in cases:
        check_in(kldsel, case, case.to(torch.float64).numpy(), OIHW, versioned)
    try:
        kldsel.take(torch.zeros(2, 2, dtype=torch.bool), OI, versioned)
    except ValueError as error:
        assert "dtype has code" in str(error), error  # noqa: PT017
    else:
        raise AssertionError("a tensor of bool was taken")
    return len(cases)


def out(kldsel: Kldsel, from_dlpack: Callable[[Any], Any], versioned: bool) -> None:
    """Values, a profile and a tensor go out, and are what the library says they are."""
    weights = np.random.default_rng(2).standard_normal((6, 4, 3, 3)).astype("f4")
    tensor = kldsel.take(weights, OIHW, versioned)
    values = from_dlpack(
        kldsel.export(versioned, lambda made: kldsel.bridge.bridge_export_values(int(versioned), tensor, made))
    )
    assert tuple(values.shape) == weights.shape
    assert np.array_equal(np.asarray(values), weights.astype("f8"))

    profile = ctypes.c_void_p()
    kldsel.check(kldsel.library.kldsel_profile_create(tensor, None, ctypes.byref(profile)))
    similar = from_dlpack(
        kldsel.export(
            versioned, lambda made: kldsel.bridge.bridge_export_profile(int(versioned), profile, ALL, made)
        )
    )
    rows = weights.reshape(6, -1).astype("f8")
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    # Six cosines of 36 products each, here and there: each is off by less than 40 units of 2^-53.
    np.testing.assert_allclose(np.asarray(similar), (cosines.sum(1) - np.diag(cosines)) / 5, rtol=0, atol=1e-14)
    kldsel.library.kldsel_profile_free(profile)

    if versioned:
        matrix = ctypes.c_void_p()
        kldsel.check(kldsel.library.kldsel_filter_matrix(tensor, None, ctypes.byref(matrix)))
        there = from_dlpack(kldsel.export(True, lambda made: kldsel.bridge.bridge_export_tensor(matrix, made)))
        assert tuple(there.shape) == (6, 4, 9)
        assert np.array_equal(np.asarray(there), weights.reshape(6, 4, 9).astype("f8"))
        if isinstance(there, np.ndarray):
            assert not there.flags.writeable
            assert values.flags.writeable
        del there
    kldsel.free(tensor)


def main() -> int:
    """Run what the modules and the dlpack.h of this machine allow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bridge")
    parser.add_argument("library")
    parser.add_argument("--need", nargs="*", default=[], help="what must be there: torch, versions")
    arguments = parser.parse_args()
    kldsel = Kldsel(arguments.bridge, arguments.library)
    numpy_versions = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 1)
    found = set()
    for versioned in (False, True):
        if versioned and not kldsel.versions:
            continue
        if not versioned or numpy_versions:
            print(f"{numpy_in(kldsel, versioned)} arrays of NumPy {np.__version__}, versioned: {versioned}")
            out(kldsel, np.from_dlpack, versioned)
            found.update({"versions"} if versioned else set())
        try:
            torch = importlib.import_module("torch")
        except ImportError:
            continue
        if versioned and tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 9):
            continue
        print(f"{torch_in(kldsel, torch, versioned)} tensors of PyTorch {torch.__version__}, versioned: {versioned}")
        if not versioned or numpy_versions:
            out(kldsel, torch.from_dlpack, versioned)
        found.add("torch")
    missing = set(arguments.need) - found
    if missing:
        print(f"not tested: {', '.join(sorted(missing))}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
