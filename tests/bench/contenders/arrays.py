# SPDX-License-Identifier: BSD-3-Clause
"""What the NumPy contenders share: weights as a NumPy user has them, the BLAS, the names of the methods."""

import numpy
import threadpoolctl

SIGNS = ("positive", "negative", "positive-negative")


def load(path: str, layers: list[list[int]], dtype: str) -> list[numpy.ndarray]:
    """Read a layer set as filter matrices; bf16, which NumPy does not know, stays as 16-bit words."""
    weights = numpy.fromfile(path, dtype={"f32": numpy.float32, "bf16": numpy.uint16}[dtype])
    ends = numpy.cumsum([numpy.prod(shape) for shape in layers])
    return [part.reshape(shape[0], -1) for part, shape in zip(numpy.split(weights, ends[:-1]), layers)]


def matrix(layer: numpy.ndarray, precision: str) -> numpy.ndarray:
    """Return a layer's filter matrix as numbers of the precision to compute in."""
    if layer.dtype == numpy.uint16:
        layer = (layer.astype(numpy.uint32) << 16).view(numpy.float32)
    return layer.astype({"f64": numpy.float64, "f32": numpy.float32}[precision], copy=False)


def ranked(scores: dict[str, list[float]]) -> dict[str, list[float]]:
    """Rank the layers by every method, as all contenders must: cosine high first, kl low first."""
    for method, values in scores.items():
        numpy.argsort(-numpy.array(values) if method.startswith("cosine") else values, kind="stable")
    return scores


def set_threads(count: int) -> None:
    """Use so many threads in every BLAS of this process."""
    threadpoolctl.threadpool_limits(count)


def blas() -> dict:
    """Return the BLAS's name, version and core type."""
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return {"name": "unknown", "version": None, "core": None}
    pool = pools[0]
    return {"name": pool["internal_api"], "version": pool["version"], "core": pool.get("architecture")}
