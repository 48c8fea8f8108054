/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file status.hpp
 * @brief Errors of the C++ face: exceptions, or results that hold a value or a failure.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_STATUS_HPP
#define KLDSEL_CPP_STATUS_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include "../kldsel.h"

/**
 * @defgroup cpp_errors C++: errors
 * @ingroup cpp
 * How a call tells that it failed is chosen once for each translation unit, before kldsel.hpp is included:
 *
 * - `KLDSEL_EXCEPTIONS` 1: a call returns its value, and throws a kldsel::error. The default where the
 *   compiler has exceptions.
 * - `KLDSEL_EXCEPTIONS` 0: a call returns a kldsel::result. Nothing is thrown; the default under
 *   `-fno-exceptions`.
 *
 * Below, `outcome<T>` is what a call that makes a T returns: T or kldsel::result "result<T>". Translation
 * units of both kinds may be linked together: their names lie in different inline namespaces.
 * @{ */
#if !defined(KLDSEL_EXCEPTIONS)
#if defined(__cpp_exceptions)
/** 1 to throw, 0 to return results; may be set before the header is included. */
#define KLDSEL_EXCEPTIONS 1
#else
#define KLDSEL_EXCEPTIONS 0
#endif
#endif

#if KLDSEL_EXCEPTIONS && !defined(__cpp_exceptions)
#error "KLDSEL_EXCEPTIONS is 1, but the compiler has them turned off"
#endif

/* Functions of two modes must not pass for one another when they are linked. */
#if defined(KLDSEL_DOXYGEN)
/* Predefined. */
#elif KLDSEL_EXCEPTIONS
#define KLDSEL_CPP_MODE throwing
#else
#define KLDSEL_CPP_MODE returning
#endif

/** The C++ face of libkldsel. */
namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** ::kldsel_status_value. */
enum class status : std::int32_t {
  ok = KLDSEL_OK,
  invalid_argument = KLDSEL_ERROR_INVALID_ARGUMENT,
  out_of_memory = KLDSEL_ERROR_OUT_OF_MEMORY,
  not_finite = KLDSEL_ERROR_NOT_FINITE,
  too_large = KLDSEL_ERROR_TOO_LARGE,
  mismatch = KLDSEL_ERROR_MISMATCH,
  missing = KLDSEL_ERROR_MISSING,
  cancelled = KLDSEL_ERROR_CANCELLED,
  unsupported = KLDSEL_ERROR_UNSUPPORTED
};

/** kldsel_status_name(). */
[[nodiscard]] inline const char *name(status code) noexcept {
  return kldsel_status_name(static_cast<kldsel_status>(code));
}

/** kldsel_last_error(): valid until the thread's next failing call. */
[[nodiscard]] inline const char *last_error() noexcept {
  return kldsel_last_error();
}

/** kldsel_last_error_layer(): -1 if it is about no layer of several. */
[[nodiscard]] inline std::int64_t last_error_layer() noexcept {
  return kldsel_last_error_layer();
}

/** kldsel_set_last_error(): for what is built on the library, and fails as it does. */
inline status set_last_error(status code, const char *text) noexcept {
  return static_cast<status>(kldsel_set_last_error(static_cast<kldsel_status>(code), text));
}

#if KLDSEL_EXCEPTIONS || defined(KLDSEL_DOXYGEN)

/** What a failing call throws; what() is the text of kldsel_last_error(), kept. */
class error : public std::runtime_error {
public:
  /** Takes the thread's last error. */
  explicit error(status code)
      : std::runtime_error(kldsel_last_error()), code_(code), layer_(kldsel_last_error_layer()) {}
  /** The kind of error. */
  [[nodiscard]] status code() const noexcept { return code_; }
  /** The layer that it is about, of those handed in; -1 if none. */
  [[nodiscard]] std::int64_t layer() const noexcept { return layer_; }

private:
  status code_;
  std::int64_t layer_;
};

/** What a call that makes a T returns. */
template <class T> using outcome = T;

namespace detail {

/* Apart from the way of success, which is to stay as short as in C. */
[[noreturn, gnu::cold, gnu::noinline]] inline void raise(kldsel_status code) {
  throw error(static_cast<status>(code));
}

template <class T> T finish(kldsel_status code, T value) {
  if (code != KLDSEL_OK) raise(code);
  return value;
}

inline void finish(kldsel_status code) {
  if (code != KLDSEL_OK) raise(code);
}

} // namespace detail

