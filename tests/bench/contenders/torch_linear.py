# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch with the linear-time algebra of docs/method.md: the library's own formula as a script."""

import torch
from torch_layers import SIGNS, divergence, info, load, matrix, ranked, set_threads

__all__ = ["info", "load", "run", "set_threads"]


@torch.inference_mode()
def run(layers: list[torch.Tensor], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers by all six methods."""
    scores = {f"{measure}-{sign}": [] for measure in ("cosine", "kl") for sign in SIGNS}
    for layer in layers:
        weights = matrix(layer, precision)
        parts = [weights.clamp(min=0), weights.clamp(max=0)]
        norms = [torch.linalg.vector_norm(part, dim=1) for part in parts]
        inverse = [torch.where(norm > 0, 1 / norm, 0) for norm in norms]
        sums = [scale @ part for scale, part in zip(inverse, parts)]
        for sign, x, y in zip(SIGNS, (0, 1, 0), (0, 1, 1)):
            diagonal = (norms[x] > 0).to(weights.dtype) if x == y else 0
            profile = (inverse[x] * (parts[x] @ sums[y]) - diagonal) / (len(weights) - 1)
            scores[f"cosine-{sign}"].append(profile.mean())
            scores[f"kl-{sign}"].append(divergence(profile))
    return ranked(scores)
