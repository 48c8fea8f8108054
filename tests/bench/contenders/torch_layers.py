# SPDX-License-Identifier: BSD-3-Clause
"""What the PyTorch contenders share: weights as a PyTorch user has them, and threads."""

import math
import re

import torch

SIGNS = ("positive", "negative", "positive-negative")


def load(path: str, layers: list[list[int]], dtype: str) -> list[torch.Tensor]:
    """Read a layer set as filter matrices."""
    sizes = [math.prod(shape) for shape in layers]
    kind = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    # A copy: the file may go.
    weights = torch.from_file(path, size=sum(sizes), dtype=kind).clone()
    return [part.view(shape[0], -1) for part, shape in zip(weights.split(sizes), layers)]


def matrix(layer: torch.Tensor, precision: str) -> torch.Tensor:
    """Return a layer's filter matrix as numbers of the precision to compute in."""
    return layer.to({"f64": torch.float64, "f32": torch.float32}[precision])


def ranked(scores: dict[str, list[torch.Tensor]]) -> dict[str, list[float]]:
    """Rank the layers by every method: cosine high first, kl low first."""
    results = {}
    for method, values in scores.items():
        stacked = torch.stack(values)
        torch.argsort(stacked, descending=method.startswith("cosine"), stable=True)
        results[method] = stacked.tolist()
    return results


def divergence(profile: torch.Tensor) -> torch.Tensor:
    """Return KL(softmax(profile) || uniform)."""
    logarithms = torch.log_softmax(profile, dim=0)
    return (logarithms.exp() * (logarithms + math.log(len(profile)))).sum()


def set_threads(count: int) -> None:
    """Use so many threads."""
    torch.set_num_threads(count)


def info() -> dict:
    """Return versions and the BLAS."""
    config = torch.__config__.show()
    found = re.search(r"BLAS_INFO=(\w+)", config)
    level = torch.backends.cpu.get_cpu_capability()
    return {
        "versions": {"torch": torch.__version__},
        "blas": {"name": found.group(1) if found else "unknown", "version": None, "core": level},
    }
