# SPDX-License-Identifier: BSD-3-Clause
"""Arguments as people write them, made into options as the library has them."""

from __future__ import annotations

import ctypes
import functools
import operator
from collections.abc import Callable, Iterable
from enum import IntEnum
from types import TracebackType
from typing import Any, TypeVar

from kldsel import _abi
from kldsel._abi import Option
from kldsel._library import check, library

#: Told how much of the work is done, of how much; something true cancels.
Progress = Callable[[int, int], object]

Choice = TypeVar("Choice", bound=IntEnum)


def name_of(value: IntEnum) -> str:
    """How people write an enumerator.

    >>> name_of(_abi.Sign.POSITIVE_NEGATIVE)
    'positive-negative'
    """
    return value.name.lower().replace("_", "-")


def choose(kind: type[Choice], argument: str, value: object) -> Choice:
    """The enumerator that an enumerator or its name means.

    >>> choose(_abi.Sign, "sign", "positive-negative")
    <Sign.POSITIVE_NEGATIVE: 4>
    >>> choose(_abi.Order, "order", "best")
    Traceback (most recent call last):
    ValueError: order is 'best'; must be one of low, high
    """
    if isinstance(value, kind):
        return value
    for choice in kind:
        if isinstance(value, str) and value == name_of(choice):
            return choice
    allowed = ", ".join(name_of(choice) for choice in kind)
    raise ValueError(f"{argument} is {value!r}; must be one of {allowed}")


def choose_many(kind: type[Choice], argument: str, value: Any) -> set[Choice]:
    """The enumerators that one or several choices mean.

    >>> sorted(choose_many(_abi.Sign, "signs", ("negative", "positive")))
    [<Sign.POSITIVE: 2>, <Sign.NEGATIVE: 3>]
    >>> choose_many(_abi.Sign, "signs", [])
    Traceback (most recent call last):
    ValueError: signs is empty; must be some of all, positive, negative, positive-negative
    """
    one = isinstance(value, (str, IntEnum)) or not isinstance(value, Iterable)
    chosen = {choose(kind, argument, choice) for choice in ((value,) if one else value)}
    if not chosen:
        allowed = ", ".join(name_of(choice) for choice in kind)
        raise ValueError(f"{argument} is empty; must be some of {allowed}")
    return chosen


def integer(argument: str, value: Any, lowest: int, highest: int) -> int:
    """A whole number within bounds; ctypes would cut off what is beyond them."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument} is {value!r}; must be an integer") from None
    if not lowest <= number <= highest:
        raise ValueError(f"{argument} is {number}; must be {lowest} to {highest}")
    return number


def real(argument: str, value: Any) -> float:
    """A real number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{argument} is {value!r}; must be a number") from None


@functools.cache
def bounds(option: Option) -> tuple[float, float]:
    """Lowest and highest value that an option takes.

    >>> bounds(Option.SELECT_SHARE)
    (0.0, 1.0)
    """
    lowest, highest = ctypes.c_double(), ctypes.c_double()
    check(library().kldsel_options_bounds(option, None, ctypes.byref(lowest), ctypes.byref(highest)))
    return lowest.value, highest.value


_INT64_MAX = 2**63 - 1

_CHOICES: dict[Option, type[IntEnum]] = {
    Option.MEASURE: _abi.Measure,
    Option.SIGN: _abi.Sign,
    Option.REFERENCE: _abi.Reference,
    Option.ORDER: _abi.Order,
    Option.GRANULARITY: _abi.Granularity,
    Option.DISTRIBUTION: _abi.Distribution,
    Option.ALIGNMENT: _abi.Alignment,
    Option.CPU_LEVEL: _abi.CpuLevel,
}
_REALS = frozenset((Option.TEMPERATURE, Option.SELECT_SHARE))


class Options:
    """A set of options, freed at the end of a `with` block; one for each call, as it is not shared.

    A progress callback may raise: that cancels the call, and `check()` raises it again.
    """

    def __init__(self, progress: Progress | None = None, **arguments: Any) -> None:
        """Set what is not None; arguments are named as the option keys are, in lower case."""
        handle = ctypes.c_void_p()
        check(library().kldsel_options_create(_NO_ALLOCATE, _NO_RELEASE, None, ctypes.byref(handle)))
        self._as_parameter_ = handle
        self._raised: BaseException | None = None
        self._callback: Any = None
        try:
            for name, value in arguments.items():
                if value is not None:
                    self._set(Option[name.upper()], name, value)
            if progress is not None:
                self._set_progress(progress)
        except BaseException:
            self.free()
            raise

    def __enter__(self) -> Options:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.free()

    def free(self) -> None:
        """Give the handle back."""
        handle, self._as_parameter_ = self._as_parameter_, ctypes.c_void_p()
        library().kldsel_options_free(handle)

    def check(self, status: int) -> None:
        """Raise what the progress callback raised, or the library's error."""
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        check(status)

    def _set(self, option: Option, argument: str, value: Any) -> None:
        if option in _REALS:
            number = real(argument, value)
            lowest, highest = bounds(option)
            if not lowest <= number <= highest:
                raise ValueError(f"{argument} is {number}; must be {lowest:g} to {highest:g}")
            check(library().kldsel_options_set_double(self, option, number))
            return
        if option in _CHOICES:
            whole = int(choose(_CHOICES[option], argument, value))
        elif option is Option.SIGNS:
            whole = sum(1 << sign for sign in choose_many(_abi.Sign, argument, value))
        elif option is Option.CONTENT:
            whole = sum(choose_many(_abi.Content, argument, value))
        else:
            # Told as a double, 2**63 - 1 is rounded up.
            whole = integer(argument, value, int(bounds(option)[0]), min(int(bounds(option)[1]), _INT64_MAX))
        check(library().kldsel_options_set_int(self, option, whole))

    def _set_progress(self, progress: Progress) -> None:
        if not callable(progress):
            raise TypeError(f"progress is {progress!r}; must be callable with (done, total)")

        def tell(_user: object, done: int, total: int) -> int:
            try:
                return 1 if progress(done, total) else 0
            except BaseException as error:  # an interrupt too: check() raises it again
                self._raised = error
                return 1

        self._callback = _abi.ProgressFunction(tell)  # must live as long as the options
        check(library().kldsel_options_set_progress(self, self._callback, None))


_NO_ALLOCATE = _abi.AllocateFunction()
_NO_RELEASE = _abi.ReleaseFunction()


def axes_mask(argument: str, axes: int | Iterable[int], rank: int) -> int:
    """Axis numbers, negative ones counted from the end, as a bit mask.

    >>> axes_mask("filter_axes", (0, -1), 4)
    9
    """
    mask = 0
    for axis in (axes,) if isinstance(axes, int) else axes:
        number = integer(argument, axis, -rank, rank - 1)
        mask |= 1 << number % rank
    return mask
