# SPDX-License-Identifier: BSD-3-Clause
"""The pretrained networks that are fine-tuned: what they were trained on, and what they want to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors.torch import load_file
from torch import Tensor

from kldsel_study import places
from kldsel_study.chain import Chain
from kldsel_study.networks import darknet, families, inception, mobilenet, resnet, squeezenet, vgg

Build = Callable[[Mapping[str, Tensor]], Chain]


@dataclass(frozen=True)
class Source:
    """A pretrained network."""

    name: str
    file: str
    """Of its weights."""
    build: Build
    dataset: str
    """What it was trained on; never a target of it."""
    size: int
    """Pixels of an image's side. Networks trained on 224 see less here, which a processor can afford."""
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of the pixels from 0 to 1, as in its training."""
    rates: tuple[float, ...]
    """The learning rates that every choice of layers is tried with."""
    channels_last: bool = True
    """Whether channels lie beside each other in memory while it trains, which is faster and rounds otherwise."""
    origin: Literal["data", "bundled", "trained", "converted"] = "data"
    """Whether the weights are in the folder $KLDSEL_STUDY_DATA, part of the repository, made by `pretrain`, or
    fetched and converted by a script."""

    def path(self) -> Path:
        """The file of its weights; FileNotFoundError says where it may be had."""
        path = _PLACES[self.origin](self.file)
        if self.origin in _MAKERS and not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; `{_MAKERS[self.origin]}` makes it")
        return path

    def load(self) -> Chain:
        """The network with its pretrained weights, in evaluation mode."""
        chain = self.build(load_file(self.path()))
        chain.new_head(1)
        return chain.eval()


_PLACES = {
    "data": places.data,
    "bundled": places.bundled,
    "trained": places.trained,
    "converted": places.converted,
}
_MAKERS = {"trained": "scripts/study.sh pretrain", "converted": "scripts/fetch-inception.sh"}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
_NORMALISED = (0.01, 0.03, 0.1, 0.3, 1.0)
# Where features are large, a step moves them further.
_SMALL = (0.001, 0.003, 0.01, 0.03, 0.1)
_SMALLEST = (0.00003, 0.0001, 0.0003, 0.001, 0.003)

SOURCES: dict[str, Source] = {
    one.name: one
    for one in (
        Source("resnet20", "resnet20_cifar10.safetensors", resnet.build, "cifar10", 32, 3, *_IMAGENET, _NORMALISED,
               channels_last=False),
        Source("resnet32", "resnet32_cifar10.safetensors", resnet.build, "cifar10", 32, 3, *_IMAGENET, _NORMALISED),
        Source("squeezenet", "squeezenet1_1_imagenet.safetensors", squeezenet.build, "imagenet", 64, 3, *_IMAGENET,
               _SMALLEST),
        Source("tinydarknet", "tinydarknet_imagenet_hwio.safetensors", darknet.build, "imagenet", 64, 3,
               (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), _SMALLEST),
        Source("mobilenetv2", "mobilenetv2_imagenet.safetensors", mobilenet.build, "imagenet", 64, 3, *_IMAGENET,
               _SMALL),
        # Trained on ImageNet, then to tell drawings and photographs apart; its pixels from 0 to 1.
        Source("inceptionv3", "inception_v3.safetensors", inception.build, "imagenet", 75, 3,
               (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), _NORMALISED, origin="converted"),
        Source("fashion_vgg", "fashion_vgg.safetensors", vgg.build, "fashion", 28, 1, (0.2860,), (0.3530,),
               _NORMALISED, channels_last=False, origin="bundled"),
        *(
            Source(name, f"{name}.safetensors", families.filled(make), "cifar10", 32, 3, *_CIFAR, _NORMALISED,
                   origin="trained")
            for name, make in families.FAMILIES.items()
        ),
    )
}  # fmt: skip
