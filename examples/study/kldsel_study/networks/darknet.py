# SPDX-License-Identifier: BSD-3-Clause
"""Tiny Darknet without its classifier: 3 x 3 and 1 x 1 convolutions in turn, as Keras wrote it (HWIO)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import convolution

# Filters and size of each convolution, and whether a pooling follows.
_LAYERS = ((16, 3, True), (32, 3, True), (16, 1, False), (128, 3, False), (16, 1, False), (128, 3, True),
           (32, 1, False), (256, 3, False), (32, 1, False), (256, 3, True), (64, 1, False), (512, 3, False),
           (64, 1, False), (512, 3, False), (128, 1, False))  # fmt: skip
_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are: `conv2d_1.kernel`, `batch_normalization_1.gamma` and so on."""
    steps: list[nn.Module] = []
    inputs = 3
    for at, (filters, size, pool) in enumerate(_LAYERS, start=1):
        layer = convolution(inputs, filters, size)
        norm = nn.BatchNorm2d(filters, eps=1e-3)
        layer.load_state_dict({"weight": tensors[f"conv2d_{at}.kernel"].permute(3, 2, 0, 1).contiguous()})
        state = {own: tensors[f"batch_normalization_{at}.{name}"] for own, name in _BATCH_NORM.items()}
        norm.load_state_dict(state, strict=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=layer, bn=norm, relu=nn.LeakyReLU(0.1))
        if pool:
            parts["pool"] = nn.MaxPool2d(2)
        steps.append(nn.Sequential(parts))
        inputs = filters
    return Chain(steps, inputs)
