# SPDX-License-Identifier: BSD-3-Clause
"""The residual networks for CIFAR of He et al. 2015, with shortcuts that have no parameters (option A)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import convolution, load_by_position


class Block(nn.Module):
    """Two convolutions; the shortcut leaves out pixels and adds channels of zeros where the size changes."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, filters, 3, stride)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = convolution(filters, filters, 3)
        self.bn2 = nn.BatchNorm2d(filters)
        self.stride = stride
        self.new = filters - inputs

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, filters, H / stride, W / stride)."""
        inner = functional.relu(self.bn1(self.conv1(maps)))
        inner = self.bn2(self.conv2(inner))
        if self.new:
            maps = maps[:, :, :: self.stride, :: self.stride]
            maps = functional.pad(maps, (0, 0, 0, 0, self.new // 2, self.new - self.new // 2))
        return functional.relu(inner + maps)


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are, named as in PyTorch: `layer1.0.conv1.weight`."""
    blocks = len({name.split(".")[1] for name in tensors if name.startswith("layer1.")})
    first = OrderedDict(conv1=convolution(3, 16, 3), bn1=nn.BatchNorm2d(16), relu=nn.ReLU())
    steps: list[nn.Module] = [nn.Sequential(first)]
    prefixes = [""]
    inputs = 16
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(blocks):
            steps.append(Block(inputs, filters, 2 if stage > 1 and block == 0 else 1))
            prefixes.append(f"layer{stage}.{block}.")
            inputs = filters
    chain = Chain(steps, inputs)
    names = {
        name: prefixes[int(name.split(".")[1])] + name.split(".", 2)[2]
        for name in chain.steps.state_dict(prefix="steps.")
    }
    load_by_position(chain.steps, tensors, {name.removeprefix("steps."): own for name, own in names.items()})
    return chain
