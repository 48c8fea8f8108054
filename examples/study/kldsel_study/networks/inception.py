# SPDX-License-Identifier: BSD-3-Clause
"""InceptionV3 without its classifier, as Keras wrote it (HWIO; batch normalisation without factors)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import normalised

Size = tuple[int, int]
# Filters and size of each convolution of a branch, in a row.
Branch = Sequence[tuple[int, Size]]

_1, _3, _5, _1_3, _3_1, _1_7, _7_1 = (1, 1), (3, 3), (5, 5), (1, 3), (3, 1), (1, 7), (7, 1)


_normalised = partial(normalised, eps=1e-3)


def _mean(inputs: int, filters: int) -> nn.Sequential:
    """The mean of the surroundings, in which Keras leaves out what is beyond the border; then a 1 x 1 convolution."""
    mean = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return nn.Sequential(OrderedDict(mean=mean, layer=_normalised(inputs, filters, _1)))


def _branch(inputs: int, layers: Branch, stride: int = 1) -> nn.Sequential:
    """Convolutions in a row; the stride is the last one's, which then loses the border."""
    steps = []
    for at, (filters, size) in enumerate(layers, start=1):
        last = at == len(layers)
        steps.append(_normalised(inputs, filters, size, stride if last else 1, same=not (last and stride > 1)))
        inputs = filters
    return nn.Sequential(*steps)


class Mixed(nn.Module):
    """Branches side by side, and one that pools: by the mean before a 1 x 1 convolution, or by the maximum."""

    def __init__(self, inputs: int, branches: Sequence[Branch], pooled: int) -> None:
        super().__init__()
        stride = 1 if pooled else 2
        self.branches = nn.ModuleList(_branch(inputs, one, stride) for one in branches)
        self.pool = _mean(inputs, pooled) if pooled else nn.MaxPool2d(3, 2)
        self.filters = sum(one[-1][0] for one in branches) + (pooled or inputs)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, filters, H, W), or about half as high and wide."""
        return torch.cat([*(one(maps) for one in self.branches), self.pool(maps)], dim=1)


class Forked(nn.Module):
    """Convolutions in a row, then a 1 x 3 and a 3 x 1 one side by side."""

    def __init__(self, inputs: int, layers: Branch) -> None:
        super().__init__()
        filters = layers[-1][0]
        self.stem = _branch(inputs, layers)
        self.wide = _normalised(filters, 384, _1_3)
        self.high = _normalised(filters, 384, _3_1)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 768, H, W)."""
        stem = self.stem(maps)
        return torch.cat((self.wide(stem), self.high(stem)), dim=1)


class Expanded(nn.Module):
    """The last two modules: 1 x 1, two forks, the mean of the surroundings."""

    filters = 320 + 2 * 768 + 192

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.single = _normalised(inputs, 320, _1)
        self.short = Forked(inputs, [(384, _1)])
        self.long = Forked(inputs, [(448, _1), (384, _3)])
        self.pool = _mean(inputs, 192)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 2048, H, W)."""
        return torch.cat([self.single(maps), self.short(maps), self.long(maps), self.pool(maps)], dim=1)


def _mixed() -> Sequence[tuple[Sequence[Branch], int]]:
    """Branches of the modules but the last two, and the filters beside the pooling, or 0."""
    found: list[tuple[Sequence[Branch], int]] = [
        (([(64, _1)], [(48, _1), (64, _5)], [(64, _1), (96, _3), (96, _3)]), pooled) for pooled in (32, 64, 64)
    ]
    found.append((([(384, _3)], [(64, _1), (96, _3), (96, _3)]), 0))
    for inner in (128, 160, 160, 192):
        twice = [(inner, _1), (inner, _1_7), (192, _7_1)]
        four_times = [(inner, _1), (inner, _7_1), (inner, _1_7), (inner, _7_1), (192, _1_7)]
        found.append((([(192, _1)], twice, four_times), 192))
    found.append((([(192, _1), (320, _3)], [(192, _1), (192, _1_7), (192, _7_1), (192, _3)]), 0))
    return found


def _stem() -> list[nn.Module]:
    pool = nn.MaxPool2d(3, 2)
    return [
        _normalised(3, 32, _3, stride=2, same=False),
        _normalised(32, 32, _3, same=False),
        nn.Sequential(OrderedDict(layer=_normalised(32, 64, _3), pool=pool)),
        _normalised(64, 80, _1, same=False),
        nn.Sequential(OrderedDict(layer=_normalised(80, 192, _3, same=False), pool=pool)),
    ]


def steps() -> list[nn.Module]:
    """The modules in a row, untrained."""
    found = _stem()
    inputs = 192
    for branches, pooled in _mixed():
        mixed = Mixed(inputs, branches, pooled)
        found.append(mixed)
        inputs = mixed.filters
    for _ in range(2):
        found.append(Expanded(inputs))
        inputs = Expanded.filters
    return found


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are: `conv2d_1/kernel`, `batch_normalization_1/beta` and so on."""
    chain = Chain(steps(), Expanded.filters)
    # Numbered from 1 in the order in which the modules are made.
    layers = [one for one in chain.modules() if isinstance(one, nn.Conv2d)]
    norms = [one for one in chain.modules() if isinstance(one, nn.BatchNorm2d)]
    for at, (layer, norm) in enumerate(zip(layers, norms, strict=True), start=1):
        layer.load_state_dict({"weight": tensors[f"conv2d_{at}/kernel"].permute(3, 2, 0, 1).contiguous()})
        state = {
            "bias": tensors[f"batch_normalization_{at}/beta"],
            "running_mean": tensors[f"batch_normalization_{at}/moving_mean"],
            "running_var": tensors[f"batch_normalization_{at}/moving_variance"],
        }
        norm.load_state_dict({"weight": torch.ones_like(norm.weight), **state}, strict=False)
    return chain
