# SPDX-License-Identifier: BSD-3-Clause
"""Networks that several tests rank, and the files that they are written to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "examples" / "models"
TRAINED = MODELS / "fashion_vgg.safetensors"
RANDOM = MODELS / "fashion_vgg_random.safetensors"


def kldsel_rank() -> str | None:
    """Path of the program kldsel-rank, if it is built."""
    named = os.environ.get("KLDSEL_RANK")
    built = ROOT / "build" / "examples" / "kldsel-rank" / "kldsel-rank"
    return named or (str(built) if built.is_file() else shutil.which("kldsel-rank"))


def program(*arguments: str) -> bytes:
    """What kldsel-rank prints."""
    name = kldsel_rank()
    assert name is not None
    return subprocess.run([name, *arguments], check=True, stdout=subprocess.PIPE, timeout=120).stdout


def pack(*tensors: tuple[str, str, list[int], bytes], metadata: dict[str, str] | None = None) -> bytes:
    """A safetensors file of such (name, dtype, shape, data)."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, dtype, shape, content in tensors:
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def resnet50() -> Any:
    """A ResNet-50 for images, with random weights: 53 convolutions, 25.6 million parameters."""
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * width)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inputs != 4 * width:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
                )

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    def stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        first = Bottleneck(inputs, width, stride)
        return nn.Sequential(first, *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            self.layer1 = stage(64, 64, 3, 1)
            self.layer2 = stage(256, 128, 4, 2)
            self.layer3 = stage(512, 256, 6, 2)
            self.layer4 = stage(1024, 512, 3, 2)
            self.fc = nn.Linear(2048, 1000)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    torch.manual_seed(0)
    return ResNet()


def torch_zoo() -> Any:
    """A module with every kind of layer that PyTorch has weights for."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    return nn.ModuleDict(
        {
            "conv1d": nn.Conv1d(4, 6, 3),
            "conv2d": nn.Conv2d(4, 6, (3, 2)),
            "conv3d": nn.Conv3d(2, 5, 2),
            "depthwise": nn.Conv2d(4, 8, 3, groups=4),
            "grouped": nn.Conv2d(8, 6, 3, groups=2),
            "transposed": nn.ConvTranspose2d(4, 7, 3),
            "transposed_grouped": nn.ConvTranspose2d(8, 6, 3, groups=2),
            "transposed1d": nn.ConvTranspose1d(4, 3, 2),
            "linear": nn.Linear(5, 4),
            "bilinear": nn.Bilinear(3, 4, 5),
            "lstm": nn.LSTM(3, 4),
            "attention": nn.MultiheadAttention(4, 2),
            "embedding": nn.Embedding(9, 4),
            "norm": nn.BatchNorm2d(4),
            "layernorm": nn.LayerNorm((4, 3)),
        }
    )
