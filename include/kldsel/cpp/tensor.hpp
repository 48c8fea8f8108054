/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file tensor.hpp
 * @brief Tensors and the six primitives of the C++ face.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_TENSOR_HPP
#define KLDSEL_CPP_TENSOR_HPP

#include "options.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_tensor C++: tensors
 * @ingroup cpp
 * @{ */

/** ::kldsel_dtype. */
enum class dtype : std::int32_t {
  f64 = KLDSEL_DTYPE_F64,
  f32 = KLDSEL_DTYPE_F32,
  f16 = KLDSEL_DTYPE_F16,
  bf16 = KLDSEL_DTYPE_BF16,
  u8 = KLDSEL_DTYPE_U8,
  i8 = KLDSEL_DTYPE_I8
};

/** ::kldsel_layout. */
enum class layout : std::int32_t {
  oihw = KLDSEL_LAYOUT_OIHW,
  hwio = KLDSEL_LAYOUT_HWIO,
  ohwi = KLDSEL_LAYOUT_OHWI,
  iohw = KLDSEL_LAYOUT_IOHW,
  hwim = KLDSEL_LAYOUT_HWIM,
  oi = KLDSEL_LAYOUT_OI,
  io = KLDSEL_LAYOUT_IO,
  hwoi = KLDSEL_LAYOUT_HWOI
};

/** ::kldsel_kind. */
enum class kind : std::int32_t {
  other = KLDSEL_KIND_OTHER,
  dense = KLDSEL_KIND_DENSE,
  convolution = KLDSEL_KIND_CONVOLUTION
};

/** Which axes index filters, and which input channels: bit a is axis a. */
struct axes {
  std::uint32_t filters;  /**< one axis at least, and not all */
  std::uint32_t channels; /**< none of those; may be 0 */
};

/** The element type that a C++ type has. A host may specialise it for its own half-precision type. */
template <class T> struct dtype_of;
/** double */
template <> struct dtype_of<double> : std::integral_constant<dtype, dtype::f64> {};
/** float */
template <> struct dtype_of<float> : std::integral_constant<dtype, dtype::f32> {};
/** unsigned byte */
template <> struct dtype_of<std::uint8_t> : std::integral_constant<dtype, dtype::u8> {};
/** signed byte */
template <> struct dtype_of<std::int8_t> : std::integral_constant<dtype, dtype::i8> {};

/** Where weights lie, and what type they have: made from anything contiguous, or from plain memory. */
struct weights {
  const void *data;    /**< need not be aligned */
  std::size_t bytes;   /**< length */
  kldsel::dtype dtype; /**< element type */

  /** Memory whose type the compiler does not know: a mapped file, half precision. */
  constexpr weights(const void *memory, std::size_t length, kldsel::dtype type) noexcept
      : data(memory), bytes(length), dtype(type) {}

  /** Of a vector, array or span of a type with a dtype_of. */
  template <class Container, std::enable_if_t<detail::contiguous<Container>::value, int> = 0,
            kldsel::dtype Type = dtype_of<std::remove_cv_t<detail::element_of<Container>>>::value>
  weights(const Container &container) noexcept // NOLINT(google-explicit-constructor)
      : data(std::data(container)), bytes(std::size(container) * sizeof(*std::data(container))), dtype(Type) {
  }
};

/** kldsel_layer_kind(). */
[[nodiscard]] inline outcome<kind> layer_kind(span<const std::int64_t> shape) {
  std::int32_t found = 0;
  const kldsel_status code = kldsel_layer_kind(detail::rank_of(shape), shape.data(), &found);
  return detail::finish(code, static_cast<kind>(found));
}

/** kldsel_layout_axes(). */
[[nodiscard]] inline outcome<axes> layout_axes(layout named, std::int32_t rank) {
  axes found{};
  const kldsel_status code =
      kldsel_layout_axes(static_cast<std::int32_t>(named), rank, &found.filters, &found.channels);
  return detail::finish(code, found);
}

/** How a tensor lies in memory: kldsel_tensor_describe(). */
struct tensor_memory {
  const void *data = nullptr;                    /**< element [0, ..., 0] */
  kldsel::dtype dtype{};                         /**< of a quantised tensor that of the stored bytes */
  bool quantized = false;                        /**< whether elements mean (q - zero_point) * scale */
  std::int32_t rank = 0;                         /**< number of axes */
  std::int64_t shape_room[KLDSEL_MAX_RANK] = {}; /**< see shape() */
  std::int64_t strides_bytes_room[KLDSEL_MAX_RANK] = {}; /**< see strides_bytes() */
  kldsel::axes axes{};                                   /**< which axes are which */

  /** The extents. */
  [[nodiscard]] span<const std::int64_t> shape() const noexcept {
    return {static_cast<const std::int64_t *>(shape_room), static_cast<std::size_t>(rank)};
  }
  /** Distances between neighbours. */
  [[nodiscard]] span<const std::int64_t> strides_bytes() const noexcept {
    return {static_cast<const std::int64_t *>(strides_bytes_room), static_cast<std::size_t>(rank)};
  }
};

/** A tensor that somebody else owns; as large as a pointer, and as cheap to copy. */
class tensor_ref {
public:
  using handle_type = kldsel_tensor; /**< the C type */

  /** Of nothing. */
  constexpr tensor_ref() noexcept = default;
  /** Of a handle, which stays the caller's. */
  constexpr explicit tensor_ref(kldsel_tensor *handle) noexcept : handle_(handle) {}

  /** kldsel_tensor_filters(); 0 if empty. */
  [[nodiscard]] std::int64_t filters() const noexcept { return kldsel_tensor_filters(handle_); }
  /** kldsel_tensor_elements(); 0 if empty. */
  [[nodiscard]] std::int64_t elements() const noexcept { return kldsel_tensor_elements(handle_); }
  /** filters() * elements(): the weights. */
  [[nodiscard]] std::size_t size() const noexcept {
    return static_cast<std::size_t>(filters()) * static_cast<std::size_t>(elements());
  }

  /** How it lies in memory. */
  [[nodiscard]] outcome<tensor_memory> describe() const {
    tensor_memory found;
    std::int32_t type = 0;
    std::int32_t quantized = 0;
    const kldsel_status code =
        kldsel_tensor_describe(handle_, &found.data, &type, &quantized, &found.rank, found.shape_room,
                               found.strides_bytes_room, &found.axes.filters, &found.axes.channels);
    found.dtype = static_cast<kldsel::dtype>(type);
    found.quantized = quantized != 0;
    return detail::finish(code, found);
  }

  /** kldsel_tensor_values() into memory of the host. */
  outcome<void> values(span<double> into) const {
    return detail::finish(kldsel_tensor_values(handle_, into.data(), into.size()));
  }

  /** kldsel_tensor_values() into a new array. */
  [[nodiscard]] outcome<array<double>> values() const {
    array<double> made;
    kldsel_status code = made.resize(size());
    if (code == KLDSEL_OK) code = kldsel_tensor_values(handle_, made.data(), made.size());
    return detail::finish(code, std::move(made));
  }

  /** The C handle, which stays its owner's. */
  [[nodiscard]] constexpr kldsel_tensor *get() const noexcept { return handle_; }
  /** Whether there is a handle. */
  constexpr explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
  static void free(kldsel_tensor *handle) noexcept { kldsel_tensor_free(handle); } /**< for the owner */
  /** The pointer. */
  kldsel_tensor *handle_ = nullptr; // NOLINT(misc-non-private-member-variables-in-classes): for the owner
};

/** A tensor that is owned; as large as a pointer. Empty when default-constructed or moved from. */
class tensor : public detail::owner<tensor_ref> {
public:
  using owner::owner;

  /** kldsel_tensor_view(): contiguous weights of a named layout, which must outlive the tensor. */
  [[nodiscard]] static outcome<tensor> view(const weights &from, span<const std::int64_t> shape,
                                            layout named = layout::oihw, const options &chosen = {}) {
    kldsel_tensor *made = nullptr;
    const kldsel_status code = kldsel_tensor_view(
        from.data, from.bytes, static_cast<std::int32_t>(from.dtype), detail::rank_of(shape), shape.data(),
        static_cast<std::int32_t>(named), chosen.get(), &made);
    return detail::finish(code, tensor(made));
  }

  /**
   * kldsel_tensor_view_strided(): any strides, any filter axes; the weights must outlive the tensor.
   * @param from          the memory that may be read
   * @param offset_bytes  where in it element [0, ..., 0] lies
   * @param shape         extents
   * @param strides_bytes as many; none for row-major
   * @param meaning       which axes are which
   * @param chosen        for the allocator
   */
  [[nodiscard]] static outcome<tensor> view_strided(const weights &from, std::size_t offset_bytes,
                                                    span<const std::int64_t> shape,
                                                    span<const std::int64_t> strides_bytes, axes meaning,
                                                    const options &chosen = {}) {
    kldsel_tensor *made = nullptr;
    kldsel_status code = strides_bytes.data() == nullptr
                             ? KLDSEL_OK
                             : detail::mismatch("strides_bytes", strides_bytes.size(), "shape", shape.size());
    if (code == KLDSEL_OK)
      code = kldsel_tensor_view_strided(
          from.data, from.bytes, offset_bytes, static_cast<std::int32_t>(from.dtype), detail::rank_of(shape),
          shape.data(), strides_bytes.data(), meaning.filters, meaning.channels, chosen.get(), &made);
    return detail::finish(code, tensor(made));
  }

  /** kldsel_tensor_quantized(): one scale, or one for each filter; as many zero points, or none for zeros. */
  [[nodiscard]] static outcome<tensor> quantized(tensor_ref stored, span<const double> scales,
                                                 span<const double> zero_points = {},
                                                 const options &chosen = {}) {
    kldsel_tensor *made = nullptr;
    kldsel_status code = zero_points.data() == nullptr
                             ? KLDSEL_OK
                             : detail::mismatch("zero_points", zero_points.size(), "scales", scales.size());
    if (code == KLDSEL_OK)
      code = kldsel_tensor_quantized(stored.get(), scales.data(), zero_points.data(), scales.size(),
                                     chosen.get(), &made);
    return detail::finish(code, tensor(made));
  }

  /** kldsel_tensor_copy(): a tensor that owns its weights. */
  [[nodiscard]] static outcome<tensor> copy(tensor_ref of, const options &chosen = {}) {
    kldsel_tensor *made = nullptr;
    const kldsel_status code = kldsel_tensor_copy(of.get(), chosen.get(), &made);
    return detail::finish(code, tensor(made));
  }
};

/**
 * Has the tensor keep an object of the host's until it is freed, such as what owns the weights of a view: a
 * `std::shared_ptr`, a mapped file, a library's own tensor. kldsel_tensor_on_free().
 */
template <class Object> outcome<void> keep_alive(tensor &view, Object &&kept) {
  using held = std::decay_t<Object>;
  std::unique_ptr<held> made(new (std::nothrow) held(std::forward<Object>(kept)));
  if (made == nullptr) return detail::finish(detail::out_of_memory(1, sizeof(held)));
  const kldsel_status code = kldsel_tensor_on_free(
      view.get(), [](void *user) { delete static_cast<held *>(user); }, made.get());
  if (code == KLDSEL_OK) static_cast<void>(made.release());
  return detail::finish(code);
}

/** Several tensors for a call. */
using tensor_span = handle_span<tensor_ref>;

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
