# SPDX-License-Identifier: BSD-3-Clause
"""What the library aims at, beside what was measured."""

from settings import COSINE, SIX, threads_text

MIB = 2**20


def target(
    what: str, limit: float, measured: list[float], *, at_least: bool = False, unit: str = "x"
) -> dict | None:
    """Return one aim with the measurement that is farthest from it; None if nothing was measured."""
    if not measured:
        return None
    worst = min(measured) if at_least else max(measured)
    met = worst >= limit if at_least else worst <= limit
    return {"what": what, "limit": limit, "at_least": at_least, "unit": unit, "measured": worst, "met": met}


def floor_targets(results: dict, threads: int) -> list[dict | None]:
    """Return the aims against reading once: the worst network counts."""

    def ratios(records: list[dict], layout: str | None, methods: int) -> list[float]:
        return [
            record["ratio"]["median"]
            for record in records
            if record["dtype"] == "f32"
            and record["methods"] == methods
            and record["threads"] == threads
            and layout in (None, record["layout"])
        ]

    found = []
    for layout in ("oihw", "hwio"):
        name = layout.upper()
        found.append(
            target(f"six methods, f32 {name}, over reading once", 3, ratios(results["floor"], layout, SIX))
        )
        found.append(
            target(
                f"cosine methods, f32 {name}, over reading once", 2, ratios(results["floor"], layout, COSINE)
            )
        )
    big = [record for record in results["big"] if "resnet50" in record["set"]]
    found.append(target("six methods on over 2 GB, over reading once", 1.5, ratios(big, None, SIX)))
    return found


def dtype_targets(results: dict, threads: int) -> list[dict | None]:
    """Return the aims for 16-bit types: time over that of f32, same layers, layout and methods."""
    found = []
    records = [
        record for record in results["floor"] if record["set"] == "resnet50" and record["threads"] == threads
    ]
    for dtype in ("f16", "bf16"):
        ratios = [
            record["seconds"]["median"] / other["seconds"]["median"]
            for record in records
            for other in records
            if record["dtype"] == dtype
            and other["dtype"] == "f32"
            and (record["layout"], record["methods"]) == (other["layout"], other["methods"])
        ]
        found.append(target(f"{dtype} over f32, per weight", 1.3, ratios))
    return found


def median(results: dict, contender: str, blas: str | None, precision: str, threads: int) -> float | None:
    """Return a contender's median time on ResNet50."""
    for record in results["contenders"]:
        if (record["network"], record["contender"], record["precision"], record["threads"]) == (
            "resnet50",
            contender,
            precision,
            threads,
        ) and blas in (None, record["blas"]):
            return record["seconds"]["median"]
    return None


def contender_targets(results: dict, threads: int) -> list[dict | None]:
    """Return how many times faster than others on ResNet50, all in double precision."""
    own = median(results, "libkldsel", None, "f64", threads)
    found = []
    for what, contender, blas, limit in (
        ("times as fast as scikit-learn, BLAS as shipped", "scikit-learn + SciPy", "shipped", 150),
        ("times as fast as scikit-learn, BLAS at its best", "scikit-learn + SciPy", "best", 50),
        ("times as fast as PyTorch, same algebra", "PyTorch, linear algebra", None, 20),
    ):
        other = median(results, contender, blas, "f64", threads)
        if other is None and blas == "best":  # what ships is the best
            other = median(results, contender, "shipped", "f64", threads)
        found.append(target(what, limit, [other / own] if own and other else [], at_least=True))
    return found


def growth_targets(results: dict) -> list[dict | None]:
    """Return how far each exponent is from 1."""
    return [
        target(
            f"growth in {record['what']}: exponent's distance from 1",
            0.05,
            [abs(record["exponent"] - 1)],
            unit="",
        )
        for record in results["growth"]
    ]


def memory_targets(results: dict) -> list[dict | None]:
    """Return the aims for the library's own memory; profiles are what making them is for."""
    found = []
    for name, text, limit in (("resnet50", "ResNet50", 1), ("llama-7b", "6.7 billion weights", 16)):
        for call, without, what in (
            ("rank_tensors", 0, "rank_tensors"),
            ("profile_create_many", 1, "profile_create_many, beyond the profiles"),
        ):
            measured = [
                (record["heap"] - without * record["kept"]) / MIB
                for record in results["memory"]
                if (record["set"], record["call"]) == (name, call)
            ]
            found.append(target(f"peak extra memory, {text}, {what}", limit, measured, unit="MiB"))
    return found


def pairwise_targets(results: dict) -> list[dict | None]:
    """Return the rate of pairwise cosines over that of dsyrk at the best core type."""
    found = []
    for record in results["pairwise"]:
        best = [
            other
            for other in results["pairwise"]
            if (other["filters"], other["elements"], other["threads"])
            == (record["filters"], record["elements"], record["threads"])
        ][-1]
        shares = [best["syrk"]["median"] / record["cosine"]["median"]]
        what = (
            f"pairwise cosine, BLAS {record['blas']}, {threads_text(record['threads'])}, over the best dsyrk"
        )
        found.append(target(what, 0.9, shares, at_least=True))
    return found


def evaluate(results: dict) -> list[dict]:
    """Return all aims that the results tell about; those on time hold for the most threads."""
    threads = max(results["settings"]["threads"])
    found = [
        *floor_targets(results, threads),
        *dtype_targets(results, threads),
        *contender_targets(results, threads),
        *growth_targets(results),
        *memory_targets(results),
        *pairwise_targets(results),
    ]
    return [one for one in found if one is not None]
