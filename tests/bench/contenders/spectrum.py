# SPDX-License-Identifier: BSD-3-Clause
"""Spectrum's method (arXiv 2406.06623), written from its definition as there is no package of it.

Singular values above the edge that noise would have by Marchenko and Pastur are signal, the others noise; a
layer's score is their ratio over the largest singular value. Not one of the six methods: another scan.
"""

import math

import torch
from torch_layers import info, load, set_threads

__all__ = ["info", "load", "run", "set_threads"]

# A normal distribution's interquartile range over its standard deviation.
NORMAL_IQR = 1.349


@torch.inference_mode()
def run(layers: list[torch.Tensor], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers; in f32 whatever the precision, as its authors do."""
    del precision
    scores = []
    for layer in layers:
        values = torch.linalg.svdvals(layer.float())
        low, high = torch.quantile(values, torch.tensor([0.25, 0.75]))
        ratio = min(layer.shape) / max(layer.shape)
        edge = (high - low) / NORMAL_IQR * (1 + math.sqrt(ratio))
        signal = values[values > edge].sum()
        noise = values[values <= edge].sum()
        scores.append(float(signal / noise / values[0]))
    return {"signal-to-noise": sorted(scores, reverse=True)}
