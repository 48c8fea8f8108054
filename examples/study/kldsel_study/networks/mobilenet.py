# SPDX-License-Identifier: BSD-3-Clause
"""MobileNetV2 1.0 without a classifier: depthwise convolutions between 1 x 1 ones."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import convolution

# Filters and stride of each bottleneck.
_BOTTLENECKS = ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1),
                (96, 1), (96, 1), (96, 1), (160, 2), (160, 1), (160, 1), (320, 1))  # fmt: skip
_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "running_mean",
    "running_var": "running_var",
}


def _normalised(layer: nn.Conv2d, active: bool) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(layer.out_channels), *((nn.ReLU6(),) if active else ())]


class Bottleneck(nn.Module):
    """Wider, depthwise, narrower; the input is added where the shape allows."""

    def __init__(self, inputs: int, wide: int, filters: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *_normalised(convolution(inputs, wide, 1), active=True),
            *_normalised(convolution(wide, wide, 3, stride, groups=wide), active=True),
            *_normalised(convolution(wide, filters, 1), active=False),
        )
        self.add = stride == 1 and inputs == filters

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, filters, H / stride, W / stride)."""
        inner: Tensor = self.inner(maps)
        return maps + inner if self.add else inner


def _fill(step: nn.Module, tensors: Mapping[str, Tensor], prefix: str, first: int = 0) -> None:
    """Convolutions and batch normalisations are numbered in their order, each on its own."""
    convolutions = [one for one in step.modules() if isinstance(one, nn.Conv2d)]
    norms = [one for one in step.modules() if isinstance(one, nn.BatchNorm2d)]
    for at, (layer, norm) in enumerate(zip(convolutions, norms, strict=True), start=first):
        layer.load_state_dict({"weight": tensors[f"{prefix}conv{at}_weight"]})
        state = {own: tensors[f"{prefix}batchnorm{at}_{name}"] for own, name in _BATCH_NORM.items()}
        norm.load_state_dict(state, strict=False)


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are: `mobilenetv20_features_linearbottleneck0_conv0_weight`."""
    name = "mobilenetv20_features_"
    steps: list[nn.Module] = [nn.Sequential(*_normalised(convolution(3, 32, 3, 2), active=True))]
    _fill(steps[0], tensors, name)
    inputs = 32
    for at, (filters, stride) in enumerate(_BOTTLENECKS):
        wide = tensors[f"{name}linearbottleneck{at}_conv0_weight"].shape[0]
        steps.append(Bottleneck(inputs, wide, filters, stride))
        _fill(steps[-1], tensors, f"{name}linearbottleneck{at}_")
        inputs = filters
    steps.append(nn.Sequential(*_normalised(convolution(inputs, 1280, 1), active=True)))
    _fill(steps[-1], tensors, name, first=1)
    return Chain(steps, 1280)
