# SPDX-License-Identifier: BSD-3-Clause
"""The trainers' networks in double precision, from what they save."""

import numpy as np

MEAN, DEVIATION = 0.2860, 0.3530  # of Fashion-MNIST's training pixels


def normalise(pixels):
    return ((pixels / 255.0 - MEAN) / DEVIATION)[:, None]


def convolve(x, weight, bias):
    rows, columns = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = np.stack(
        [padded[:, :, i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=2
    )
    kernels = weight.reshape(*weight.shape[:2], 9)
    return np.einsum("ncthw,oct->nohw", taps, kernels, optimize=True) + channel(bias)


def channel(values):
    return values[None, :, None, None].astype(np.float64)


def pool(x, reduce):
    rows, columns = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :rows, :columns]
    return reduce(x.reshape(*x.shape[:2], rows // 2, 2, columns // 2, 2), axis=(3, 5))


def plain(tensors, x, reduce, head):
    """Six convolutions with ReLU, pooling behind the first, the third and the last; a dense layer."""
    for layer in range(6):
        weight, bias = (tensors[f"convolution.{layer}.{part}"] for part in ("weight", "bias"))
        x = np.maximum(convolve(x, weight, bias), 0)
        if layer in (0, 2, 5):
            x = pool(x, reduce)
    return x.reshape(len(x), -1) @ head(tensors["head.weight"]).astype(np.float64) + tensors["head.bias"]


def members(tensors, prefix):
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def vgg(tensors, x):
    """A VGG with batch norm in the names of PyTorch, pooling where a place of the sequence is left out."""
    place = 0
    while f"features.{place}.weight" in tensors:
        layer, norm = (members(tensors, f"features.{n}.") for n in (place, place + 1))
        x = convolve(x, layer["weight"], layer["bias"])
        x = (x - channel(norm["running_mean"])) / np.sqrt(channel(norm["running_var"]) + 1e-5)
        x = np.maximum(x * channel(norm["weight"]) + channel(norm["bias"]), 0)
        place += 3
        if f"features.{place + 1}.weight" in tensors and f"features.{place}.weight" not in tensors:
            x = pool(x, np.max)
            place += 1
    weight = tensors["classifier.weight"].astype(np.float64)
    return x.mean(axis=(2, 3)) @ weight.T + tensors["classifier.bias"]


def scores(name, tensors, pixels):
    x = normalise(pixels)
    if name == "libtorch":
        return vgg(tensors, x)
    if name == "dlib":
        return plain(tensors, x, np.max, lambda weight: weight)
    return plain(tensors, x, np.mean, lambda weight: weight.T)
