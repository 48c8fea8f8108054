# SPDX-License-Identifier: BSD-3-Clause
"""The small VGG of examples/models, trained on Fashion-MNIST by examples/train-fashion-vgg."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from kldsel_study.chain import Chain
from kldsel_study.networks.blocks import convolution, load_by_position

# The place of each convolution in the file's names; a pooling follows those marked.
_LAYERS = ((0, False), (3, True), (7, False), (10, True), (14, False), (17, False), (20, True), (24, False),
           (27, False), (30, False))  # fmt: skip


def build(tensors: Mapping[str, Tensor]) -> Chain:
    """The network whose tensors these are: `features.0.weight` and so on."""
    steps: list[nn.Module] = []
    filters = 1
    for place, pool in _LAYERS:
        weight = tensors[f"features.{place}.weight"]
        filters = weight.shape[0]
        layer = convolution(weight.shape[1], filters, 3, bias=True)
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=layer, bn=nn.BatchNorm2d(filters), relu=nn.ReLU())
        if pool:
            parts["pool"] = nn.MaxPool2d(2)
        steps.append(nn.Sequential(parts))
        wanted = [name for name in steps[-1].state_dict() if not name.endswith("num_batches_tracked")]
        own = {name: f"features.{place + int(name.startswith('bn'))}.{name.split('.')[1]}" for name in wanted}
        load_by_position(steps[-1], tensors, own)
    return Chain(steps, filters)
