# SPDX-License-Identifier: BSD-3-Clause
"""What the classes over the library's handles share."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any


class Handle:
    """Owns a handle and frees it; ctypes takes the object itself where C takes the handle."""

    _free: Any = None
    _as_parameter_: ctypes.c_void_p

    def _own(self, handle: ctypes.c_void_p, free: Any) -> None:
        self._as_parameter_ = handle
        self._free = free

    def __del__(self) -> None:
        if self._free is not None:
            self._free(self._as_parameter_)

    def __copy__(self) -> Any:
        return self  # nothing in it can change

    def __deepcopy__(self, memo: object) -> Any:
        return self


def pointers(
    argument: str, kind: type[Handle], handles: Sequence[Handle | None], optional: bool = False
) -> Any:
    """Handles as a C array; entries may be None where that is `optional`. The caller keeps them alive."""
    if not handles:
        raise ValueError(f"{argument} is empty")
    made = (ctypes.c_void_p * len(handles))()
    for i, handle in enumerate(handles):
        if isinstance(handle, kind):
            made[i] = handle._as_parameter_.value
        elif handle is not None or not optional:
            raise TypeError(f"{argument}[{i}] is a {type(handle).__name__}; must be a {kind.__name__}")
    return made
