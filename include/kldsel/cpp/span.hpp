/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file span.hpp
 * @brief Memory that the C++ face reads, writes or hands out.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_SPAN_HPP
#define KLDSEL_CPP_SPAN_HPP

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if __cplusplus >= 202002L
#include <ranges>
#endif

#include "status.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_memory C++: views and arrays
 * @ingroup cpp
 * @{ */

namespace detail {

/* A pointer to one type's array may stand for the other's: only const is added. */
template <class From, class To> constexpr bool same_array = std::is_convertible_v<From (*)[], To (*)[]>;

/* What std::data() points to, for anything contiguous: containers, arrays, std::span. */
template <class Container>
using element_of = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

template <class Container, class = void> struct contiguous : std::false_type {};
template <class Container>
struct contiguous<Container, std::void_t<decltype(std::data(std::declval<Container &>())),
                                         decltype(std::size(std::declval<Container &>()))>> : std::true_type {
};

} // namespace detail

/**
 * A view of contiguous memory that is somebody else's: what `std::span` is to C++20, and made from and turned
 * into one there. Takes vectors, arrays and the like, and for constant elements also a list in braces, which
 * lives to the end of the call. O(1), two words.
 */
template <class T> class span {
public:
  using element_type = T;                 /**< perhaps const */
  using value_type = std::remove_cv_t<T>; /**< without it */
  using size_type = std::size_t;          /**< of size() */
  using difference_type = std::ptrdiff_t; /**< between iterators */
  using pointer = T *;                    /**< of data() */
  using reference = T &;                  /**< of operator[] */
  using iterator = T *;                   /**< of begin() */

  /** Of nothing. */
  constexpr span() noexcept = default;
  /** Of @p size elements from @p data on. */
  constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

  /** Of anything contiguous. */
  template <class Container,
            std::enable_if_t<!std::is_same_v<std::remove_cv_t<std::remove_reference_t<Container>>, span> &&
                                 detail::contiguous<Container>::value,
                             int> = 0,
            std::enable_if_t<detail::same_array<detail::element_of<Container>, T>, int> = 0>
  constexpr span(Container &&container) noexcept // NOLINT(google-explicit-constructor)
      : data_(std::data(container)), size_(std::size(container)) {}

  /** Of a list in braces: for arguments only, as it ends with the call. */
  template <class Value = T, std::enable_if_t<std::is_const_v<Value>, int> = 0>
  constexpr span(std::initializer_list<value_type> list) noexcept // NOLINT(google-explicit-constructor)
      : data_(std::data(list)), size_(list.size()) {}

  /** @name Container
   * @{ */
  /** As of a `std::span`. */
  [[nodiscard]] constexpr T *data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] constexpr T *begin() const noexcept { return data_; }
  [[nodiscard]] constexpr T *end() const noexcept { return data_ + size_; }
  /** @} */

private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

/**
 * An array that a call made and the caller owns. Unlike a vector its elements are not set before they are
 * written, and a failed allocation is a status::out_of_memory. Moves, does not copy.
 */
template <class T> class array {
public:
  using element_type = T;                 /**< what it holds */
  using value_type = T;                   /**< the same */
  using size_type = std::size_t;          /**< of size() */
  using difference_type = std::ptrdiff_t; /**< between iterators */
  using iterator = T *;                   /**< of begin() */
  using const_iterator = const T *;       /**< of the constant begin() */

  /** Of nothing. */
  array() noexcept = default;
  /** Takes the elements of another. */
  array(array &&other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  /** Frees the elements, and takes those of another. */
  array &operator=(array &&other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  /** Makes room for @p size elements: numbers have no value yet, handles are empty. */
  [[nodiscard]] kldsel_status resize(std::size_t size) noexcept {
    array made;
    if (size != 0) {
      made.data_.reset(size <= PTRDIFF_MAX / sizeof(T) ? new (std::nothrow) T[size] : nullptr);
      if (made.data_ == nullptr) return detail::out_of_memory(size, sizeof(T));
      made.size_ = size;
    }
    *this = std::move(made);
    return KLDSEL_OK;
  }

  /** @name Container
   * @{ */
  /** As of a `std::vector`. */
  [[nodiscard]] T *data() noexcept { return data_.get(); }
  [[nodiscard]] const T *data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T &operator[](std::size_t index) noexcept { return data_[index]; }
  [[nodiscard]] const T &operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] T *begin() noexcept { return data_.get(); }
  [[nodiscard]] T *end() noexcept { return data_.get() + size_; }
  [[nodiscard]] const T *begin() const noexcept { return data_.get(); }
  [[nodiscard]] const T *end() const noexcept { return data_.get() + size_; }
  /** @} */

private:
  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0;
};

/** @} */

namespace detail {

/**
 * Ownership of a handle: `Ref` has the pointer and the functions, this one frees it. As large as the pointer,
 * and an array of it is one of pointers to the C functions.
 */
template <class Ref> class owner : public Ref {
public:
  using handle_type = typename Ref::handle_type; /**< the C type */

  constexpr owner() noexcept = default;
  /** Takes a handle of a C function; frees it at the end. */
  constexpr explicit owner(handle_type *handle) noexcept : Ref(handle) {}
  owner(owner &&other) noexcept : Ref(other.release()) {}
  owner &operator=(owner &&other) noexcept {
    reset(other.release());
    return *this;
  }
  ~owner() { reset(); }

  /** Gives the handle away: the caller frees it. */
  [[nodiscard]] handle_type *release() noexcept { return std::exchange(this->handle_, nullptr); }
  /** Frees the handle and takes another. */
  void reset(handle_type *handle = nullptr) noexcept {
    handle_type *old = std::exchange(this->handle_, handle);
    /* To a compiler that knows it to be empty, nothing is called. */
    if (old != nullptr) Ref::free(old);
  }
};

/* Number of axes; one that no int32_t holds is as wrong as the highest. */
inline std::int32_t rank_of(span<const std::int64_t> shape) noexcept {
  return shape.size() < INT32_MAX ? static_cast<std::int32_t>(shape.size()) : INT32_MAX;
}

} // namespace detail

/** @ingroup cpp_memory
 * Several handles for a call: a vector, array or span of an owning class, of its `_ref`, or of C pointers.
 * No copy is made. An empty handle among them is NULL.
 */
template <class Ref> class handle_span {
public:
  using handle_type = typename Ref::handle_type; /**< the C type */

  /** Of nothing. */
  constexpr handle_span() noexcept = default;
  /** Of anything contiguous that holds such handles. */
  template <
      class Container, std::enable_if_t<detail::contiguous<Container>::value, int> = 0,
      class Element = std::remove_cv_t<detail::element_of<Container>>,
      std::enable_if_t<std::is_base_of_v<Ref, Element> || std::is_same_v<handle_type *, Element>, int> = 0>
  handle_span(const Container &container) noexcept // NOLINT(google-explicit-constructor)
      : data_(reinterpret_cast<handle_type *const *>(std::data(container))), size_(std::size(container)) {
    static_assert(sizeof(Element) == sizeof(handle_type *) && std::is_standard_layout_v<Element>,
                  "a handle is a pointer");
  }

  /** @name Container
   * @{ */
  /** What a C call takes. */
  [[nodiscard]] constexpr handle_type *const *data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  /** @} */

private:
  handle_type *const *data_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#if __cplusplus >= 202002L && !defined(KLDSEL_DOXYGEN)
template <class T> inline constexpr bool std::ranges::enable_borrowed_range<kldsel::span<T>> = true;
template <class T> inline constexpr bool std::ranges::enable_view<kldsel::span<T>> = true;
#endif

#endif
