# SPDX-License-Identifier: BSD-3-Clause
"""The four families of the paper - VGG, ResNet, Inception, DenseNet - at a size that a processor trains in minutes.

Each keeps what makes its family: VGG16's thirteen 3 x 3 convolutions and five poolings; ResNet50's bottlenecks with
1 x 1 shortcuts; Inception's four branches, one of them factorised; DenseNet169's 1 x 1 and 3 x 3 convolutions whose
results are added to what all others see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import convolution, normalised

# Filters of each convolution, and whether a pooling follows.
_VGG = ((12, False), (12, True), (24, False), (24, True), (48, False), (48, False), (48, True),
        (64, False), (64, False), (64, True), (64, False), (64, False), (64, True))  # fmt: skip
# Filters of the 3 x 3 convolution of each bottleneck, and the stride of the first of two.
_BOTTLENECKS = ((16, 1), (32, 2), (64, 2))
_EXPANSION = 4
_GROWTH = 12
_DENSE_LAYERS = 3


def _stem(filters: int) -> nn.Sequential:
    """The first convolution, at full size, and a pooling."""
    return nn.Sequential(OrderedDict(layer=normalised(3, filters, 3), pool=nn.MaxPool2d(2)))


def vgg() -> Chain:
    """Thirteen convolutions in a row."""
    steps: list[nn.Module] = []
    inputs = 3
    for filters, pool in _VGG:
        step = normalised(inputs, filters, 3)
        if pool:
            step.add_module("pool", nn.MaxPool2d(2))
        steps.append(step)
        inputs = filters
    return Chain(steps, inputs)


class Bottleneck(nn.Module):
    """Narrower, 3 x 3, wider; a 1 x 1 convolution on the shortcut where the shape changes."""

    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        wide = _EXPANSION * filters
        self.narrow = normalised(inputs, filters, 1)
        self.middle = normalised(filters, filters, 3, stride)
        self.widen = nn.Sequential(OrderedDict(conv=convolution(filters, wide, 1), bn=nn.BatchNorm2d(wide)))
        self.shortcut: nn.Module = nn.Identity()
        if inputs != wide or stride > 1:
            self.shortcut = nn.Sequential(
                OrderedDict(conv=convolution(inputs, wide, 1, stride), bn=nn.BatchNorm2d(wide))
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 4 * filters, H / stride, W / stride)."""
        return functional.relu(self.widen(self.middle(self.narrow(maps))) + self.shortcut(maps))


def resnet() -> Chain:
    """Three stages of two bottlenecks."""
    steps: list[nn.Module] = [_stem(16)]
    inputs = 16
    for filters, stride in _BOTTLENECKS:
        steps += [Bottleneck(inputs, filters, stride), Bottleneck(_EXPANSION * filters, filters, 1)]
        inputs = _EXPANSION * filters
    return Chain(steps, inputs)


class Mixed(nn.Module):
    """Four branches side by side: 1 x 1; 3 x 3; a larger one in two; pooled."""

    def __init__(self, inputs: int, filters: int, larger: tuple[tuple[int, int], tuple[int, int]]) -> None:
        super().__init__()
        narrow = filters // 2
        self.single = normalised(inputs, filters, 1)
        self.square = nn.Sequential(normalised(inputs, narrow, 1), normalised(narrow, filters, 3))
        self.large = nn.Sequential(
            normalised(inputs, narrow, 1),
            normalised(narrow, narrow, larger[0]),
            normalised(narrow, filters, larger[1]),
        )
        self.pooled = nn.Sequential(nn.AvgPool2d(3, 1, 1), normalised(inputs, narrow, 1))

    @property
    def filters(self) -> int:
        """Of all branches together."""
        last = [one for one in self.modules() if isinstance(one, nn.Conv2d)]
        return sum(last[at].out_channels for at in (0, 2, 5, 6))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, filters, H, W)."""
        return torch.cat([self.single(maps), self.square(maps), self.large(maps), self.pooled(maps)], dim=1)


def inception() -> Chain:
    """Three modules: two 3 x 3 in a row for a 5 x 5, then 1 x n and n x 1 for an n x n."""
    steps: list[nn.Module] = [_stem(24)]
    inputs = 24
    for at, (filters, larger) in enumerate(((24, (3, 3)), (40, (1, 5)), (64, (1, 3)))):
        sides = ((3, 3), (3, 3)) if larger == (3, 3) else (larger, (larger[1], larger[0]))
        mixed = Mixed(inputs, filters, sides)
        steps.append(mixed if at == 0 else nn.Sequential(OrderedDict(pool=nn.MaxPool2d(2), mixed=mixed)))
        inputs = mixed.filters
    return Chain(steps, inputs)


class Dense(nn.Module):
    """Batch normalisation and ReLU before each of two convolutions; the result is put beside the input."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        wide = 4 * _GROWTH
        self.inner = nn.Sequential(
            OrderedDict(bn1=nn.BatchNorm2d(inputs), relu1=nn.ReLU(), conv1=convolution(inputs, wide, 1),
                        bn2=nn.BatchNorm2d(wide), relu2=nn.ReLU(), conv2=convolution(wide, _GROWTH, 3))
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, inputs + growth, H, W)."""
        return torch.cat([maps, self.inner(maps)], dim=1)


def densenet() -> Chain:
    """Three blocks of three layers, and what halves channels and size between them."""
    channels = 2 * _GROWTH
    steps: list[nn.Module] = [nn.Sequential(OrderedDict(conv=convolution(3, channels, 3), pool=nn.MaxPool2d(2)))]
    for block in range(3):
        for _ in range(_DENSE_LAYERS):
            steps.append(Dense(channels))
            channels += _GROWTH
        if block < 2:
            narrow = convolution(channels, channels // 2, 1)
            steps.append(
                nn.Sequential(
                    OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU(), conv=narrow, pool=nn.AvgPool2d(2))
                )
            )
            channels //= 2
    steps.append(nn.Sequential(OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU())))
    return Chain(steps, channels)


FAMILIES: dict[str, Callable[[], Chain]] = {
    "cifar_vgg": vgg,
    "cifar_resnet": resnet,
    "cifar_inception": inception,
    "cifar_densenet": densenet,
}


def filled(make: Callable[[], Chain]) -> Callable[[Mapping[str, Tensor]], Chain]:
    """A network of these with weights that `kldsel_study.pretrain` wrote."""

    def build(tensors: Mapping[str, Tensor]) -> Chain:
        chain = make()
        chain.new_head(len(tensors["head.bias"]))
        chain.load_state_dict(dict(tensors))
        return chain

    return build
