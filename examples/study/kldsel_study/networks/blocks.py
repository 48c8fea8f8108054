# SPDX-License-Identifier: BSD-3-Clause
"""What the networks have in common."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn


def convolution(inputs: int, filters: int, size: int, stride: int = 1, **options: int | bool) -> nn.Conv2d:
    """A convolution whose output has the input's size over the stride; without bias unless asked for."""
    return nn.Conv2d(inputs, filters, size, stride, padding=size // 2, **{"bias": False, **options})  # type: ignore[arg-type]


def normalised(
    inputs: int, filters: int, size: int | tuple[int, int], stride: int = 1, *, same: bool = True, eps: float = 1e-5
) -> nn.Sequential:
    """A convolution, batch normalisation, ReLU; without `same` the maps lose their border."""
    height, width = size if isinstance(size, tuple) else (size, size)
    padding = (height // 2, width // 2) if same else (0, 0)
    conv = nn.Conv2d(inputs, filters, (height, width), stride, padding, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(filters, eps=eps), relu=nn.ReLU()))


def load_by_position(module: nn.Module, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    """Fills a module's parameters and buffers, `names` telling each one's name in the file.

    Everything must be filled but the counters of batch normalisation, and everything must fit.
    """
    wanted = [name for name in module.state_dict() if not name.endswith("num_batches_tracked")]
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise ValueError(f"no tensor of the file is for {', '.join(missing)}")
    state = {name: tensors[names[name]] for name in wanted}
    module.load_state_dict(state, strict=False)
