/* SPDX-License-Identifier: BSD-3-Clause */
#include "layers.hpp"

#include <stdexcept>
#include <string>

namespace trainers {
namespace {

kldsel::dtype dtype_of(const torch::Tensor &weight) {
  switch (weight.scalar_type()) {
  case torch::kFloat64:
    return kldsel::dtype::f64;
  case torch::kFloat32:
    return kldsel::dtype::f32;
  case torch::kFloat16:
    return kldsel::dtype::f16;
  case torch::kBFloat16:
    return kldsel::dtype::bf16;
  default:
    throw std::runtime_error(std::string("weights of dtype ") + torch::toString(weight.scalar_type()) +
                             ": cannot be ranked");
  }
}

} // namespace

kldsel::tensor view(const torch::Tensor &weight) {
  if (!weight.device().is_cpu())
    throw std::runtime_error("weights on device " + weight.device().str() + ": must be in host memory");
  const auto item = static_cast<std::int64_t>(weight.element_size());
  std::vector<std::int64_t> strides = weight.strides().vec();
  for (std::int64_t &stride : strides) stride *= item;
  const auto &storage = weight.storage();
  return kldsel::tensor::view_strided(
      {storage.data(), storage.nbytes(), dtype_of(weight)},
      static_cast<std::size_t>(weight.storage_offset() * item), weight.sizes(), strides,
      kldsel::layout_axes(kldsel::layout::oihw, static_cast<std::int32_t>(weight.dim())));
}

kldsel::ranking rank(const network &network, int select) {
  std::vector<kldsel::tensor> layers;
  for (std::size_t layer = 0; layer < network.convolutions(); layer++)
    layers.push_back(view(network.weight(layer)));
  return kldsel::rank_tensors(layers, kldsel::options::create(kldsel::select_count{select}));
}

} // namespace trainers
