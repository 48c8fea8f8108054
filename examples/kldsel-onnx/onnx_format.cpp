// SPDX-License-Identifier: BSD-3-Clause
#include "onnx_format.h"

#include <google/protobuf/stubs/logging.h>
#include <mapping.h>
#include <onnx/onnx_pb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <text.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "uses.hpp"
#include "weights.hpp"

namespace {

std::string folder_of(const std::string &path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

struct Onnx {
  explicit Onnx(const char *path) : files(folder_of(path)) {}
  onnx::ModelProto proto;
  ExternalFiles files;
  Widened widened;
  std::deque<std::string> texts; // that tensors point to
  std::vector<stored_tensor> tensors;
};

Onnx &onnx_of(const model *model) {
  return *static_cast<Onnx *>(model->file);
}

std::string printable(const std::string &text) {
  const std::unique_ptr<char, decltype(&std::free)> shown(text_printable(text.c_str()), std::free);
  if (shown == nullptr) throw std::bad_alloc();
  return shown.get();
}

const char *keep(Onnx &file, std::string text) {
  return file.texts.emplace_back(std::move(text)).c_str();
}

// A tensor of the graph, which has its name not always in itself.
struct Named {
  const std::string *name;
  const onnx::TensorProto *tensor;
  const Use *use;
};

// Initializers, and constants of as many axes as a layer's weights have.
std::vector<Named> tensors_of(const onnx::GraphProto &graph) {
  std::vector<Named> found;
  for (const auto &tensor : graph.initializer()) found.push_back({&tensor.name(), &tensor, nullptr});
  for (const auto &node : graph.node()) {
    if (node.op_type() != "Constant" || node.output_size() == 0) continue;
    for (const auto &one : node.attribute())
      if (one.name() == "value" && one.t().dims_size() >= 2)
        found.push_back({&node.output(0), &one.t(), nullptr});
  }
  return found;
}

void add_tensor(Onnx &file, const Named &named) {
  const std::string &name = *named.name;
  stored_tensor stored{};
  if (name.find('\0') != std::string::npos) throw std::runtime_error("a tensor has a NUL in its name");
  stored.name = name.c_str();
  try {
    read_tensor(*named.tensor, file.files, file.widened, stored);
  } catch (const std::runtime_error &error) {
    throw std::runtime_error("tensor '" + name.substr(0, 200) + "': " + error.what());
  }
  if (named.use != nullptr) {
    stored.layout = named.use->layout;
    stored.groups = named.use->groups;
    if (!named.use->reason.empty()) stored.reason = keep(file, printable(named.use->reason));
    if (stored.groups > 0 && stored.rank > 2 && stored.shape[0] % stored.groups != 0)
      throw std::runtime_error("tensor '" + name.substr(0, 200) + "': " + std::to_string(stored.shape[0]) +
                               " inputs in " + std::to_string(stored.groups) + " groups");
  } else if (stored.rank >= 2) {
    stored.reason = "used by no node";
  }
  file.tensors.push_back(stored);
}

void add_sparse(Onnx &file, const onnx::SparseTensorProto &sparse) {
  stored_tensor stored{};
  stored.name = sparse.values().name().c_str();
  stored.dtype_name = "sparse";
  stored.rank = static_cast<std::size_t>(sparse.dims_size());
  stored.reason = "sparse: not read";
  file.tensors.push_back(stored);
}

// In the order in which the nodes use them, which is that of the network.
// NOLINTNEXTLINE(misc-no-recursion): as deep as protobuf reads, which has a limit.
void add_graph(Onnx &file, const onnx::GraphProto &graph) {
  std::vector<Named> found = tensors_of(graph);
  Ranks ranks;
  for (const Named &one : found) ranks[*one.name] = static_cast<std::size_t>(one.tensor->dims_size());
  const auto uses = find_uses(graph, ranks);
  for (Named &one : found) {
    const auto use = uses.find(*one.name);
    if (use != uses.end()) one.use = &use->second;
  }
  std::stable_sort(found.begin(), found.end(), [&](const Named &a, const Named &b) {
    const std::size_t last = uses.size();
    return (a.use != nullptr ? a.use->place : last) < (b.use != nullptr ? b.use->place : last);
  });
  for (const Named &one : found) add_tensor(file, one);
  for (const auto &sparse : graph.sparse_initializer()) add_sparse(file, sparse);
  for (const auto &node : graph.node())
    for (const auto &one : node.attribute()) {
      if (one.has_g()) add_graph(file, one.g());
      for (const auto &inner : one.graphs()) add_graph(file, inner);
    }
}

void parse(const char *path, onnx::ModelProto &proto) {
  unsigned char *map = nullptr;
  std::size_t bytes = 0;
  problem cause{};
  if (!mapping_open(path, 1, &map, &bytes, &cause)) throw std::runtime_error(cause.text);
  bool parsed = false;
  if (bytes <= INT_MAX) {
    try {
      parsed = proto.ParseFromArray(map, static_cast<int>(bytes));
    } catch (...) {
      munmap(map, bytes);
      throw;
    }
  }
  munmap(map, bytes);
  if (bytes > INT_MAX) throw std::runtime_error("has more than the 2 GiB of a protobuf message");
  if (!parsed) throw std::runtime_error("is no ONNX model: protobuf cannot read it");
  if (!proto.has_graph()) throw std::runtime_error("is no ONNX model: it has no graph");
}

// C knows no exceptions.
template <typename Work> bool guarded(problem *problem, const Work &work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc &) {
    return problem_out_of_memory(problem);
  } catch (const std::exception &error) {
    return problem_set(problem, "%s", error.what());
  }
}

bool open_onnx(const char *path, model *model, problem *problem) {
  google::protobuf::SetLogHandler(nullptr);
  return guarded(problem, [&] {
    auto file = std::make_unique<Onnx>(path);
    parse(path, file->proto);
    add_graph(*file, file->proto.graph());
    model->tensors = file->tensors.data();
    model->count = file->tensors.size();
    model->file = file.release();
  });
}

bool same_folder(const std::string &one, const std::string &other) {
  struct stat a {
  }, b{};
  return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// metadata_props with one entry of the key.
void set_ranking(onnx::ModelProto &proto, const char *ranking) {
  auto &entries = *proto.mutable_metadata_props();
  for (int i = entries.size() - 1; i >= 0; i--)
    if (entries.Get(i).key() == RANKING_KEY) entries.DeleteSubrange(i, 1);
  auto &entry = *entries.Add();
  entry.set_key(RANKING_KEY);
  entry.set_value(ranking);
}

bool write_onnx(const model *model, const char *ranking, const char *path, problem *problem) {
  return guarded(problem, [&] {
    Onnx &file = onnx_of(model);
    if (file.files.used() && !same_folder(folder_of(path), file.files.folder()))
      throw std::runtime_error("has weights in files beside it: --output must name a file in the same "
                               "folder, where it finds them");
    set_ranking(file.proto, ranking);
    errno = 0;
    std::ofstream output(path, std::ios::binary);
    if (!file.proto.SerializeToOstream(&output) || !output.flush())
      throw std::runtime_error(std::string("cannot write: ") +
                               (errno != 0 ? std::strerror(errno) : "protobuf cannot"));
  });
}

void close_onnx(model *model) {
  delete &onnx_of(model);
  *model = {};
}

} // namespace

const format onnx_format = {
    "kldsel-onnx",
    "onnx",
    "The nodes that use a weight tell its layout; --layout has no effect. The ranking goes into\n"
    "metadata_props, as kldsel.ranking: JSON, as --json prints it.\n",
    open_onnx,
    write_onnx,
    close_onnx,
};
