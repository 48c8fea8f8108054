// SPDX-License-Identifier: BSD-3-Clause
#include "uses.hpp"

#include <kldsel/kldsel.h>

#include <utility>

namespace {

// A value of the graph that is a weight all the same.
struct Alias {
  std::string source;
  bool turned; // a matrix, transposed
};

std::int64_t attribute(const onnx::NodeProto &node, const char *name, std::int64_t otherwise) {
  for (const auto &one : node.attribute())
    if (one.name() == name) return one.i();
  return otherwise;
}

Use layer(std::int32_t layout) {
  Use use;
  use.layout = layout;
  return use;
}

Use transposed_convolution(const onnx::NodeProto &node) {
  Use use = layer(KLDSEL_LAYOUT_IOHW);
  const std::int64_t groups = attribute(node, "group", 1);
  use.groups = groups > 1 ? groups : 0;
  return use;
}

Use no_layer(const onnx::NodeProto &node, std::size_t rank) {
  Use use;
  use.reason = "rank " + std::to_string(rank) + ", an input of " + node.op_type() + ", which is no layer";
  return use;
}

// What a node tells of its input number `slot`.
Use use_of(const onnx::NodeProto &node, int slot, std::size_t rank) {
  const std::string &type = node.op_type();
  if (slot == 1 && rank > 2) {
    if (type == "Conv" || type == "ConvInteger") return layer(KLDSEL_LAYOUT_OIHW);
    if (type == "ConvTranspose") return transposed_convolution(node);
  }
  if (rank == 2) {
    if (type == "Gemm" && slot == 1)
      return layer(attribute(node, "transB", 0) != 0 ? KLDSEL_LAYOUT_OI : KLDSEL_LAYOUT_IO);
    if (type == "Gemm" && slot == 0)
      return layer(attribute(node, "transA", 0) != 0 ? KLDSEL_LAYOUT_IO : KLDSEL_LAYOUT_OI);
    if (type == "MatMul" && slot <= 1) return layer(slot == 1 ? KLDSEL_LAYOUT_IO : KLDSEL_LAYOUT_OI);
  }
  return no_layer(node, rank);
}

Use turn(Use use) {
  if (use.layout == KLDSEL_LAYOUT_OI)
    use.layout = KLDSEL_LAYOUT_IO;
  else if (use.layout == KLDSEL_LAYOUT_IO)
    use.layout = KLDSEL_LAYOUT_OI;
  return use;
}

bool passes_on(const std::string &type) {
  return type == "Identity" || type == "Cast" || type == "DequantizeLinear";
}

} // namespace

std::unordered_map<std::string, Use> find_uses(const onnx::GraphProto &graph, const Ranks &ranks) {
  std::unordered_map<std::string, Use> found;
  std::unordered_map<std::string, Alias> aliases;
  for (const auto &[name, rank] : ranks)
    if (rank >= 2) aliases.emplace(name, Alias{name, false});
  for (const auto &node : graph.node()) {
    for (int slot = 0; slot < node.input_size(); slot++) {
      const auto alias = aliases.find(node.input(slot));
      if (alias == aliases.end()) continue;
      const auto [source, turned] = alias->second;
      const std::size_t rank = ranks.at(source);
      if (passes_on(node.op_type()) && slot == 0 && node.output_size() > 0) {
        aliases.insert_or_assign(node.output(0), Alias{source, turned});
      } else if (node.op_type() == "Transpose" && rank == 2 && node.output_size() > 0) {
        aliases.insert_or_assign(node.output(0), Alias{source, !turned});
      } else if (found.find(source) == found.end()) {
        Use use = use_of(node, slot, rank);
        if (turned) use = turn(std::move(use));
        use.place = found.size();
        found.emplace(source, std::move(use));
      }
    }
  }
  return found;
}
