# SPDX-License-Identifier: BSD-3-Clause
"""What a run measures, and how long it may take for it."""

from dataclasses import dataclass
from pathlib import Path

# The six methods, or the first three of them, which are those of the cosine.
SIX, COSINE = 6, 3


def threads_text(count: int) -> str:
    """Return a number of threads in words."""
    return "1 thread" if count == 1 else f"{count} threads"


@dataclass(frozen=True)
class Settings:
    """A run of the benchmark."""

    worker: Path
    debian_python: str
    pypi_python: str | None  # None: only contenders that Debian has
    threads: tuple[int, ...]
    # Rounds of contenders in turn; one that takes long has fewer, but one at least.
    rounds: int
    most_seconds: float  # of a contender on a network with a thread count
    settle: float = 0.1  # pause for threads of the contender before, which spin for a while
    request_seconds: float = 0.15  # a short contender repeats for so long in its turn
    library_rounds: int = 15  # of libkldsel and the floor in turn
    # Weights come from memory: whoever is measured reads copies in turn that together take so much.
    copies_mib: int = 256
    convolutions: tuple[str, ...] = ()
    dense: tuple[tuple[str, str], ...] = ()  # name and dtype
    linear_only: tuple[str, ...] = ()  # too large for M x M matrices
    scans: bool = False
    big: bool = False  # layer sets of over 2 GB
    growth_doublings: int = 5
    growth_layers: tuple[int, ...] = (10, 100, 1000, 10000)
    pairwise: tuple[tuple[int, int], ...] = ((2048, 512),)


def quick(worker: Path, debian_python: str, threads: tuple[int, ...], copies_mib: int) -> Settings:
    """Return what tells in a few minutes whether all is well."""
    return Settings(
        worker,
        debian_python,
        None,
        threads[-1:],
        rounds=3,
        most_seconds=3,
        library_rounds=9,
        copies_mib=copies_mib,
        convolutions=("mobilenet-v2", "resnet50"),
        growth_doublings=4,
        growth_layers=(10, 100, 1000),
    )


def full(
    worker: Path, debian_python: str, pypi_python: str, threads: tuple[int, ...], copies_mib: int
) -> Settings:
    """Return everything."""
    return Settings(
        worker,
        debian_python,
        pypi_python,
        threads,
        rounds=5,
        most_seconds=6,
        library_rounds=21,
        copies_mib=copies_mib,
        convolutions=("vgg16", "resnet50", "inception-v3", "densenet169", "mobilenet-v2"),
        dense=(("vit-b16-block", "bf16"), ("vit-b16", "bf16"), ("llama-7b-block", "bf16")),
        linear_only=("vit-b16", "llama-7b-block"),
        scans=True,
        big=True,
        growth_layers=(10, 30, 100, 300, 1000, 3000, 10000),
    )
