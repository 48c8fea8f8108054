// SPDX-License-Identifier: BSD-3-Clause
// DLPack with the dlpack.h of this machine: both forms where it has both, all that can be wrong with a
// tensor.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../cpp/support.hpp"

#include <array>
#include <memory>

#include <kldsel/kldsel_dlpack.hpp>

namespace {

constexpr std::int64_t rows = 3;
constexpr std::int64_t columns = 4;

/* What a producer hands out: the managed tensor, all that it points to, and how often its deleter was called.
 */
template <class Managed> struct producer {
  std::vector<float> weights = some_weights(rows * columns + 4);
  std::array<std::int64_t, 9> shape = {rows, columns, 1, 1, 1, 1, 1, 1, 1};
  std::array<std::int64_t, 9> strides = {columns, 1, 1, 1, 1, 1, 1, 1, 1};
  int deleted = 0;
  Managed managed{};

  producer() {
    managed.dl_tensor = {weights.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape.data(), nullptr, 0};
    managed.manager_ctx = this;
    managed.deleter = [](Managed *self) { static_cast<producer *>(self->manager_ctx)->deleted++; };
#ifdef DLPACK_MAJOR_VERSION
    if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>)
      managed.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
#endif
  }
  producer(const producer &) = delete;
  producer &operator=(const producer &) = delete;
  ~producer() = default;

  DLTensor &tensor() {
    return managed.dl_tensor;
  }
};

#ifdef DLPACK_MAJOR_VERSION
#define FORMS DLManagedTensor, DLManagedTensorVersioned
#else
#define FORMS DLManagedTensor
#endif

template <class Managed> kldsel::outcome<kldsel::tensor> import_of(producer<Managed> &from) {
  return kldsel::dlpack::import_tensor(&from.managed, kldsel::layout::oi);
}

/* A number that this dlpack.h need not know. */
void set_device(DLTensor &tensor, std::int32_t number) {
  std::memcpy(&tensor.device.device_type, &number, sizeof number);
}

/* It is refused with this status and text, and given back. */
#define CHECK_REFUSED(change, status, message)                                                               \
  do {                                                                                                       \
    producer<Managed> from;                                                                                  \
    DLTensor &tensor = from.tensor();                                                                        \
    change;                                                                                                  \
    static_cast<void>(tensor);                                                                               \
    CHECK_FAILS(import_of(from), status, message);                                                           \
    CHECK(from.deleted == 1);                                                                                \
  } while (0)

} // namespace

TEST_CASE_TEMPLATE("a view of the producer's memory, given back when it is freed", Managed, FORMS) {
  producer<Managed> from;
  {
    const auto tensor = must(import_of(from));
    CHECK(from.deleted == 0);
    CHECK(tensor.filters() == rows);
    CHECK(tensor.elements() == columns);
    CHECK(must(tensor.describe()).data == from.weights.data());
    from.weights[5] = 42;
    CHECK(must(tensor.values())[5] == 42);
  }
  CHECK(from.deleted == 1);
}

TEST_CASE_TEMPLATE("offset and strides", Managed, FORMS) {
  producer<Managed> from;
  from.tensor().byte_offset = 2 * sizeof(float);
  from.tensor().strides = from.strides.data();
  from.strides[0] = 1;
  from.strides[1] = rows;
  const auto values = must(must(import_of(from)).values());
  for (std::size_t i = 0; i < rows; i++)
    for (std::size_t j = 0; j < columns; j++)
      CHECK(values[i * columns + j] == static_cast<double>(from.weights[2 + i + j * rows]));
  CHECK(from.deleted == 1);

  producer<Managed> back;
  back.tensor().byte_offset = (rows * columns - 1) * sizeof(float);
  back.tensor().strides = back.strides.data();
  back.strides[0] = -columns;
  back.strides[1] = -1;
  CHECK(must(must(import_of(back)).values())[0] == static_cast<double>(back.weights[rows * columns - 1]));
}

