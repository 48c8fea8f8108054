# SPDX-License-Identifier: BSD-3-Clause
"""From a data set's bytes to what a network wants to see."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kldsel_study.networks import Source

_GREY = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601


def prepare(images: NDArray[np.uint8], source: Source) -> Tensor:
    """(N, H, W, C) from 0 to 255 to (N, channels, size, size), normalised as the network was trained.

    A few pixels are padded with black, more are interpolated.
    """
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255
    if pixels.shape[1] == 1 and source.channels == 3:
        pixels = pixels.expand(-1, 3, -1, -1)
    elif pixels.shape[1] == 3 and source.channels == 1:
        pixels = torch.einsum("nchw,c->nhw", pixels, _GREY).unsqueeze(1)
    lack = source.size - pixels.shape[-1]
    if 0 < lack <= 4 and lack % 2 == 0:
        pixels = functional.pad(pixels, [lack // 2] * 4)
    elif lack:
        pixels = functional.interpolate(
            pixels, size=(source.size, source.size), mode="bilinear", align_corners=False, antialias=lack < 0
        )
    mean, std = (torch.tensor(one).view(1, -1, 1, 1) for one in (source.mean, source.std))
    return ((pixels - mean) / std).contiguous()
