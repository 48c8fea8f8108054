# SPDX-License-Identifier: BSD-3-Clause
"""What is kept of repeated measurements: medians and their spread."""

import math
import statistics


def spread(values: list[float]) -> dict:
    """Return count, median, quartiles and extremes."""
    if len(values) > 1:
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    else:
        low = median = high = values[0]
    return {"n": len(values), "median": median, "q1": low, "q3": high, "min": min(values), "max": max(values)}


def slope(points: list[tuple[float, float]]) -> dict:
    """Fit a power law by least squares on logarithms; return the exponent and its standard error."""
    x, y = [math.log(point[0]) for point in points], [math.log(point[1]) for point in points]
    exponent, offset = statistics.linear_regression(x, y)
    residual = sum((b - exponent * a - offset) ** 2 for a, b in zip(x, y))
    mean = statistics.fmean(x)
    error = math.sqrt(residual / (len(x) - 2) / sum((a - mean) ** 2 for a in x))
    return {"exponent": exponent, "error": error, "factor": math.exp(offset)}
