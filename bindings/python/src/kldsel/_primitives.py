# SPDX-License-Identifier: BSD-3-Clause
"""The six primitives: each step of the method alone."""

from __future__ import annotations

import ctypes
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kldsel._abi import Alignment, CpuLevel, Dtype, Granularity, Measure, Order, Part, Sign
from kldsel._library import check, library
from kldsel._numbers import DoublesIn, address, doubles, empty, group_numbers, int64s
from kldsel._options import Options, Progress, choose, integer, real
from kldsel._tensor import Tensor, filter_matrix_shape, require_tensor

if TYPE_CHECKING:
    from kldsel._numbers import Doubles, Matrix


class RankedScores(NamedTuple):
    """What `rank()` tells."""

    order: tuple[int, ...]  #: layer indices, best first; groups by first appearance
    ranks: tuple[int, ...]  #: of each layer in its group, 0 for the best
    selected: tuple[bool, ...]


def sign_split(tensor: Tensor, part: Part | str) -> Tensor:
    """A new tensor with the elements of one sign, and 0 for the others; part is all, positive or negative.

    >>> from array import array
    >>> weights = memoryview(array("d", (1, -2, 3, -4))).cast("B").cast("d", (2, 2))
    >>> memoryview(sign_split(Tensor(weights), "positive").values()).tolist()
    [[1.0, 0.0], [3.0, 0.0]]
    """
    require_tensor("tensor", tensor)
    handle = ctypes.c_void_p()
    check(library().kldsel_sign_split(tensor, choose(Part, "part", part), None, ctypes.byref(handle)))
    return Tensor._made(handle, tensor.shape, Dtype.F64, tensor.filter_axes, tensor.channel_axes)


def filter_matrix(tensor: Tensor) -> Tensor:
    """The layer as its filter matrix, a new tensor: filters, channels, elements of a channel.

    >>> from array import array
    >>> weights = memoryview(array("d", range(24))).cast("B").cast("d", (2, 3, 4))
    >>> filter_matrix(Tensor(weights, "hwio")).shape
    (4, 3, 2)
    """
    require_tensor("tensor", tensor)
    handle = ctypes.c_void_p()
    check(library().kldsel_filter_matrix(tensor, None, ctypes.byref(handle)))
    return Tensor._made(handle, filter_matrix_shape(tensor), Dtype.F64, (0,), (1,))


def pairwise_cosine(
    x: Tensor,
    y: Tensor | None = None,
    *,
    first_row: int = 0,
    rows: int | None = None,
    granularity: Granularity | str | None = None,
    cpu_level: CpuLevel | str | None = None,
    progress: Progress | None = None,
) -> Matrix:
    """Cosines of the filters of x with those of y (default: x itself), or a range of their rows.

    >>> from array import array
    >>> weights = memoryview(array("d", (3, 4, 0, 2))).cast("B").cast("d", (2, 2))
    >>> [[round(value, 3) for value in row] for row in pairwise_cosine(Tensor(weights)).tolist()]
    [[1.0, 0.8], [0.8, 1.0]]
    """
    require_tensor("x", x)
    columns = (x if y is None else require_tensor("y", y)).filters
    first = integer("first_row", first_row, 0, x.filters - 1)
    count = x.filters - first if rows is None else integer("rows", rows, 1, x.filters - first)
    result = empty(count * columns)
    with Options(progress, granularity=granularity, cpu_level=cpu_level) as options:
        options.check(
            library().kldsel_pairwise_cosine(x, y, first, count, options, address(result), len(result))
        )
    made: Matrix = doubles(result, (count, columns))
    return made


def softmax(values: Any, temperature: float = 1.0) -> Doubles:
    """exp(v / temperature) by their sum, without overflow.

    >>> [round(float(p), 3) for p in softmax([0, 1, 2])]
    [0.09, 0.245, 0.665]
    """
    numbers = DoublesIn("values", values)
    result = empty(numbers.length)
    check(
        library().kldsel_softmax(numbers, numbers.length, real("temperature", temperature), address(result))
    )
    made: Doubles = doubles(result)
    return made


def divergence(p: Any, q: Any, *, alignment: Alignment | str | None = None) -> float:
    """Kullback-Leibler divergence of two distributions in nats; alignment is quantile (default) or index.

    >>> divergence([0.5, 0.5], [0.25, 0.75], alignment="index")
    0.14384103622589045
    """
    left, right = DoublesIn("p", p), DoublesIn("q", q)
    result = ctypes.c_double()
    with Options(alignment=alignment) as options:
        check(
            library().kldsel_divergence(left, left.length, right, right.length, options, ctypes.byref(result))
        )
    return result.value


def rank(
    scores: Any,
    *,
    parameters: Iterable[int] | None = None,
    groups: Iterable[Hashable] | None = None,
    measure: Measure | str | None = None,
    sign: Sign | str | None = None,
    order: Order | str | None = None,
    select_count: int | None = None,
    select_share: float | None = None,
    select_parameters: int | None = None,
) -> RankedScores:
    """Order scores and select the first of them; NaN comes last.

    `measure` and `sign` only tell the default order; `parameters` are counts for `select_parameters`.

    >>> rank([0.3, 0.1, 0.2], order="low", select_count=1)
    RankedScores(order=(1, 2, 0), ranks=(2, 0, 1), selected=(False, True, False))
    """
    numbers = DoublesIn("scores", scores)
    size = numbers.length
    counts = None if parameters is None else int64s("parameters", parameters, size)
    labels = group_numbers(groups, size)
    sequence, ranks = (ctypes.c_int64 * size)(), (ctypes.c_int64 * size)()
    selected = (ctypes.c_int32 * size)()
    with Options(
        measure=measure,
        sign=sign,
        order=order,
        select_count=select_count,
        select_share=select_share,
        select_parameters=select_parameters,
    ) as options:
        check(library().kldsel_rank(numbers, size, counts, labels, options, sequence, ranks, selected))
    return RankedScores(tuple(sequence), tuple(ranks), tuple(flag == 1 for flag in selected))
