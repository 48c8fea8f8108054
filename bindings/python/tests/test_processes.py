# SPDX-License-Identifier: BSD-3-Clause
"""Threads, the GIL, fork, and processes that send each other profiles."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
import traceback
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kldsel import errors, lowlevel
from kldsel.lowlevel import Profile, Tensor


def tensor(filters: int, elements: int, seed: int = 1) -> Tensor:
    """Cheap numbers, all different: a linear congruential sequence."""
    state, numbers = seed, array("f")
    for _ in range(1024):
        state = (state * 1103515245 + 12345) % 2**31
        numbers.append(state / 2**30 - 1)
    flat = numbers * (filters * elements // len(numbers) + 1)
    return Tensor(memoryview(flat)[: filters * elements].cast("B").cast("f", (filters, elements)))


def profiles_of(seed: int) -> list[Profile]:
    return lowlevel.profile_many([tensor(16, 90, seed), tensor(32, 45, seed)])


# The progress callback is a function of the C library's that waits, with no part of Python in it: a call that
# keeps the GIL waits for ever, as this thread cannot run to end the wait.
RELEASED = """
import ctypes, threading
from kldsel import _abi, lowlevel
from kldsel._library import library
from kldsel._options import Options

libc, gate = ctypes.CDLL(None), ctypes.create_string_buffer(64)
libc.sem_init(gate, 0, 0)
layer = lowlevel.Tensor(memoryview(bytes(range(1, 65)) * 4).cast("B").cast("f", (8, 8)))
begun = threading.Event()
with Options(threads=1) as options:
    wait = ctypes.cast(libc.sem_wait, _abi.ProgressFunction)
    library().kldsel_options_set_progress(options, wait, ctypes.addressof(gate))

    def work():
        profile = ctypes.c_void_p()
        begun.set()
        status = library().kldsel_profile_create(layer, options, ctypes.byref(profile))
        library().kldsel_profile_free(profile)
        print(status)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    while thread.is_alive():
        libc.sem_post(gate)
        thread.join(0.001)
"""


def test_the_gil_is_released() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RELEASED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_objects_are_shared_between_threads() -> None:
    layers = [tensor(24, 50, seed) for seed in range(6)]
    expected, ranking = lowlevel.profile_many(layers, threads=1), repr(lowlevel.rank_tensors(layers))
    mistakes: list[Any] = []

    def work(number: int) -> None:
        for _ in range(20):
            made = lowlevel.profile_many(layers, threads=2)
            if made != expected or repr(lowlevel.rank_profiles(made)) != ranking:
                mistakes.append(number)
            # Errors are each thread's own.
            with pytest.raises(errors.InvalidArgumentError, match=f"rank is {number + 20}"):
                lowlevel.layout_axes("oihw", number + 20)

    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(work, number) for number in range(8)]:
            result.result()
    assert mistakes == []


def test_progress_is_told_on_the_calling_thread() -> None:
    here: set[int] = set()
    lowlevel.profile_many(
        [tensor(64, 1000), tensor(8, 5000)],
        threads=4,
        progress=lambda done, total: here.add(threading.get_ident()),
    )
    assert here == {threading.get_ident()}


def in_a_fork(work: Callable[[], bool]) -> bool:
    """Whether `work` is true in a child of os.fork()."""
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0 if good else 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_while_other_threads_are_in_calls() -> None:
    expected = profiles_of(5)
    layers = [tensor(64, 3000, seed) for seed in range(4)]
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            lowlevel.profile_many(layers, threads=2)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        good = [in_a_fork(lambda: profiles_of(5) == expected) for _ in range(10)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(good)


def test_what_was_made_before_a_fork_works_after_it() -> None:
    layers = [tensor(16, 90), tensor(32, 45)]
    made = lowlevel.profile_many(layers)
    ranking = repr(lowlevel.rank_profiles(made))

    def work() -> bool:
        return lowlevel.profile_many(layers) == made and repr(lowlevel.rank_profiles(made)) == ranking

    assert in_a_fork(work)
    assert work()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_profiles_travel_between_processes(method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        made = pool.map(profiles_of, range(4))
    assert made == [profiles_of(seed) for seed in range(4)]
    assert lowlevel.rank_profiles([layer for layers in made for layer in layers], reference="others")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_errors_travel_between_processes(method: str) -> None:
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool, pytest.raises(errors.InvalidArgumentError, match="rank is 20"):
        pool.apply(lowlevel.layout_axes, ("oihw", 20))
