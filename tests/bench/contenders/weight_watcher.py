# SPDX-License-Identifier: BSD-3-Clause
"""WeightWatcher's analyze(): a power law fitted to each layer's eigenvalues.

Not one of the six methods: another scan of weights.
"""

import logging

import torch
import torch_layers
import weightwatcher
from torch_layers import load, set_threads

__all__ = ["info", "load", "run", "set_threads"]

logging.disable(logging.CRITICAL)


def info() -> dict:
    """Return versions and the BLAS."""
    found = torch_layers.info()
    found["versions"]["weightwatcher"] = weightwatcher.__version__
    return found


def run(layers: list[torch.Tensor], precision: str) -> dict[str, list[float]]:
    """Analyse a model of dense layers with these weights, f32 as the package has it."""
    del precision
    model = torch.nn.Sequential()
    for layer in layers:
        outputs, inputs = layer.shape
        dense = torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs, bias=False)
        dense.weight = torch.nn.Parameter(layer.float(), requires_grad=False)
        model.append(dense)
    details = weightwatcher.WeightWatcher(model=model).analyze()
    if len(details) != len(layers):
        raise SystemExit(f"WeightWatcher analysed {len(details)} of {len(layers)} layers")
    return {"alpha": details["alpha"].tolist()}