TEST_CASE_TEMPLATE("no deleter", Managed, FORMS) {
  producer<Managed> from;
  from.managed.deleter = nullptr;
  CHECK(must(import_of(from)).filters() == rows);
}

TEST_CASE_TEMPLATE("every element type", Managed, FORMS) {
  struct type {
    DLDataType dl;
    kldsel::dtype dtype;
  };
  const type types[] = {{{kDLFloat, 64, 1}, kldsel::dtype::f64}, {{kDLFloat, 32, 1}, kldsel::dtype::f32},
                        {{kDLFloat, 16, 1}, kldsel::dtype::f16}, {{kDLBfloat, 16, 1}, kldsel::dtype::bf16},
                        {{kDLUInt, 8, 1}, kldsel::dtype::u8},    {{kDLInt, 8, 1}, kldsel::dtype::i8}};
  for (const type &one : types) {
    producer<Managed> from;
    from.tensor().dtype = one.dl;
    from.tensor().ndim = 1 + 1;
    from.shape[1] = 2;
    const auto told = must(must(import_of(from)).describe());
    CHECK(told.dtype == one.dtype);
    CHECK(told.strides_bytes()[1] == one.dl.bits / 8);
  }
  /* A bfloat16 is the upper half of a single: 0x4049 is 3.140625. */
  producer<Managed> from;
  const std::array<std::uint16_t, 4> halves = {0x4049, 0xbf80, 0, 0x3f80};
  from.tensor().data = const_cast<std::uint16_t *>(halves.data());
  from.tensor().dtype = {kDLBfloat, 16, 1};
  from.shape[0] = from.shape[1] = 2;
  const double expected[] = {3.140625, -1, 0, 1};
  CHECK(same_bits(must(must(import_of(from)).values()), expected));
}

TEST_CASE_TEMPLATE("what is refused is given back", Managed, FORMS) {
  CHECK_REFUSED(tensor.device.device_type = kDLCUDA, unsupported,
                "device is CUDA (type 2, number 0); copy it to the host first");
  CHECK_REFUSED((tensor.device = {kDLMetal, 1}), unsupported,
                "device is Metal (type 8, number 1); copy it to the host first");
  CHECK_REFUSED(set_device(tensor, 99), unsupported,
                "device is unknown (type 99, number 0); copy it to the host first");
  CHECK_REFUSED(
      tensor.dtype.lanes = 4, unsupported,
      "dtype has code 2, 32 bits and 4 lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 or int8");
  CHECK_REFUSED(
      (tensor.dtype = {10, 8, 1}), unsupported,
      "dtype has code 10, 8 bits and 1 lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 or int8");
  CHECK_REFUSED(
      (tensor.dtype = {5, 64, 1}), unsupported, // complex
      "dtype has code 5, 64 bits and 1 lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 or int8");
  CHECK_REFUSED(
      (tensor.dtype = {6, 8, 1}), unsupported, // bool
      "dtype has code 6, 8 bits and 1 lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 or int8");
  CHECK_REFUSED(
      tensor.dtype.lanes = 0, unsupported,
      "dtype has code 2, 32 bits and 0 lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 or int8");
  CHECK_REFUSED(tensor.ndim = 9, invalid_argument, "ndim is 9; must be 1 to 8");
  CHECK_REFUSED((tensor.ndim = 0, tensor.shape = nullptr), invalid_argument, "ndim is 0; must be 1 to 8");
  CHECK_REFUSED(tensor.ndim = 1, invalid_argument, "rank is 1; must be 2 to 8");
  CHECK_REFUSED(tensor.data = nullptr, invalid_argument, "buffer is NULL");
  CHECK_REFUSED(from.shape[1] = 0, invalid_argument, "shape[1] is 0; must be > 0");
  CHECK_REFUSED(tensor.byte_offset = UINT64_MAX, too_large,
                "byte_offset is 18446744073709551615: more than memory can be");
  CHECK_REFUSED((tensor.strides = from.strides.data(), from.strides[0] = INT64_MAX / 2), too_large,
                "strides[0] is 4611686018427387903 elements: more than memory can be");
  CHECK_REFUSED((tensor.strides = from.strides.data(), from.strides[1] = INT64_MIN), too_large,
                "strides[1] is -9223372036854775808 elements: more than memory can be");
}

