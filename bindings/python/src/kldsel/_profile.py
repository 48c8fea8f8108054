# SPDX-License-Identifier: BSD-3-Clause
"""Profiles: what is kept of a layer, and all that a ranking reads."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kldsel._abi import Content, CpuLevel, Distribution, Granularity, Reference, Sign
from kldsel._handle import Handle, pointers
from kldsel._library import check, library
from kldsel._numbers import DoublesIn, address, doubles, empty
from kldsel._options import Options, Progress, choose
from kldsel._tensor import Tensor

if TYPE_CHECKING:
    from kldsel._numbers import Doubles


class ProfileForm(NamedTuple):
    """How a profile was made."""

    granularity: Granularity
    distribution: Distribution
    signs: frozenset[Sign]  #: those that it holds
    content: frozenset[Content]  #: what it holds
    temperature: float | None  #: of the divergences within; None if it holds none


class Profile(Handle):
    """A layer's similarities of its filters. It needs no weights any more, pickles, and compares by value.

    Made by `profile()`, `profile_many()` and `Profile.from_export()`.
    """

    def __init__(self) -> None:
        raise TypeError("a Profile is made by profile(), profile_many() or Profile.from_export()")

    @property
    def filters(self) -> int:
        """Number of filters M."""
        return int(library().kldsel_profile_filters(self))

    @property
    def elements(self) -> int:
        """Number of elements K of each filter."""
        return int(library().kldsel_profile_elements(self))

    @property
    def form(self) -> ProfileForm:
        """How it was made, and so what rankings it will do for."""
        numbers = [ctypes.c_int32() for _ in range(4)]
        temperature = ctypes.c_double()
        check(
            library().kldsel_profile_describe(
                self, *(ctypes.byref(number) for number in numbers), ctypes.byref(temperature)
            )
        )
        granularity, distribution, signs, content = (number.value for number in numbers)
        return ProfileForm(
            Granularity(granularity),
            Distribution(distribution),
            frozenset(sign for sign in Sign if signs >> sign & 1),
            frozenset(one for one in Content if content & one),
            temperature.value or None,
        )

    def values(self, sign: Sign | str) -> Doubles:
        """The similarities of a sign: the mean one of each filter, or of each pair if made with pairs."""
        chosen = choose(Sign, "sign", sign)
        length = ctypes.c_size_t()
        check(library().kldsel_profile_length(self, chosen, ctypes.byref(length)))
        result = empty(length.value)
        check(library().kldsel_profile_values(self, chosen, address(result), len(result)))
        made: Doubles = doubles(result)
        return made

    def export(self) -> Doubles:
        """The profile as plain doubles, laid out as kldsel_profile_export() tells."""
        made: Doubles = doubles(self._exported())
        return made

    @classmethod
    def from_export(cls, values: Any) -> Profile:
        """The profile that was exported, bit for bit."""
        numbers = DoublesIn("values", values)
        handle = ctypes.c_void_p()
        check(library().kldsel_profile_import(numbers, numbers.length, None, ctypes.byref(handle)))
        return _made(handle)

    def _exported(self) -> array[float]:
        length = ctypes.c_size_t()
        check(library().kldsel_profile_export(self, None, 0, ctypes.byref(length)))
        result = empty(length.value)
        check(library().kldsel_profile_export(self, address(result), len(result), ctypes.byref(length)))
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        return self is other or self._exported().tobytes() == other._exported().tobytes()

    def __hash__(self) -> int:
        return hash(self._exported().tobytes())

    def __reduce__(self) -> Any:
        return Profile.from_export, (self._exported(),)

    def __repr__(self) -> str:
        return f"<kldsel.Profile: {self.filters} filters of {self.elements} elements>"


def profile(
    tensor: Tensor,
    *,
    signs: Sign | str | Iterable[Sign | str] | None = None,
    content: Content | str | Iterable[Content | str] | None = None,
    granularity: Granularity | str | None = None,
    distribution: Distribution | str | None = None,
    reference: Reference | str | None = None,
    temperature: float | None = None,
    threads: int | None = None,
    cpu_level: CpuLevel | str | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Make a layer's profile; arguments as those of `profile_many()`."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor is a {type(tensor).__name__}; must be a Tensor")
    handle = ctypes.c_void_p()
    with Options(
        progress,
        signs=signs,
        content=content,
        granularity=granularity,
        distribution=distribution,
        reference=reference,
        temperature=temperature,
        threads=threads,
        cpu_level=cpu_level,
    ) as options:
        options.check(library().kldsel_profile_create(tensor, options, ctypes.byref(handle)))
    return _made(handle)


def profile_many(
    tensors: Iterable[Tensor],
    *,
    signs: Sign | str | Iterable[Sign | str] | None = None,
    content: Content | str | Iterable[Content | str] | None = None,
    granularity: Granularity | str | None = None,
    distribution: Distribution | str | None = None,
    reference: Reference | str | None = None,
    temperature: float | None = None,
    threads: int | None = None,
    cpu_level: CpuLevel | str | None = None,
    progress: Progress | None = None,
) -> list[Profile]:
    """Make the profiles of several layers, in parallel on so many `threads` (default: all cores).

    `signs` are those that the profiles hold, `content` is some of values, means and counts, for the measures
    kl, cosine and share: fewer take less time, and a ranking that needs more raises MissingError.
    `granularity` is filter or kernel; `distribution` is profile or pairs; `reference` within also computes
    the divergence within, at that `temperature`. `progress(done, total)` is told how far it is, on this
    thread; if it returns something true, the call ends with CancelledError. The GIL is released meanwhile.
    """
    layers = list(tensors)
    handles = pointers("tensors", Tensor, layers)
    made = (ctypes.c_void_p * len(layers))()
    with Options(
        progress,
        signs=signs,
        content=content,
        granularity=granularity,
        distribution=distribution,
        reference=reference,
        temperature=temperature,
        threads=threads,
        cpu_level=cpu_level,
    ) as options:
        options.check(library().kldsel_profile_create_many(handles, len(layers), options, made))
    return [_made(ctypes.c_void_p(handle)) for handle in made]


def _made(handle: ctypes.c_void_p) -> Profile:
    made = Profile.__new__(Profile)
    made._own(handle, library().kldsel_profile_free)
    return made
