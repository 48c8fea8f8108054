# SPDX-License-Identifier: BSD-3-Clause
"""Damages files, the same way in every run. Usage: mutate.py SEED-FILE FOLDER [COUNT]."""

import random
import sys
from pathlib import Path

AWKWARD = [
    bytes(8),
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\xff" * 7 + b"\x7f",
    b"\x80" + bytes(7),
    bytes(7) + b"\x80",
]


def _place(source, length):
    """Mostly in front, where the formats have what is not weights."""
    return source.randrange(min(length, 2048) if source.random() < 0.7 else length)


def _change(source, data):
    at = _place(source, len(data))
    size = source.choice((1, 2, 4, 8))
    kind = source.randrange(6)
    if kind == 0:
        data[at] ^= 1 << source.randrange(8)
    elif kind == 1:
        data[at : at + size] = source.choice(AWKWARD)[:size]
    elif kind == 2:
        data[at : at + size] = source.randbytes(size)
    elif kind == 3:
        del data[at : at + source.choice((1, 3, 8, 100))]
    elif kind == 4:
        begin = _place(source, len(data))
        data[at:at] = data[begin : begin + source.choice((1, 8, 64, 1000))]
    else:
        begin = _place(source, len(data))
        moved = data[begin : begin + source.choice((4, 8, 64))]
        data[at : at + len(moved)] = moved


def mutations(content, count, seed=20220):
    """Damaged copies of a file: an eighth cut off somewhere, the others changed in one to eight places."""
    source = random.Random(seed)
    for number in range(count):
        data = bytearray(content)
        if number % 8 == 0:
            del data[_place(source, len(data)) :]
        else:
            for _ in range(source.choice((1, 1, 2, 3, 8))):
                if len(data) > 16:
                    _change(source, data)
        yield bytes(data)


if __name__ == "__main__":
    seed_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for number, data in enumerate(
        mutations(seed_file.read_bytes(), int(sys.argv[3]) if len(sys.argv) > 3 else 200)
    ):
        (folder / f"{seed_file.stem}-{number:04}{seed_file.suffix}").write_bytes(data)