#endif

#if !KLDSEL_EXCEPTIONS || defined(KLDSEL_DOXYGEN)

/** Why a call failed. As small as a status: the text is the thread's. */
class failure {
public:
  /** Of a kind. */
  constexpr explicit failure(status code) noexcept : code_(code) {}
  /** The kind of error. */
  [[nodiscard]] constexpr status code() const noexcept { return code_; }
  /** Text of kldsel_last_error(): valid until the thread's next failing call. */
  [[nodiscard]] const char *what() const noexcept { return kldsel_last_error(); }
  /** The layer that it is about, of those handed in; -1 if none. Valid as long as what(). */
  [[nodiscard]] std::int64_t layer() const noexcept { return kldsel_last_error_layer(); }

private:
  status code_;
};

/** A value, or the failure that there is none. The names are those of `std::expected`. */
template <class T> class [[nodiscard]] result {
public:
  using value_type = T;       /**< what is held */
  using error_type = failure; /**< what is held instead */

  /** Of what a C call returned. */
  result(kldsel_status code, T value) noexcept : value_(std::move(value)), code_(static_cast<status>(code)) {}

  /** Whether the call succeeded. */
  [[nodiscard]] bool has_value() const noexcept { return code_ == status::ok; }
  /** The same. */
  explicit operator bool() const noexcept { return has_value(); }
  /** The failure; its code is ok if there is a value. */
  [[nodiscard]] failure error() const noexcept { return failure(code_); }

  /** @name The value
   * @{ */
  /** The value. After a failure it is there too, but empty: a null handle, an empty array, 0. */
  [[nodiscard]] T &operator*() &noexcept { return value_; }
  [[nodiscard]] const T &operator*() const &noexcept { return value_; }
  [[nodiscard]] T &&operator*() &&noexcept { return std::move(value_); }
  [[nodiscard]] T *operator->() noexcept { return &value_; }
  [[nodiscard]] const T *operator->() const noexcept { return &value_; }
  /** @} */

  /** The value, or @p other after a failure. */
  template <class Other> [[nodiscard]] T value_or(Other &&other) && {
    return has_value() ? std::move(value_) : static_cast<T>(std::forward<Other>(other));
  }

private:
  T value_;
  status code_;
};

/** Whether a call without a value succeeded. */
template <> class [[nodiscard]] result<void> {
public:
  using value_type = void;    /**< nothing is held */
  using error_type = failure; /**< what is held after a failure */

  /** Of what a C call returned. */
  explicit result(kldsel_status code) noexcept : code_(static_cast<status>(code)) {}
  /** Whether the call succeeded. */
  [[nodiscard]] bool has_value() const noexcept { return code_ == status::ok; }
  /** The same. */
  explicit operator bool() const noexcept { return has_value(); }
  /** The failure; its code is ok if there was none. */
  [[nodiscard]] failure error() const noexcept { return failure(code_); }

private:
  status code_;
};

/** What a call that makes a T returns. */
template <class T> using outcome = result<T>;

namespace detail {

template <class T> result<T> finish(kldsel_status code, T value) noexcept {
  return result<T>(code, std::move(value));
}

inline result<void> finish(kldsel_status code) noexcept {
  return result<void>(code);
}

} // namespace detail

#endif

namespace detail {

/* Fails as the library does, for what only this face can see: two views that disagree. */
[[gnu::cold, gnu::noinline]] inline kldsel_status
tell_mismatch(const char *view, std::size_t is, const char *other, std::size_t must_be) noexcept {
  char text[160];
  std::snprintf(text, sizeof text, "%s has %zu elements, %s %zu", view, is, other, must_be);
  return kldsel_set_last_error(KLDSEL_ERROR_MISMATCH, text);
}

inline kldsel_status mismatch(const char *view, std::size_t is, const char *other,
                              std::size_t must_be) noexcept {
  return is == must_be ? KLDSEL_OK : tell_mismatch(view, is, other, must_be);
}

[[gnu::cold, gnu::noinline]] inline kldsel_status out_of_memory(std::size_t count,
                                                                std::size_t size) noexcept {
  char text[96];
  std::snprintf(text, sizeof text, "no memory for %zu times %zu bytes", count, size);
  return kldsel_set_last_error(KLDSEL_ERROR_OUT_OF_MEMORY, text);
}

} // namespace detail

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

/** @} */

#endif
