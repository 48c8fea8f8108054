# SPDX-License-Identifier: BSD-3-Clause
"""Patterns of names as of the shell: by the C library's function, as the program kldsel-rank."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable
from typing import Any, Union

Patterns = Union[str, Iterable[str], None]


@functools.cache
def _fnmatch() -> Any:
    function = ctypes.CDLL(None).fnmatch
    function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
    return function


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def matches(pattern: str, name: str) -> bool:
    r"""Whether a pattern matches all of a name; `\\` takes what follows literally, `[!a]` and `[^a]` are one.

    >>> matches("layers.1.*", "layers.10.weight"), matches("*.[^0].weight", "a.1.weight")
    (False, True)
    """
    return int(_fnmatch()(_encoded(pattern), _encoded(name), 0)) == 0


def as_patterns(patterns: Patterns, argument: str = "patterns") -> tuple[str, ...]:
    """One pattern, several or none as a tuple."""
    if patterns is None:
        return ()
    if isinstance(patterns, str):
        return (patterns,)
    if not isinstance(patterns, Iterable):
        raise TypeError(f"{argument} is {patterns!r}; must be a pattern of names, or several")
    several = tuple(patterns)
    for at, one in enumerate(several):
        if not isinstance(one, str):
            raise TypeError(f"{argument}[{at}] is {one!r}; must be a pattern of names")
    return several
