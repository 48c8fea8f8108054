#!/usr/bin/env python3
"""Train a small VGG on Fashion-MNIST and save it before and after training.

The test images are used once for the initial and once for the final weights: no epoch or checkpoint
is chosen by them. The accuracy printed per epoch is that of training images held out.
"""

import argparse
import gzip
import json
import math
import struct
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

# Filters of each 3x3 convolution, "M" for max pooling. The 28x28 image ends as 3x3: after one more
# pooling a 3x3 filter would see one pixel and padding, and eight of its nine weights never learn.
PLAN = (24, 24, "M", 48, 48, "M", 64, 64, 64, "M", 64, 64, 64)
CLASSES = 10
IMAGE_SIZE = 28

# Mean and standard deviation of the training pixels, scaled to [0, 1].
MEAN, STD = 0.2860, 0.3530

VALIDATION_IMAGES = 5000
SHIFT = 2  # pixels, the largest random shift in each direction
EVALUATION_BATCH = 1000


class FashionVGG(nn.Module):
    """VGG with batch norm, global average pooling and one dense layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for filters in PLAN:
            if isinstance(filters, str):
                layers.append(nn.MaxPool2d(2))
                continue
            convolution = nn.Conv2d(channels, filters, kernel_size=3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            layers += [convolution, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            channels = filters
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean(dim=(2, 3)))


def read_idx(path: Path) -> Tensor:
    """Read a gzip-compressed IDX file of unsigned bytes."""
    with gzip.open(path, "rb") as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=rank, offset=4).astype(int)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)
    return torch.from_numpy(values.copy())


def read_dataset(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Return the normalised images (N, 1, 28, 28) and the labels (N) of "train" or "t10k"."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz").unsqueeze(1)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz").long()
    return (images / 255 - MEAN) / STD, labels


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to SHIFT pixels and mirror about half of them."""
    count = len(images)
    background = -MEAN / STD  # a black pixel after normalisation
    padded = functional.pad(images, [SHIFT] * 4, value=background)
    windows = padded.unfold(2, IMAGE_SIZE, 1).unfold(3, IMAGE_SIZE, 1)
    row, column = torch.randint(0, 2 * SHIFT + 1, (2, count), generator=generator)
    shifted = windows[torch.arange(count), :, row, column]
    mirror = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirror, shifted.flip(3), shifted)


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the percentage of images that the network classifies correctly."""
    network.eval()
    correct = 0
    batches = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
    for batch, target in batches:
        guesses = network(batch.contiguous(memory_format=torch.channels_last)).argmax(dim=1)
        correct += int((guesses == target).sum())
    return 100 * correct / len(labels)


def train(network: nn.Module, images: Tensor, labels: Tensor, options: argparse.Namespace) -> None:
    """Train with SGD and a one-cycle learning rate; print the validation accuracy per epoch."""
    generator = torch.Generator().manual_seed(options.seed)
    # The published order is shuffled already, so the last images are a fair sample.
    held_out = images[-VALIDATION_IMAGES:], labels[-VALIDATION_IMAGES:]
    images, labels = images[:-VALIDATION_IMAGES], labels[:-VALIDATION_IMAGES]

    optimizer = torch.optim.SGD(
        network.parameters(), lr=options.learning_rate, momentum=0.9, nesterov=True,
        weight_decay=options.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.learning_rate, epochs=options.epochs,
        steps_per_epoch=math.ceil(len(images) / options.batch_size),
    )
    for epoch in range(1, options.epochs + 1):
        network.train()
        total_loss = 0.0
        batches = torch.randperm(len(images), generator=generator).split(options.batch_size)
        for batch in tqdm(batches, desc=f"epoch {epoch}", leave=False, disable=None):
            inputs = augment(images[batch], generator)
            outputs = network(inputs.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(outputs, labels[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total_loss += loss.item() * len(batch)
        print(
            f"epoch {epoch}/{options.epochs}: loss {total_loss / len(images):.4f}, "
            f"validation accuracy {accuracy(network, *held_out):.2f} %",
            flush=True,
        )


def copy_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Copy the network's float32 tensors.

    Only batch norm's step counters are integers; neither inference nor training needs them here.
    """
    return {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def write_safetensors(tensors: dict[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write as safetensors' save_file does, but in network order: that one sorts by name, 10 before 3."""
    header: dict[str, object] = {"__metadata__": metadata}
    data = b""
    for name, tensor in tensors.items():
        array = tensor.numpy().astype("<f4")
        header[name] = {
            "dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]
        }
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def save(
    path: Path, tensors: dict[str, Tensor], test_accuracy: float, epochs: int, seed: int
) -> None:
    """Write the tensors and how they were made to a safetensors file."""
    filters = "-".join(str(entry) for entry in PLAN)
    metadata = {
        "format": "pt",
        "architecture": f"VGG, 3x3 convolutions {filters}, batch norm, ReLU, "
        f"global average pooling, dense {CLASSES}",
        "dataset": "Fashion-MNIST",
        "preprocessing": f"(pixel / 255 - {MEAN:.4f}) / {STD:.4f}",
        "test_accuracy_percent": f"{test_accuracy:.2f}",
        "epochs": str(epochs),
        "seed": str(seed),
        "framework": f"PyTorch {torch.__version__}",
    }
    write_safetensors(tensors, metadata, path)
    print(f"{path}: test accuracy {test_accuracy:.2f} %")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"),
        help="folder of the four *-ubyte.gz files (Debian: dataset-fashion-mnist)",
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).resolve().parent.parent / "models",
        help="folder for the two safetensors files",
    )
    parser.add_argument(
        "--evaluate", type=Path, metavar="FILE", default=None,
        help="print the test accuracy of this safetensors file and exit",
    )
    parser.add_argument("--epochs", type=int, default=25, help="passes over the training images")
    parser.add_argument("--batch-size", type=int, default=128, help="images per step")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="peak learning rate")
    parser.add_argument("--weight-decay", type=float, default=5e-4, help="L2 penalty")
    parser.add_argument("--seed", type=int, default=0, help="initial weights, order, augmentation")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    # channels_last is about 1.5 times as fast on a CPU here; the files' layout stays OIHW.
    network = FashionVGG().to(memory_format=torch.channels_last)
    test_set = read_dataset(options.data, "t10k")

    if options.evaluate:
        network.load_state_dict(load_file(options.evaluate))
        print(f"{options.evaluate}: test accuracy {accuracy(network, *test_set):.2f} %")
        return

    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{weights} trainable weights")
    initial = copy_tensors(network)
    initial_accuracy = accuracy(network, *test_set)

    start = time.monotonic()
    train(network, *read_dataset(options.data, "train"), options)
    print(f"trained in {(time.monotonic() - start) / 60:.1f} minutes")

    options.output.mkdir(parents=True, exist_ok=True)
    save(
        options.output / "fashion_vgg_random.safetensors",
        initial, initial_accuracy, epochs=0, seed=options.seed,
    )
    save(
        options.output / "fashion_vgg.safetensors",
        copy_tensors(network), accuracy(network, *test_set), options.epochs, options.seed,
    )


if __name__ == "__main__":
    main()
