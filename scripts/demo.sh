#!/usr/bin/env bash
# Build, and rank the layers of a small network as it was trained and as it was initialised.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root models=$root/examples/models program=examples/kldsel-rank/kldsel-rank
readonly rank=$root/build/$program

"$root/scripts/build.sh" "$program"

cat <<'TEXT'
A VGG-style network, trained on Fashion-MNIST: its convolutions, scored by every method.

TEXT
"$rank" --method all "$models/fashion_vgg.safetensors"

cat <<'TEXT'

The same network before training. Its weights are independent gaussian numbers, which makes each score a
known number: cosine-pos and cosine-neg near 1/pi = 0.318, cosine-pos-neg near -1/pi, cosine-all and every
divergence near 0. Only the first layer strays, whose filters have no more than 9 elements. What differs
above is what training did to the layers.

TEXT
"$rank" --method all "$models/fashion_vgg_random.safetensors"
