# SPDX-License-Identifier: BSD-3-Clause
"""Which core type OpenBLAS chooses by itself, and which one is fastest here."""

import platform
from pathlib import Path

from processes import Library

# Core types that Debian's OpenBLAS can be told to use. One that the processor lacks ends the process.
CORES = {
    "x86_64": ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"),
    "aarch64": ("ARMV8", "CORTEXA57", "NEOVERSEN1", "NEOVERSEV1", "NEOVERSEN2"),
}
# Slower than this share of the fastest, the chosen core type is worth a warning.
SLOW = 0.7
# Not faster than by this factor, another core type is no better: measurements vary.
BETTER = 1.05
FILTERS, ELEMENTS, ROUNDS = 1024, 512, 9


def rate(worker: Path, core: str | None) -> dict | None:
    """Return the core type in use and its rate of dsyrk on one thread; None if it does not work here."""
    library = Library(worker, core)
    try:
        used = library.command("info")["blas_core"]
        seconds = min(library.command("pairwise", FILTERS, ELEMENTS, 1, ROUNDS)["syrk"])
    except RuntimeError:
        return None
    finally:
        library.close()
    if not used or seconds <= 0:
        return None
    return {"core": used, "gflops": FILTERS * (FILTERS + 1) * ELEMENTS / seconds / 1e9}


def choose(worker: Path) -> dict | None:
    """Return the core types as shipped and at best, with all that were tried; None without OpenBLAS."""
    shipped = rate(worker, None)
    if shipped is None:
        return None
    tried = {shipped["core"]: shipped["gflops"]}
    best = {"setting": None, **shipped}
    for setting in CORES.get(platform.machine(), ()):
        found = rate(worker, setting)
        if found is None or found["core"] in tried:
            continue
        tried[found["core"]] = found["gflops"]
        if found["gflops"] > BETTER * shipped["gflops"] and found["gflops"] > best["gflops"]:
            best = {"setting": setting, **found}
    return {
        "shipped": shipped,
        "best": best,
        "tried": tried,
        "slow": shipped["gflops"] < SLOW * best["gflops"],
    }


def warning(blas: dict | None) -> str | None:
    """Return what to tell a user whose BLAS runs far below the processor."""
    if blas is None or not blas["slow"]:
        return None
    shipped, best = blas["shipped"], blas["best"]
    return (
        f"WARNING: OpenBLAS takes this processor for {shipped['core']} and multiplies at "
        f"{shipped['gflops']:.0f} Gflop/s; OPENBLAS_CORETYPE={best['setting']} gives {best['gflops']:.0f}"
    )
