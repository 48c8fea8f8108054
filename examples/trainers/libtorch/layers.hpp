/* SPDX-License-Identifier: BSD-3-Clause */
/* PyTorch's tensors as libkldsel sees them. */
#ifndef KLDSEL_TRAINERS_LAYERS_HPP
#define KLDSEL_TRAINERS_LAYERS_HPP

#include <kldsel/kldsel.hpp>
#include <torch/types.h>
#include <vector>

#include "network.hpp"

namespace trainers {

/* The weights of a convolution or dense layer in torch's own memory, whatever their strides. They must
 * outlive it. */
kldsel::tensor view(const torch::Tensor &weight);

/* Ranks the convolutions by kl-positive-negative against uniform, the library's default, and selects the
 * best. */
kldsel::ranking rank(const network &network, int select);

} // namespace trainers

#endif
