# SPDX-License-Identifier: BSD-3-Clause
"""SqueezeNet 1.1 without its classifier, a 1 x 1 convolution to ImageNet's classes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from kldsel_study.chain import Chain

# Squeezing filters and half of the expanding ones, per fire module; a pooling before those marked.
_FIRES = ((16, 64, True), (16, 64, False), (32, 128, True), (32, 128, False),
          (48, 192, True), (48, 192, False), (64, 256, False), (64, 256, False))  # fmt: skip


class Fire(nn.Module):
    """A 1 x 1 convolution to few channels, then 1 x 1 and 3 x 3 ones side by side."""

    def __init__(self, inputs: int, squeeze: int, expand: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 2 * expand, H, W), halved first if there is a pooling."""
        if self.pool:
            maps = functional.max_pool2d(maps, 3, 2, ceil_mode=True)
        narrow = functional.relu(self.squeeze(maps))
        return functional.relu(torch.cat((self.expand1(narrow), self.expand3(narrow)), dim=1))


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are, named `squeezenet0_conv0_weight` and so on in network order."""
    steps: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, 64, 3, 2), nn.ReLU())]
    inputs = 64
    for squeeze, expand, pool in _FIRES:
        steps.append(Fire(inputs, squeeze, expand, pool))
        inputs = 2 * expand
    chain = Chain(steps, inputs)
    for at, layer in enumerate(one for one in chain.modules() if isinstance(one, nn.Conv2d)):
        part = {name: tensors[f"squeezenet0_conv{at}_{name}"] for name in ("weight", "bias")}
        layer.load_state_dict(part)
    return chain
