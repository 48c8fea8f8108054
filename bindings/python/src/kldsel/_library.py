# SPDX-License-Identifier: BSD-3-Clause
"""Find, load and check the shared library, once, at the first call that needs it.

Where it is looked for, `kldsel.lowlevel.library_file()` tells.
"""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

from kldsel import _abi
from kldsel.errors import LibraryError, error_of

SONAME = f"libkldsel.so.{_abi.VERSION[0]}"
VARIABLE = "KLDSEL_LIBRARY"
BUNDLED = Path(__file__).with_name(SONAME)

_HELP = (
    f"Install the package from its wheel, which bundles the library; or install {SONAME} on the system; "
    f"or set {VARIABLE} to the path of the file."
)


class Found(NamedTuple):
    """Which library runs: its handle, where it lies, how it was found, its version."""

    handle: Any  # a ctypes.CDLL, whose functions have their signatures
    path: str
    origin: str  # "KLDSEL_LIBRARY", "bundled" or "system"
    version: str


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("dli_fname", ctypes.c_char_p),
        ("dli_fbase", ctypes.c_void_p),
        ("dli_sname", ctypes.c_char_p),
        ("dli_saddr", ctypes.c_void_p),
    )


@functools.cache  # without a lock, which a fork could leave locked: to load it twice does no harm
def find() -> Found:
    """The library, loaded at the first call; LibraryError says what to do if it cannot be."""
    name, origin = _candidate()
    try:
        handle = ctypes.CDLL(name)
    except OSError as error:
        where = f"{origin}: " if origin == VARIABLE else ""
        raise LibraryError(f"cannot load the kldsel library: {where}{error}. {_HELP}") from error
    path = _path_of(handle, name)
    version = _check_version(handle, path, origin)
    try:
        _abi.declare(handle)
    except AttributeError as error:
        raise LibraryError(f"{path} ({origin}) is not a whole kldsel {version}: {error}. {_HELP}") from error
    return Found(handle, path, origin, version)


def library() -> Any:
    """The loaded library, whose functions have their signatures."""
    return find().handle


def check(status: int) -> None:
    """Raise this thread's last error unless the status is OK."""
    if status:
        raise error_of(status, text(library().kldsel_last_error()))


def text(value: bytes) -> str:
    """A string of the library's."""
    return value.decode("utf-8", "replace")


def _candidate() -> tuple[str, str]:
    named = os.environ.get(VARIABLE)
    if named:
        return named, VARIABLE
    if BUNDLED.is_file():
        return str(BUNDLED), "bundled"
    return SONAME, "system"


def _check_version(handle: ctypes.CDLL, path: str, origin: str) -> str:
    try:
        handle.kldsel_version.restype = ctypes.c_uint32
        number = int(handle.kldsel_version())
    except AttributeError as error:
        raise LibraryError(f"{path} ({origin}) is not the kldsel library: {error}. {_HELP}") from error
    major, minor, patch = number // 1000000, number // 1000 % 1000, number % 1000
    version = f"{major}.{minor}.{patch}"
    if major != _abi.VERSION[0] or minor < _abi.VERSION[1]:
        raise LibraryError(
            f"the library {path} ({origin}) has version {version}; this package needs "
            f"{_abi.VERSION[0]}.{_abi.VERSION[1]} or a later {_abi.VERSION[0]}.x. {_HELP}"
        )
    return version


def _path_of(handle: ctypes.CDLL, name: str) -> str:
    """Where a loaded library lies: the dynamic loader knows even if it searched for the name itself."""
    try:
        dladdr = ctypes.CDLL(None).dladdr
        address = ctypes.cast(handle.kldsel_version, ctypes.c_void_p)
    except AttributeError:
        return name
    dladdr.argtypes = (ctypes.c_void_p, ctypes.POINTER(_DlInfo))
    info = _DlInfo()
    if dladdr(address, ctypes.byref(info)) and info.dli_fname:
        return os.path.realpath(os.fsdecode(info.dli_fname))
    return name
