# SPDX-License-Identifier: BSD-3-Clause
"""What `kldsel/kldsel.h` declares: constants, enumerations, prototypes.

Every enumeration below is one of the header's: `ENUMS` tells which, and that its enumerators begin with a
prefix. `PROTOTYPES` holds the header's functions in C, so that a compiler can hold both against each
other; the tests do. The ctypes signatures are made from that text.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any, NamedTuple

#: The version of the header that this file follows: major, minor, patch.
VERSION = (1, 0, 0)
#: Most axes of a tensor.
MAX_RANK = 8


class Status(IntEnum):
    """Result of a C call."""

    OK = 0
    INVALID_ARGUMENT = 10
    OUT_OF_MEMORY = 20
    NOT_FINITE = 30
    TOO_LARGE = 40
    MISMATCH = 50
    MISSING = 60
    CANCELLED = 70
    UNSUPPORTED = 80


class Option(IntEnum):
    """Option keys."""

    MEASURE = 100
    SIGN = 110
    REFERENCE = 120
    ORDER = 130
    GRANULARITY = 140
    DISTRIBUTION = 150
    ALIGNMENT = 160
    TEMPERATURE = 170
    SIGNS = 180
    CONTENT = 190
    SELECT_COUNT = 200
    SELECT_SHARE = 210
    SELECT_PARAMETERS = 220
    THREADS = 300
    CPU_LEVEL = 310


class OptionType(IntEnum):
    """Value types of option keys."""

    INT = 1
    DOUBLE = 2


class Measure(IntEnum):
    """What a layer is scored by."""

    COSINE = 1  #: mean pairwise cosine of the filters, the weight correlation
    KL = 2  #: divergence of the layer's distribution from a reference
    SHARE = 3  #: share of the layer's weights that have the sign


class Sign(IntEnum):
    """Which sign parts of the filters are compared."""

    ALL = 1
    POSITIVE = 2
    NEGATIVE = 3
    POSITIVE_NEGATIVE = 4


class Reference(IntEnum):
    """What a layer's distribution is compared with by the measure kl."""

    UNIFORM = 1
    OTHERS = 2
    PREVIOUS = 3
    NEXT = 4
    WITHIN = 5
    GIVEN = 6


class Order(IntEnum):
    """Which end of the scores is ranked first."""

    LOW = 1
    HIGH = 2


class Granularity(IntEnum):
    """What is compared with what inside a layer."""

    FILTER = 1
    KERNEL = 2


class Distribution(IntEnum):
    """What a layer's distribution is made from."""

    PROFILE = 1
    PAIRS = 2


class Alignment(IntEnum):
    """How two distributions are laid over each other."""

    QUANTILE = 1
    INDEX = 2


class Content(IntEnum):
    """What a profile holds, as bits."""

    VALUES = 1  #: the similarities, for the measure kl; and the means with them
    MEANS = 2  #: the mean similarities, for the measure cosine
    COUNTS = 4  #: how many weights are positive and negative, for the measure share


class CpuLevel(IntEnum):
    """CPU levels; all give the same bits."""

    BASELINE = 1
    AVX2 = 2
    AVX512 = 3


class Dtype(IntEnum):
    """Element types of weights."""

    F64 = 1
    F32 = 2
    F16 = 3
    BF16 = 4
    U8 = 5
    I8 = 6


class Layout(IntEnum):
    """Named axis orders: O output, I input, HW any number of spatial axes."""

    OIHW = 1
    HWIO = 2
    OHWI = 3
    IOHW = 4
    HWIM = 5
    OI = 6
    IO = 7
    HWOI = 8


class Kind(IntEnum):
    """Kinds of layer."""

    OTHER = 1
    DENSE = 2
    CONVOLUTION = 3


class Part(IntEnum):
    """Sign parts of a layer."""

    ALL = 1
    POSITIVE = 2
    NEGATIVE = 3


class Reason(IntEnum):
    """Why a layer has no score."""

    NONE = 0
    TOO_FEW_FILTERS = 1
    NO_NEIGHBOUR = 2
    NEIGHBOUR_TOO_SMALL = 3
    NOT_GIVEN = 4


