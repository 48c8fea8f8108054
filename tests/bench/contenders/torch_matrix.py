# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch with similarity matrices: normalize, multiply, softmax."""

import torch
from torch.nn.functional import normalize
from torch_layers import SIGNS, divergence, info, load, matrix, ranked, set_threads

__all__ = ["info", "load", "run", "set_threads"]


@torch.inference_mode()
def run(layers: list[torch.Tensor], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers by all six methods."""
    scores = {f"{measure}-{sign}": [] for measure in ("cosine", "kl") for sign in SIGNS}
    for layer in layers:
        weights = matrix(layer, precision)
        positive, negative = normalize(weights.clamp(min=0)), normalize(weights.clamp(max=0))
        for sign, x, y in zip(SIGNS, (positive, negative, positive), (positive, negative, negative)):
            cosines = x @ y.T
            profile = (cosines.sum(dim=1) - cosines.diagonal()) / (len(x) - 1)
            scores[f"cosine-{sign}"].append(profile.mean())
            scores[f"kl-{sign}"].append(divergence(profile))
    return ranked(scores)
