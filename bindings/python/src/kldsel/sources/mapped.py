# SPDX-License-Identifier: BSD-3-Clause
"""A file mapped into memory, and arrays in it. The system reads and forgets its pages as needed."""

from __future__ import annotations

import mmap
import os
import stat
from typing import Any, Union

from kldsel import arrays

Path = Union[str, "os.PathLike[str]"]

# bfloat16 has no type string of its own; NumPy has it as two bytes of no type.
_TYPESTR = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<V2"}


class MappedFile:
    """A file's bytes, mapped read-only. Lives as long as an array in it."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        descriptor = os.open(
            self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        )
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
                raise ValueError(f"is {kind}")
            self.size = status.st_size
            self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if self.size else None
        finally:
            os.close(descriptor)
        self.bytes = memoryview(self._map) if self._map is not None else memoryview(b"")
        self.address = arrays.view(self.bytes).address if self._map is not None else 0

    def array(self, begin: int, dtype: str, shape: tuple[int, ...]) -> MappedArray:
        """The array of so many elements that begins at a byte."""
        return MappedArray(self, begin, dtype, shape)


class MappedArray:
    """An array in a mapped file; NumPy makes one of its own of it without a copy."""

    def __init__(self, file: MappedFile, begin: int, dtype: str, shape: tuple[int, ...]) -> None:
        self.file = file
        self.dtype = dtype
        self.shape = shape
        self._begin = begin

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": _TYPESTR[self.dtype],
            "data": (self.file.address + self._begin, True),
            "strides": None,
        }

    def reshape(self, shape: tuple[int, ...]) -> MappedArray:
        """The same elements with other axes."""
        return MappedArray(self.file, self._begin, self.dtype, shape)
