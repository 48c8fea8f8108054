// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a tensor, wherever the model keeps them.
#ifndef KLDSEL_ONNX_WEIGHTS_HPP
#define KLDSEL_ONNX_WEIGHTS_HPP

#include <model.h>
#include <onnx/onnx_pb.h>

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

// Files beside the model that hold weights, mapped when they are first asked for.
class ExternalFiles {
public:
  explicit ExternalFiles(std::string folder) : folder_(std::move(folder)) {}
  ExternalFiles(const ExternalFiles &) = delete;
  ExternalFiles &operator=(const ExternalFiles &) = delete;
  ~ExternalFiles();

  // The region that a tensor of `bytes` has; throws std::runtime_error.
  const unsigned char *find(const onnx::TensorProto &tensor, std::size_t bytes);

  bool used() const { return !maps_.empty(); }
  const std::string &folder() const { return folder_; }

private:
  struct Map {
    unsigned char *data;
    std::size_t bytes;
  };
  const Map &open(const std::string &location);

  std::string folder_;
  std::map<std::string, Map> maps_;
};

// Where the bytes are that no field of a tensor has as they are ranked and written; their addresses do not
// change.
using Widened = std::deque<std::vector<unsigned char>>;

// Sets the type, shape and data of `stored`; throws std::runtime_error. What is not kept as numbers of one
// size (strings, halves of bytes) has no data.
void read_tensor(const onnx::TensorProto &tensor, ExternalFiles &files, Widened &widened,
                 stored_tensor &stored);

#endif
