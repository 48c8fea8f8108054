# SPDX-License-Identifier: BSD-3-Clause
"""The memory of this process by the system's account."""

from pathlib import Path


def resident_bytes(field: str) -> int:
    """Return VmRSS (now) or VmHWM (the most since the last reset); 0 where the system does not tell."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak() -> bool:
    """Let VmHWM begin anew; tell whether the system offers that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True
