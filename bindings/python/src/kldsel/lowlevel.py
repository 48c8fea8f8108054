# SPDX-License-Identifier: BSD-3-Clause
"""The C library, function by function: tensor -> profile -> ranking, and the six primitives.

Every function of kldsel.h is here; docs/method.md defines the terms. Arguments that choose take the
enumerator, its name in lower case with dashes, or None for the library's default. What fails raises one of
`kldsel.errors`. Calls release the GIL; every object may be shared between threads, and processes may fork.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from kldsel._abi import (
    Alignment,
    Content,
    CpuLevel,
    Distribution,
    Dtype,
    Granularity,
    Kind,
    Layout,
    Measure,
    Option,
    Order,
    Part,
    Reason,
    Reference,
    Sign,
    Status,
)
from kldsel._library import find, library, text
from kldsel._options import bounds
from kldsel._primitives import (
    RankedScores,
    divergence,
    filter_matrix,
    pairwise_cosine,
    rank,
    sign_split,
    softmax,
)
from kldsel._profile import Profile, ProfileForm, profile, profile_many
from kldsel._ranking import LayerRanking, rank_profiles, rank_tensors, reason_text
from kldsel._tensor import Quantization, Tensor, kind, layout_axes

__all__ = [
    "Alignment",
    "Content",
    "CpuLevel",
    "Distribution",
    "Dtype",
    "Granularity",
    "Kind",
    "LayerRanking",
    "Layout",
    "LibraryFile",
    "Measure",
    "Option",
    "Order",
    "Part",
    "Profile",
    "ProfileForm",
    "Quantization",
    "RankedScores",
    "Reason",
    "Reference",
    "Sign",
    "Status",
    "Tensor",
    "blas_better_core",
    "bounds",
    "build_info",
    "cpu_level",
    "divergence",
    "filter_matrix",
    "kind",
    "layout_axes",
    "library_file",
    "pairwise_cosine",
    "profile",
    "profile_many",
    "rank",
    "rank_profiles",
    "rank_tensors",
    "reason_text",
    "sign_split",
    "softmax",
    "status_name",
    "version",
]


class LibraryFile(NamedTuple):
    """The shared library that runs."""

    path: str
    origin: str  #: how it was found: KLDSEL_LIBRARY, bundled or system


def library_file() -> LibraryFile:
    """Tell where the shared library lies.

    It is looked for

    1. where the environment variable `KLDSEL_LIBRARY` points,
    2. in the package, where a wheel bundles it,
    3. where the dynamic loader finds it: installed on the system, or on `LD_LIBRARY_PATH`.
    """
    found = find()
    return LibraryFile(found.path, found.origin)


def version() -> str:
    """Version of the library that runs."""
    return text(library().kldsel_version_string())


def build_info() -> str:
    """The build and the machine in one line: the CPU level, and the BLAS."""
    length = library().kldsel_build_info(None, 0)
    line = ctypes.create_string_buffer(length + 1)
    library().kldsel_build_info(line, len(line))
    return text(line.value)


def blas_better_core() -> str:
    """Core type of OpenBLAS that fits this processor better, for OPENBLAS_CORETYPE; empty if it does well."""
    return text(library().kldsel_blas_better_core())


def cpu_level() -> CpuLevel:
    """Highest CPU level that this build has and this machine can run."""
    return CpuLevel(library().kldsel_cpu_level())


def status_name(status: int) -> str:
    """Name of a status.

    >>> status_name(Status.MISMATCH)
    'KLDSEL_ERROR_MISMATCH'
    """
    return text(library().kldsel_status_name(status))
