# SPDX-License-Identifier: BSD-3-Clause
"""What the measurements were made on."""

import os
import platform
import subprocess
import time
from pathlib import Path

# Processors that may be busy on a machine that counts as quiet.
QUIET = 0.2


def first_value(path: str, key: str) -> str | None:
    """Return what follows "key:" or "key=" in a file."""
    try:
        for line in Path(path).read_text().splitlines():
            for sign in ":=":
                name, found, value = line.partition(sign)
                if found and name.strip() == key:
                    return value.strip().strip('"')
    except OSError:
        pass
    return None


def caches() -> list[str]:
    """Return the first processor's caches, as "L1 Data 32K"."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        found.append(f"L{level} {kind.lower()} {size}")
    return found


def cache_mib() -> int:
    """Return the size of the largest cache, 32 where the system does not tell."""
    sizes = [
        path.read_text().strip() for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    ]
    return max((int(size[:-1]) // 1024 for size in sizes if size.endswith("K")), default=0) or 32


def copies_mib(processes: int) -> int:
    """Return what copies of the weights take together so that no cache holds those that wait for their turn.

    Less if so many processes, each with copies of its own, would need more than half of the memory.
    """
    memory = first_value("/proc/meminfo", "MemTotal")
    most = int(memory.split()[0]) // 1024 // 2 // processes if memory else 256
    return max(1, min(8 * cache_mib(), most))


def busy(machine: dict) -> str | None:
    """Return what to say of a machine that had other work at the start."""
    if machine["busy"] <= QUIET:
        return None
    return (
        f"other work kept the machine busy ({machine['busy']} processors at the start): "
        "these times are no measurement of a quiet one"
    )


def busy_processors(seconds: float = 3) -> float:
    """Return how many processors are at work now; a load average would tell of what is over, too."""

    def ticks() -> int:
        user, nice, system, _idle, _waiting, *others = map(
            int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
        )
        return user + nice + system + sum(others)

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def describe() -> dict:
    """Return processor, memory, system, compiler and how busy it is."""
    compiler = subprocess.run(
        ["cc", "--version"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    memory = first_value("/proc/meminfo", "MemTotal")
    family, model = first_value("/proc/cpuinfo", "cpu family"), first_value("/proc/cpuinfo", "model")
    return {
        "processor": first_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "family_model": f"{family}/{model}" if family else None,
        "cores": len(os.sched_getaffinity(0)),
        "caches": caches(),
        "memory_gib": round(int(memory.split()[0]) / 2**20, 1) if memory else None,
        "system": first_value("/etc/os-release", "PRETTY_NAME"),
        "kernel": platform.release(),
        "compiler": compiler[0] if compiler else None,
        "busy": round(busy_processors(), 2),
        "virtual": "hypervisor" in (first_value("/proc/cpuinfo", "flags") or "").split(),
    }
