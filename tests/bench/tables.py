# SPDX-License-Identifier: BSD-3-Clause
"""Results as tables of plain text."""


def table(title: str, head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return an aligned table; the first so many columns to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(["", title, *("  " + line for line in lines)])


def milliseconds(seconds: float) -> str:
    """Return three significant digits, no less than a hundredth."""
    value = 1e3 * seconds
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def quartiles(seconds: dict) -> str:
    """Return the middle half of the measurements."""
    return f"{milliseconds(seconds['q1'])} - {milliseconds(seconds['q3'])}"


def methods(count: int) -> str:
    """Return what so many methods are."""
    return {3: "cosine", 6: "six"}[count]


def head(results: dict) -> str:
    """Return machine and versions."""
    computer, blas = results["machine"], results["blas"]
    lines = [
        f"{computer['processor']}, {computer['cores']} cores, {', '.join(computer['caches'])}, "
        f"{computer['memory_gib']} GiB; {computer['system']}",
        results["library"]["build"],
    ]
    if blas:
        tried = ", ".join(f"{core} {rate:.0f}" for core, rate in blas["tried"].items())
        lines.append(
            f"OpenBLAS as shipped: {blas['shipped']['core']}, best: {blas['best']['core']}; "
            f"Gflop/s of dsyrk, one thread: {tried}"
        )
    return "\n".join(lines)


def floor(records: list[dict], source: str) -> str:
    """Return times over reading once; source is where the weights come from."""
    rows = [
        [
            record["set"],
            record["dtype"],
            record["layout"],
            methods(record["methods"]),
            str(record["threads"]),
            milliseconds(record["seconds"]["median"]),
            quartiles(record["seconds"]),
            milliseconds(record["floor"]["median"]),
            quartiles(record["floor"]),
            f"{record['ratio']['median']:.2f}",
            f"{record['ratio']['q1']:.2f} - {record['ratio']['q3']:.2f}",
        ]
        for record in records
    ]
    return table(
        f"From weights to rankings, and reading the weights once, {source}; ms, medians and quartiles",
        [
            "layers",
            "dtype",
            "layout",
            "methods",
            "threads",
            "time",
            "q1 - q3",
            "reading",
            "q1 - q3",
            "ratio",
            "q1 - q3",
        ],
        rows,
        4,
    )


def growth(records: list[dict]) -> str:
    """Return the exponents."""
    rows = [
        [
            record["what"],
            f"{record['points'][0][0]} - {record['points'][-1][0]}",
            f"{milliseconds(record['points'][0][1])} - {milliseconds(record['points'][-1][1])}",
            f"{record['exponent']:.3f}",
            f"{record['error']:.3f}",
        ]
        for record in records
    ]
    return table(
        "Growth: processor time ~ size ^ exponent, one thread",
        ["in", "from - to", "ms", "exponent", "error"],
        rows,
    )


def memory(records: list[dict]) -> str:
    """Return peak memory."""
    rows = [
        [
            record["set"],
            record["call"],
            str(record["threads"]),
            f"{record['bytes'] / 2**20:.0f}",
            f"{record['heap'] / 2**20:.3f}",
            f"{record['kept'] / 2**20:.3f}",
            f"{record['resident'] / 2**20:.2f}",
        ]
        for record in records
    ]
    return table(
        "Most memory beyond the weights, MiB: asked for by the library; kept by its results; resident",
        ["layers", "call", "threads", "weights", "asked for", "kept", "resident"],
        rows,
        2,
    )


def pairwise(records: list[dict]) -> str:
    """Return pairwise cosines and dsyrk."""
    rows = [
        [
            f"{record['filters']} x {record['elements']}",
            f"{record['blas']}: {record['core']}",
            str(record["threads"]),
            milliseconds(record["cosine"]["median"]),
            quartiles(record["cosine"]),
            milliseconds(record["syrk"]["median"]),
            quartiles(record["syrk"]),
        ]
        for record in records
    ]
    return table(
        "Pairwise cosine, f32 weights, and OpenBLAS's dsyrk on f64; ms",
        ["filters", "BLAS", "threads", "cosine", "q1 - q3", "dsyrk", "q1 - q3"],
        rows,
        2,
    )


def contenders(records: list[dict]) -> str:
    """Return the contenders on one network, by thread count."""
    rows = []
    for record in records:
        own = next(
            one for one in records if one["contender"] == "libkldsel" and one["threads"] == record["threads"]
        )["seconds"]["median"]
        agreement = record["agreement"]
        rows.append(
            [
                record["contender"],
                record["precision"],
                f"{record['blas']}: {record['core']}" if record["blas"] else "",
                str(record["threads"]),
                str(record["seconds"]["n"]),
                milliseconds(record["seconds"]["median"]),
                quartiles(record["seconds"]),
                f"{record['seconds']['median'] / own:.1f}",
                "" if agreement is None else "yes" if agreement["agrees"] else "NO",
                "" if agreement is None else f"{agreement['largest_difference']:.1g}",
            ]
        )
    return table(
        f"Six methods, {records[0]['network']}; ms, medians and quartiles",
        [
            "contender",
            "precision",
            "BLAS",
            "threads",
            "runs",
            "time",
            "q1 - q3",
            "times ours",
            "agrees",
            "off by",
        ],
        rows,
        3,
    )


def scans(records: list[dict]) -> str:
    """Return the singular-value scans."""
    rows = []
    for record in records:
        own = next(
            one for one in records if one["contender"] == "libkldsel" and one["network"] == record["network"]
        )["seconds"]["median"]
        rows.append(
            [
                record["network"],
                record["contender"],
                str(record["threads"]),
                str(record["seconds"]["n"]),
                milliseconds(record["seconds"]["median"]),
                f"{record['seconds']['median'] / own:.0f}",
            ]
        )
    return table(
        "Other scans of dense layers, which answer other questions; ms",
        ["layers", "scan", "threads", "runs", "time", "times ours"],
        rows,
        2,
    )


def figure(value: float, unit: str) -> str:
    """Return a number of an aim with its unit."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} {unit}".rstrip()


def targets(records: list[dict]) -> str:
    """Return the aims."""
    rows = [
        [
            record["what"],
            ("at least " if record["at_least"] else "at most ") + figure(record["limit"], record["unit"]),
            figure(record["measured"], record["unit"]),
            "met" if record["met"] else "not met",
        ]
        for record in records
    ]
    return table("Aims", ["what", "aim", "measured", ""], rows)
