# SPDX-License-Identifier: BSD-3-Clause
"""No copy of the weights: what the library allocates, what the process grows by."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import textwrap
from array import array
from typing import Any

import pytest

from kldsel import _abi, errors, lowlevel
from kldsel._library import check, library
from kldsel.lowlevel import Tensor

MIB = 2**20


class Allocator:
    """Hands out malloc's memory and counts it."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
        libc.free.restype, libc.free.argtypes = None, (ctypes.c_void_p,)
        self.requested = self.blocks = 0

        def allocate(_user: Any, size: int) -> Any:
            self.requested += size
            self.blocks += 1
            return libc.malloc(size)

        def release(_user: Any, memory: int) -> None:
            self.blocks -= 1
            libc.free(memory)

        self.functions = _abi.AllocateFunction(allocate), _abi.ReleaseFunction(release)


@pytest.mark.parametrize("threads", [1, 4])
def test_the_library_allocates_little_beside_filters_and_elements(threads: int) -> None:
    filters, elements = 512, 4096
    weights = array("f", [1, -2, 3, 0.5, -7, 2, 4, -4]) * (filters * elements // 8)
    layer = Tensor(memoryview(weights).cast("B").cast("f", (filters, elements)))
    allocator, options, profile = Allocator(), ctypes.c_void_p(), ctypes.c_void_p()
    check(library().kldsel_options_create(*allocator.functions, None, ctypes.byref(options)))
    check(library().kldsel_options_set_int(options, _abi.Option.THREADS, threads))
    check(library().kldsel_profile_create(layer, options, ctypes.byref(profile)))
    library().kldsel_profile_free(profile)
    library().kldsel_options_free(options)
    assert allocator.blocks == 0
    # The weights are 8 MiB. Doubles for each filter and element of four signs, a few times for each thread.
    assert 0 < allocator.requested < (threads + 2) * 16 * 8 * (filters + elements) + MIB // 4


PROGRAM = """
from kldsel import lowlevel

def peak():
    # In KiB. Not getrusage(), which remembers the parent that this process was forked from.
    lines = open("/proc/self/status").read().splitlines()
    return int(dict(line.split(":", 1) for line in lines)["VmHWM"].split()[0])

{make}
# What is loaded once: the library, NumPy for results, a thread's stack.
lowlevel.rank_tensors([lowlevel.Tensor(small)] * 2, select_count=1, threads=2)
lowlevel.profile(lowlevel.Tensor(small)).export()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # forget the peak so far: making the weights took more than they take
before = peak()
tensors = [lowlevel.Tensor(weights, layout) for layout in ("oi", "io")]
profiles = lowlevel.profile_many(tensors, threads=2)
ranking = lowlevel.rank_tensors(tensors, threads=2)
assert len(lowlevel.rank_profiles(profiles)) == len(ranking) == 2
print(peak() - before)
"""

MAKERS = {
    "buffer": """
        from array import array
        flat = memoryview(array("f", range(1024)) * (16 * 1024)).cast("B")
        weights, small = flat.cast("f", (4096, 4096)), flat[:4096].cast("f", (32, 32))
    """,
    "numpy": """
        import numpy
        weights = numpy.random.default_rng(0).standard_normal((4096, 4096), dtype="f4")
        small = weights[:32, :32]
    """,
    "torch": """
        import torch
        weights = torch.nn.Parameter(torch.randn(4096, 4096))
        small = weights[:32, :32]
    """,
    "torch bfloat16": """
        import torch
        weights = torch.nn.Parameter(torch.randn(4096, 4096).bfloat16())
        small = weights[:32, :32]
    """,
    "jax": """
        import jax
        weights = jax.random.normal(jax.random.key(0), (4096, 4096))
        small = weights[:32, :32]
    """,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_process_does_not_grow_by_the_weights(kind: str) -> None:
    """64 MiB of float32, 32 MiB of bfloat16, read as rows and as columns."""
    if kind != "buffer":
        pytest.importorskip(kind.split(maxsplit=1)[0])
    program = PROGRAM.format(make=textwrap.dedent(MAKERS[kind]))
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 6 * 1024, f"grew by {result.stdout.strip()} KiB"


class MallInfo(ctypes.Structure):
    """What mallinfo2() of glibc gives; the eighth of its ten sizes is that of all blocks in use."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in (*"abcdefg", "in_use", *"ij"))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no mallinfo2()")
def test_every_handle_is_freed() -> None:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = MallInfo
    weights = memoryview(bytes(range(96))).cast("b", (4, 24))

    def use() -> None:
        tensor = Tensor(weights, quantization=(0.5, 1))
        layers = [
            tensor,
            tensor.copy(),
            lowlevel.sign_split(tensor, "negative"),
            lowlevel.filter_matrix(tensor),
        ]
        profiles = lowlevel.profile_many(layers, threads=1)
        lowlevel.rank_profiles([lowlevel.Profile.from_export(made.export()) for made in profiles])
        lowlevel.rank_tensors(layers, threads=1)
        for wrong in ({"threads": -1}, {"progress": lambda done, total: True}):
            with pytest.raises((ValueError, errors.CancelledError)):
                lowlevel.rank_tensors(layers, **wrong)  # type: ignore[arg-type]

    for _ in range(20):
        use()
    before = mallinfo().in_use
    for _ in range(200):
        use()
    gc.collect()
    # The smallest block is 32 bytes. Python's own objects come and go by a few pools.
    assert mallinfo().in_use - before < 200 * 32


def test_a_tensor_of_a_view_costs_the_same_whatever_its_size() -> None:
    weights = memoryview(bytearray(64 * MIB)).cast("B").cast("f", (4096, 4096))
    tensors = [Tensor(weights) for _ in range(1000)]  # would be 64 GB
    assert lowlevel.kind(tensors[-1].shape) is lowlevel.Kind.DENSE