#: The header's enumerations: tag without `kldsel_`, prefix of the enumerators, Python's.
ENUMS: tuple[tuple[str, str, type[IntEnum]], ...] = (
    ("status_value", "KLDSEL_ERROR_", Status),
    ("option", "KLDSEL_OPTION_", Option),
    ("measure", "KLDSEL_MEASURE_", Measure),
    ("sign", "KLDSEL_SIGN_", Sign),
    ("reference", "KLDSEL_REFERENCE_", Reference),
    ("order", "KLDSEL_ORDER_", Order),
    ("granularity", "KLDSEL_GRANULARITY_", Granularity),
    ("distribution", "KLDSEL_DISTRIBUTION_", Distribution),
    ("alignment", "KLDSEL_ALIGNMENT_", Alignment),
    ("content", "KLDSEL_CONTENT_", Content),
    ("cpu_level_value", "KLDSEL_CPU_LEVEL_", CpuLevel),
    ("option_type", "KLDSEL_OPTION_TYPE_", OptionType),
    ("dtype", "KLDSEL_DTYPE_", Dtype),
    ("layout", "KLDSEL_LAYOUT_", Layout),
    ("kind", "KLDSEL_KIND_", Kind),
    ("part", "KLDSEL_PART_", Part),
    ("reason", "KLDSEL_REASON_", Reason),
)

AllocateFunction = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
ReleaseFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
ProgressFunction = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
FreedFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

#: The C types passed by value, and the ctypes that stand for them. Every pointer is a `c_void_p`, which takes
#: addresses, arrays and `byref()`; but for the strings that come back.
C_TYPES: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "double": ctypes.c_double,
    "kldsel_status": ctypes.c_int32,
    "kldsel_allocate_function": AllocateFunction,
    "kldsel_release_function": ReleaseFunction,
    "kldsel_progress_function": ProgressFunction,
    "kldsel_freed_function": FreedFunction,
}