TEST_CASE_TEMPLATE("pinned host memory is host memory", Managed, FORMS) {
  for (const DLDeviceType type : {kDLCUDAHost, kDLROCMHost}) {
    producer<Managed> from;
    from.tensor().device.device_type = type;
    CHECK(must(import_of(from)).filters() == rows);
  }
}

TEST_CASE_TEMPLATE("no memory for the view", Managed, FORMS) {
  counting memory;
  const auto chosen = must(kldsel::options::create(memory.allocator()));
  memory.fail_at = memory.calls + 1;
  producer<Managed> from;
  CHECK_FAILS(kldsel::dlpack::import_tensor(&from.managed, kldsel::layout::oi, chosen), out_of_memory,
              std::string(kldsel::last_error()));
  CHECK(from.deleted == 1);
}

TEST_CASE("arguments that are NULL") {
  producer<DLManagedTensor> from;
  CHECK_FAILS(kldsel::dlpack::import_tensor(static_cast<DLManagedTensor *>(nullptr)), invalid_argument,
              "managed is NULL");
  CHECK(kldsel_dlpack_import(&from.managed, 0, nullptr, nullptr) == KLDSEL_ERROR_INVALID_ARGUMENT);
  CHECK(std::string(kldsel_last_error()) == "tensor is NULL");
  CHECK(from.deleted == 0);
  kldsel_tensor *tensor = nullptr;
  CHECK(kldsel_dlpack_view(nullptr, 0, nullptr, &tensor) == KLDSEL_ERROR_INVALID_ARGUMENT);
  CHECK(kldsel_dlpack_export_values(nullptr, nullptr) == KLDSEL_ERROR_INVALID_ARGUMENT);
  CHECK_FAILS(kldsel::dlpack::export_values<DLManagedTensor>({}), invalid_argument, "tensor is NULL");
  CHECK_FAILS(kldsel::dlpack::export_profile<DLManagedTensor>({}, kldsel::sign::all), invalid_argument,
              "profile is NULL");
}

TEST_CASE("a DLTensor is viewed without being taken over") {
  producer<DLManagedTensor> from;
  CHECK(must(kldsel::dlpack::view(from.tensor(), kldsel::layout::io)).filters() == columns);
  CHECK(must(kldsel::dlpack::view(from.tensor(), kldsel::axes{2, 1})).elements() == rows);
  CHECK(from.deleted == 0);
}

TEST_CASE_TEMPLATE("values go out and come back", Managed, FORMS) {
  const auto weights = some_weights(24);
  const auto tensor = must(kldsel::tensor::view(weights, {4, 3, 2}));
  auto out = must(kldsel::dlpack::export_values<Managed>(tensor));
  const DLTensor &told = out->dl_tensor;
  CHECK(told.ndim == 3);
  CHECK(told.shape[1] == 3);
  REQUIRE(told.strides != nullptr);
  CHECK(told.strides[0] == 6);
  CHECK(told.device.device_type == kDLCPU);
  CHECK(reinterpret_cast<std::uintptr_t>(told.data) % 64 == 0);
#ifdef DLPACK_MAJOR_VERSION
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    CHECK(out->version.major == DLPACK_MAJOR_VERSION);
    CHECK(out->flags == DLPACK_FLAG_BITMASK_IS_COPIED);
  }
#endif
  const auto back = must(kldsel::dlpack::import_tensor(out.release()));
  CHECK(same_bits(must(back.values()), must(tensor.values())));
}

