#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A contender's process: reads requests, one JSON object in a line, and answers each with another.

The driver starts one for each contender and BLAS setting, so that each has its own BLAS, threads and memory.
Requests have the key "op":
  info                          versions, and the BLAS that works here
  threads   count               use so many threads
  load      path, layers, dtype, copies
                                the weights of a layer set: layers are [M, I, H, W], one after the other
  run       precision, seconds  repeat for so long, at least once, each time on the next copy of the weights: all
                                times, peak memory, the results
"""

import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator

from memory import reset_peak, resident_bytes


def run(contender: object, copies: Iterator[object], precision: str, seconds: float) -> dict:
    """Time the contender on copies of its layers in turn; a short one is warmed up first."""
    watched = reset_peak()
    before = resident_bytes("VmRSS")
    times, results, warm = [], None, False
    while not times or sum(times) < seconds:
        layers = next(copies)
        start = time.perf_counter()
        results = contender.run(layers, precision)
        took = time.perf_counter() - start
        if not times and not warm and took < seconds:
            warm = True
            continue
        times.append(took)
    peak = max(0, resident_bytes("VmHWM") - before) if watched and before else None
    return {"seconds": times, "resident": peak, "results": results}


def main() -> None:
    """Serve until the driver closes the pipe."""
    contender = importlib.import_module(sys.argv[1])
    # Answers go where standard output went; what libraries print goes to the log of errors.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    copies = None
    for line in sys.stdin:
        request = json.loads(line)
        match request.pop("op"):
            case "info":
                answer = contender.info()
            case "threads":
                contender.set_threads(request["count"])
                answer = {}
            case "load":
                copies = None
                count = request.pop("copies")
                copies = itertools.cycle([contender.load(**request) for _ in range(count)])
                answer = {}
            case "run":
                answer = run(contender, copies, **request)
            case other:
                raise SystemExit(f"unknown request {other}")
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
