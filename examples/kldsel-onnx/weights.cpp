// SPDX-License-Identifier: BSD-3-Clause
#include "weights.hpp"

#include <mapping.h>
#include <sys/mman.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace {

struct Type {
  int number;
  const char *name;
  const char *safetensors;
  std::int32_t dtype;
  std::size_t size; // 0: not read
};

using Tensor = onnx::TensorProto;

const Type types[] = {
    {Tensor::FLOAT, "FLOAT", "F32", KLDSEL_DTYPE_F32, 4},
    {Tensor::DOUBLE, "DOUBLE", "F64", KLDSEL_DTYPE_F64, 8},
    {Tensor::FLOAT16, "FLOAT16", "F16", KLDSEL_DTYPE_F16, 2},
    {Tensor::BFLOAT16, "BFLOAT16", "BF16", KLDSEL_DTYPE_BF16, 2},
    {Tensor::INT64, "INT64", "I64", 0, 8},
    {Tensor::INT32, "INT32", "I32", 0, 4},
    {Tensor::INT16, "INT16", "I16", 0, 2},
    {Tensor::INT8, "INT8", "I8", 0, 1},
    {Tensor::UINT64, "UINT64", "U64", 0, 8},
    {Tensor::UINT32, "UINT32", "U32", 0, 4},
    {Tensor::UINT16, "UINT16", "U16", 0, 2},
    {Tensor::UINT8, "UINT8", "U8", 0, 1},
    {Tensor::BOOL, "BOOL", "BOOL", 0, 1},
    {Tensor::STRING, "STRING", nullptr, 0, 0},
};
// Younger ones than the library knows, complex numbers, halves of bytes.
const Type other = {0, "of another type", nullptr, 0, 0};

const Type &type_of(const Tensor &tensor) {
  for (const Type &type : types)
    if (type.number == tensor.data_type()) return type;
  return other;
}

std::size_t count_elements(const Tensor &tensor, std::size_t size) {
  std::size_t elements = 1;
  for (int axis = 0; axis < tensor.dims_size(); axis++) {
    const std::int64_t extent = tensor.dims(axis);
    if (extent < 0)
      throw std::runtime_error("dims[" + std::to_string(axis) + "] is " + std::to_string(extent) +
                               "; must be >= 0");
    if (extent == 0) return 0;
    if (elements > std::numeric_limits<std::size_t>::max() / size / static_cast<std::size_t>(extent))
      throw std::runtime_error("dims overflow");
    elements *= static_cast<std::size_t>(extent);
  }
  return elements;
}

void expect(std::size_t have, std::size_t want, const char *field, const char *what) {
  if (have != want)
    throw std::runtime_error(std::string(field) + " has " + std::to_string(have) + " " + what +
                             "; must have " + std::to_string(want));
}

template <typename Field>
const unsigned char *whole(const Field &field, std::size_t elements, const char *name) {
  expect(static_cast<std::size_t>(field.size()), elements, name, "elements");
  return reinterpret_cast<const unsigned char *>(field.data());
}

// Numbers of fewer bytes than the field's own are the low ones of each.
template <typename Field>
const unsigned char *narrow(const Field &field, std::size_t elements, std::size_t size, const char *name,
                            Widened &widened) {
  expect(static_cast<std::size_t>(field.size()), elements, name, "elements");
  std::vector<unsigned char> &bytes = widened.emplace_back(elements * size);
  for (std::size_t i = 0; i < elements; i++) std::memcpy(bytes.data() + i * size, field.data() + i, size);
  return bytes.data();
}

const unsigned char *data_of(const Tensor &tensor, std::size_t elements, std::size_t size,
                             ExternalFiles &files, Widened &widened) {
  if (tensor.data_location() == Tensor::EXTERNAL) return files.find(tensor, elements * size);
  if (tensor.has_raw_data()) {
    expect(tensor.raw_data().size(), elements * size, "raw_data", "bytes");
    return reinterpret_cast<const unsigned char *>(tensor.raw_data().data());
  }
  switch (tensor.data_type()) {
  case Tensor::FLOAT:
    return whole(tensor.float_data(), elements, "float_data");
  case Tensor::DOUBLE:
    return whole(tensor.double_data(), elements, "double_data");
  case Tensor::INT64:
    return whole(tensor.int64_data(), elements, "int64_data");
  case Tensor::UINT64:
  case Tensor::UINT32:
    return narrow(tensor.uint64_data(), elements, size, "uint64_data", widened);
  default:
    return narrow(tensor.int32_data(), elements, size, "int32_data", widened);
  }
}

std::size_t read_number(const std::string &key, const std::string &text) {
  std::size_t number = 0;
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end)
    throw std::runtime_error("external_data: " + key + " is '" + text + "'; must be a number of bytes");
  return number;
}

// A model must not make its reader open what is elsewhere.
void check_location(const std::string &location) {
  const std::string slashes = "/" + location + "/";
  if (location.empty() || location.front() == '/' || slashes.find("/../") != std::string::npos ||
      location.find('\0') != std::string::npos)
    throw std::runtime_error("external_data: location is '" + location +
                             "'; must be a file beside the model or below");
}

} // namespace

ExternalFiles::~ExternalFiles() {
  for (const auto &[location, map] : maps_) munmap(map.data, map.bytes);
}

const ExternalFiles::Map &ExternalFiles::open(const std::string &location) {
  const auto known = maps_.find(location);
  if (known != maps_.end()) return known->second;
  check_location(location);
  Map map{};
  problem cause{};
  if (!mapping_open((folder_ + "/" + location).c_str(), 1, &map.data, &map.bytes, &cause))
    throw std::runtime_error("external_data: '" + location + "': " + cause.text);
  return maps_.emplace(location, map).first->second;
}

const unsigned char *ExternalFiles::find(const onnx::TensorProto &tensor, std::size_t bytes) {
  std::string location;
  std::size_t offset = 0, length = bytes;
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = read_number("offset", entry.value());
    if (entry.key() == "length") length = read_number("length", entry.value());
  }
  expect(length, bytes, "external_data", "bytes");
  const Map &map = open(location);
  if (offset > map.bytes || length > map.bytes - offset)
    throw std::runtime_error("external_data: bytes " + std::to_string(offset) + " and " +
                             std::to_string(length) + " more of '" + location + "', which has " +
                             std::to_string(map.bytes));
  return map.data + offset;
}

void read_tensor(const onnx::TensorProto &tensor, ExternalFiles &files, Widened &widened,
                 stored_tensor &stored) {
  const Type &type = type_of(tensor);
  stored.dtype_name = type.name;
  stored.safetensors = type.safetensors;
  stored.dtype = type.dtype;
  stored.rank = static_cast<std::size_t>(tensor.dims_size());
  const std::size_t elements = count_elements(tensor, type.size > 0 ? type.size : 1);
  for (std::size_t axis = 0; axis < stored.rank && axis < KLDSEL_MAX_RANK; axis++)
    stored.shape[axis] = tensor.dims(static_cast<int>(axis));
  if (type.size == 0 || elements == 0) return;
  stored.data = data_of(tensor, elements, type.size, files, widened);
  stored.bytes = elements * type.size;
}
