// SPDX-License-Identifier: BSD-3-Clause
// How a graph uses its weights, which tells their layout.
#ifndef KLDSEL_ONNX_USES_HPP
#define KLDSEL_ONNX_USES_HPP

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

struct Use {
  std::int32_t layout = 0; // kldsel_layout; 0 where the tensor is no layer
  std::int64_t groups = 0; // of a transposed convolution; else 0
  std::string reason;      // why it is no layer; empty for a layer
  std::size_t place = 0;   // among the uses of the graph
};

using Ranks = std::unordered_map<std::string, std::size_t>;

// By tensor: what the first node that uses it tells, seen through Identity, Cast, DequantizeLinear and
// Transpose. `ranks` has the tensors, by name; those of rank 0 or 1 have no use that matters.
std::unordered_map<std::string, Use> find_uses(const onnx::GraphProto &graph, const Ranks &ranks);

#endif