PROTOTYPES = """
uint32_t kldsel_version(void);
const char *kldsel_version_string(void);
size_t kldsel_build_info(char *, size_t);
int32_t kldsel_cpu_level(void);
const char *kldsel_blas_better_core(void);

const char *kldsel_status_name(kldsel_status);
const char *kldsel_last_error(void);
int64_t kldsel_last_error_layer(void);
kldsel_status kldsel_set_last_error(kldsel_status, const char *);

kldsel_status kldsel_options_create(kldsel_allocate_function, kldsel_release_function, void *,
  kldsel_options **);
void kldsel_options_free(kldsel_options *);
kldsel_status kldsel_options_set_int(kldsel_options *, int32_t, int64_t);
kldsel_status kldsel_options_set_double(kldsel_options *, int32_t, double);
kldsel_status kldsel_options_get_int(const kldsel_options *, int32_t, int64_t *);
kldsel_status kldsel_options_get_double(const kldsel_options *, int32_t, double *);
kldsel_status kldsel_options_set_progress(kldsel_options *, kldsel_progress_function, void *);
kldsel_status kldsel_options_bounds(int32_t, int32_t *, double *, double *);

kldsel_status kldsel_layer_kind(int32_t, const int64_t *, int32_t *);
kldsel_status kldsel_layout_axes(int32_t, int32_t, uint32_t *, uint32_t *);
kldsel_status kldsel_tensor_view(const void *, size_t, int32_t, int32_t, const int64_t *, int32_t,
  const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_tensor_view_strided(const void *, size_t, size_t, int32_t, int32_t, const int64_t *,
  const int64_t *, uint32_t, uint32_t, const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_tensor_quantized(const kldsel_tensor *, const double *, const double *, size_t,
  const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_tensor_copy(const kldsel_tensor *, const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_tensor_values(const kldsel_tensor *, double *, size_t);
int64_t kldsel_tensor_filters(const kldsel_tensor *);
int64_t kldsel_tensor_elements(const kldsel_tensor *);
kldsel_status kldsel_tensor_on_free(kldsel_tensor *, kldsel_freed_function, void *);
kldsel_status kldsel_tensor_describe(const kldsel_tensor *, const void **, int32_t *, int32_t *,
  int32_t *, int64_t *, int64_t *, uint32_t *, uint32_t *);
void kldsel_tensor_free(kldsel_tensor *);

kldsel_status kldsel_sign_split(const kldsel_tensor *, int32_t, const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_filter_matrix(const kldsel_tensor *, const kldsel_options *, kldsel_tensor **);
kldsel_status kldsel_pairwise_cosine(const kldsel_tensor *, const kldsel_tensor *, int64_t, int64_t,
  const kldsel_options *, double *, size_t);
kldsel_status kldsel_softmax(const double *, size_t, double, double *);
kldsel_status kldsel_divergence(const double *, size_t, const double *, size_t, const kldsel_options *,
  double *);
kldsel_status kldsel_rank(const double *, size_t, const int64_t *, const int32_t *, const kldsel_options *,
  int64_t *, int64_t *, int32_t *);

kldsel_status kldsel_profile_create(const kldsel_tensor *, const kldsel_options *, kldsel_profile **);
kldsel_status kldsel_profile_create_many(kldsel_tensor *const *, size_t, const kldsel_options *,
  kldsel_profile **);
int64_t kldsel_profile_filters(const kldsel_profile *);
int64_t kldsel_profile_elements(const kldsel_profile *);
kldsel_status kldsel_profile_describe(const kldsel_profile *, int32_t *, int32_t *, int32_t *, int32_t *,
  double *);
kldsel_status kldsel_profile_length(const kldsel_profile *, int32_t, size_t *);
kldsel_status kldsel_profile_values(const kldsel_profile *, int32_t, double *, size_t);
kldsel_status kldsel_profile_export(const kldsel_profile *, double *, size_t, size_t *);
kldsel_status kldsel_profile_import(const double *, size_t, const kldsel_options *, kldsel_profile **);
void kldsel_profile_free(kldsel_profile *);

const char *kldsel_reason_text(int32_t);
kldsel_status kldsel_rank_profiles(kldsel_profile *const *, size_t, kldsel_profile *const *,
  const int32_t *, const kldsel_options *, kldsel_ranking **);
kldsel_status kldsel_rank_tensors(kldsel_tensor *const *, size_t, kldsel_tensor *const *,
  const int32_t *, const kldsel_options *, kldsel_ranking **);
size_t kldsel_ranking_size(const kldsel_ranking *);
kldsel_status kldsel_ranking_layer(const kldsel_ranking *, size_t, double *, int64_t *, int32_t *, int32_t *);
kldsel_status kldsel_ranking_order(const kldsel_ranking *, int64_t *, size_t);
void kldsel_ranking_free(kldsel_ranking *);
"""


class Prototype(NamedTuple):
    """A function's ctypes signature."""

    result: Any
    arguments: tuple[Any, ...]


def _ctype(text: str) -> Any:
    return ctypes.c_void_p if "*" in text else C_TYPES[text.strip()]


def _parse(declaration: str) -> tuple[str, Prototype]:
    head, _, tail = declaration.partition("(")
    result_text, name = head.replace("*", "* ").rsplit(None, 1)
    if "*" in result_text:
        result: Any = ctypes.c_char_p  # every pointer that comes back is a string
    else:
        result = None if result_text == "void" else _ctype(result_text)
    arguments = tail.rstrip(")")
    if arguments == "void":
        return name, Prototype(result, ())
    return name, Prototype(result, tuple(_ctype(argument) for argument in arguments.split(",")))


def prototypes() -> dict[str, Prototype]:
    """The ctypes signatures by function name."""
    return dict(_parse(" ".join(text.split())) for text in PROTOTYPES.split(";") if text.strip())


def declare(library: ctypes.CDLL) -> None:
    """Give the functions of a loaded library their signatures; AttributeError names one that it lacks."""
    for name, prototype in prototypes().items():
        function = getattr(library, name)
        function.restype = prototype.result
        function.argtypes = prototype.arguments
