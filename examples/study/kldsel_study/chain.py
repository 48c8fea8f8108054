# SPDX-License-Identifier: BSD-3-Clause
"""A network as steps in a row, so that what lies below a step can be computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """Global average pooling: (N, C, H, W) to (N, C)."""

    def forward(self, maps: Tensor) -> Tensor:
        """The mean over the pixels."""
        return maps.mean(dim=(2, 3))


class Chain(nn.Module):
    """Steps, average pooling as the last of them, and a dense head on the features."""

    def __init__(self, steps: Sequence[nn.Module], features: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList([*steps, Average()])
        self.features = features
        self.head = nn.Linear(features, 1)

    def new_head(self, classes: int) -> None:
        """A head of zeros: it needs no seed, and favours no class."""
        self.head = nn.Linear(self.features, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs: Tensor, first: int = 0) -> Tensor:
        """Class scores of what goes into step `first`: images if it is 0, features after the last."""
        for step in self.steps[first:]:
            inputs = step(inputs)
        logits: Tensor = self.head(inputs)
        return logits

    def layers(self) -> list[str]:
        """Names of the convolutions' weights in network order."""
        return [f"{name}.weight" for name, one in self.named_modules() if isinstance(one, nn.Conv2d)]

    def cut(self, layers: Sequence[str]) -> int:
        """The step below which everything is frozen if these weights and the head are trained."""
        return min((int(name.split(".")[1]) for name in layers), default=len(self.steps))


def inputs_of_steps(chain: Chain, images: Tensor, batch: int = 250) -> list[Tensor]:
    """What goes into each step, and last into the head, for all images; the network as it is now."""
    parts: list[list[Tensor]] = [[] for _ in range(len(chain.steps) + 1)]
    with torch.no_grad():
        for piece in images.split(batch):
            now = piece
            parts[0].append(now)
            for at, step in enumerate(chain.steps):
                now = step(now)
                parts[at + 1].append(now)
    return [torch.cat(one) for one in parts]


def inputs_of_step(chain: Chain, images: Tensor, at: int, batch: int = 250) -> Tensor:
    """What goes into step `at` for all images, or into the head if `at` is the number of steps."""

    def below(piece: Tensor) -> Tensor:
        for step in chain.steps[:at]:
            piece = step(piece)
        return piece

    with torch.no_grad():
        return torch.cat([below(piece) for piece in images.split(batch)]) if at > 0 else images