TEST_CASE_TEMPLATE("a profile goes out", Managed, FORMS) {
  const auto weights = some_weights(24);
  const auto tensor = must(kldsel::tensor::view(weights, {4, 3, 2}));
  const auto profile = must(kldsel::profile::create(tensor));
  const auto out = must(kldsel::dlpack::export_profile<Managed>(profile, kldsel::sign::positive));
  const auto values = must(profile.values(kldsel::sign::positive));
  REQUIRE(out->dl_tensor.ndim == 1);
  REQUIRE(out->dl_tensor.shape[0] == 4);
  CHECK(std::memcmp(out->dl_tensor.data, values.data(), 4 * sizeof(double)) == 0);

  /* One that holds no values. */
  const auto means = must(kldsel::options::create(kldsel::content::means));
  const auto without = must(kldsel::profile::create(tensor, means));
  const auto empty = must(kldsel::dlpack::export_profile<Managed>(without, kldsel::sign::all));
  CHECK(empty->dl_tensor.shape[0] == 0);
  CHECK(empty->dl_tensor.data == nullptr);
  CHECK_FAILS(kldsel::dlpack::export_profile<Managed>(profile, kldsel::sign{9}), invalid_argument,
              std::string(kldsel::last_error()));
}

#ifdef DLPACK_MAJOR_VERSION
TEST_CASE("another major version is given back unread") {
  producer<DLManagedTensorVersioned> from;
  from.managed.version.major = DLPACK_MAJOR_VERSION + 1;
  from.managed.version.minor = 5;
  /* Reading any of it would crash. */
  std::memset(&from.managed.dl_tensor, 0xff, sizeof from.managed.dl_tensor);
  CHECK_FAILS(import_of(from), unsupported, "version is 2.5; must be 1");
  CHECK(from.deleted == 1);
}

TEST_CASE("another minor version, and flags, do not matter") {
  producer<DLManagedTensorVersioned> from;
  from.managed.version.minor = DLPACK_MINOR_VERSION + 9;
  from.managed.flags = DLPACK_FLAG_BITMASK_READ_ONLY | 1U << 20U;
  CHECK(must(import_of(from)).filters() == rows);
  CHECK(from.deleted == 1);
}

TEST_CASE("a tensor goes out where it lies") {
  counting memory;
  {
    const auto chosen = must(kldsel::options::create(memory.allocator()));
    const auto weights = some_weights(24);
    auto tensor = must(kldsel::tensor::view(weights, {4, 3, 2}, kldsel::layout::oihw, chosen));
    const auto out = must(kldsel::dlpack::export_tensor(std::move(tensor)));
    CHECK_FALSE(tensor); // NOLINT(bugprone-use-after-move): it was given away
    CHECK(out->dl_tensor.data == weights.data());
    CHECK(out->dl_tensor.dtype.code == kDLFloat);
    CHECK(out->dl_tensor.dtype.bits == 32);
    CHECK(out->dl_tensor.strides[0] == 6);
    CHECK(out->flags == DLPACK_FLAG_BITMASK_READ_ONLY);

    const std::array<std::int8_t, 6> bytes = {1, 2, 3, 4, 5, 6};
    auto stored = must(kldsel::tensor::view(bytes, {2, 3}, kldsel::layout::oi, chosen));
    auto quantized = must(kldsel::tensor::quantized(stored, {0.5}, {}, chosen));
    CHECK_FAILS(kldsel::dlpack::export_tensor(std::move(quantized)), unsupported,
                "tensor is quantised; export its values");
    CHECK(quantized); // NOLINT(bugprone-use-after-move): it was not given away
    const auto int8 = must(kldsel::dlpack::export_tensor(std::move(stored)));
    CHECK(int8->dl_tensor.dtype.code == kDLInt);

    auto uneven = must(kldsel::tensor::view_strided(weights, 0, {2, 2}, {7, 4}, {1, 0}, chosen));
    CHECK_FAILS(kldsel::dlpack::export_tensor(std::move(uneven)), unsupported,
                "tensor has a stride of 7 bytes, which is no whole number of elements");
  }
  CHECK(memory.live == 0);
}
#endif
