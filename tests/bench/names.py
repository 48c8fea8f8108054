# SPDX-License-Identifier: BSD-3-Clause
"""What people call the sets of layers."""

NAMES = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "inception-v3": "InceptionV3",
    "densenet169": "DenseNet169",
    "mobilenet-v2": "MobileNetV2",
    "vit-b16-block": "ViT-B/16, one block",
    "vit-b16": "ViT-B/16",
    "llama-7b-block": "Llama-7B, one block",
    "llama-7b-matrix": "Llama-7B, one 4096 x 4096 matrix",
    "llama-7b": "Llama-7B",
    "24 x resnet50": "24 x ResNet50",
}


def set_name(key: str) -> str:
    """Return a layer set's name for people."""
    return NAMES.get(key, key)
