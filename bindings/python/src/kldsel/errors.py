# SPDX-License-Identifier: BSD-3-Clause
"""Exceptions: one for each status of the library, with the library's own message."""

from __future__ import annotations

from kldsel._abi import Status

# Python's own comes first among the bases: MemoryError is made otherwise than the rest, and what calls
# __new__() itself, as picklers do, would be told that this "is not safe".


class KldselError(Exception):
    """Base of every error that the library tells; `status` is its number."""

    status: Status | None = None


class LibraryError(ImportError, KldselError):
    """The shared library was not found, or is not one that this package can use."""


class InvalidArgumentError(ValueError, KldselError):
    """An argument is out of range, unknown, or does not go with another one."""

    status = Status.INVALID_ARGUMENT


class OutOfMemoryError(MemoryError, KldselError):
    """An allocation failed."""

    status = Status.OUT_OF_MEMORY


class NotFiniteError(ValueError, KldselError):
    """NaN or infinity in weights or values."""

    status = Status.NOT_FINITE


class TooLargeError(OverflowError, KldselError):
    """A size or an address overflows."""

    status = Status.TOO_LARGE


class MismatchError(ValueError, KldselError):
    """Two arguments disagree: their lengths, or how profiles were made."""

    status = Status.MISMATCH


class MissingError(ValueError, KldselError):
    """A profile was not made with what this ranking needs."""

    status = Status.MISSING


class CancelledError(KldselError):
    """The progress callback asked to stop."""

    status = Status.CANCELLED


class UnsupportedError(NotImplementedError, KldselError):
    """This build or machine cannot do it."""

    status = Status.UNSUPPORTED


BY_STATUS: dict[int, type[KldselError]] = {
    kind.status: kind
    for kind in (
        InvalidArgumentError,
        OutOfMemoryError,
        NotFiniteError,
        TooLargeError,
        MismatchError,
        MissingError,
        CancelledError,
        UnsupportedError,
    )
    if kind.status is not None
}


def error_of(status: int, message: str) -> KldselError:
    """The exception for a status that is not OK."""
    kind = BY_STATUS.get(status)
    if kind is not None:
        return kind(message)
    return KldselError(f"{message} (status {status})")
