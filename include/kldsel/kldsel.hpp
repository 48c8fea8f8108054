/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file kldsel.hpp
 * @brief libkldsel for C++17 and later: a header-only face of kldsel.h.
 */
#ifndef KLDSEL_KLDSEL_HPP
#define KLDSEL_KLDSEL_HPP

#include <string>

/**
 * @defgroup cpp C++
 * Header-only, over kldsel.h, which has the meaning of every function, value and error: a name here is the C
 * name without its prefix.
 *
 * - **Handles.** `tensor`, `profile`, `ranking` and `options` own their C handle and free it; they move, and
 * do not copy. `tensor_ref`, `profile_ref`, `ranking_ref` do not own. get() gives the C handle, so both APIs
 * mix.
 * - **Memory.** A kldsel::span is a view, made from and turned into a `std::span`; what a call makes comes as
 * a kldsel::array.
 * - **Errors.** Exceptions or results, see @ref cpp_errors.
 * - **Cost.** A handle is as large as a pointer, an array of handles is handed on as it is, and every
 * function is inline: what runs are the calls that C would make. A call that hands out a kldsel::array
 * allocates it.
 * - **Threads.** As in C.
 */

#include "cpp/options.hpp"
#include "cpp/primitives.hpp"
#include "cpp/profile.hpp"
#include "cpp/ranking.hpp"
#include "cpp/span.hpp"
#include "cpp/status.hpp"
#include "cpp/tensor.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @addtogroup cpp
 * @{ */

/** kldsel_version(). */
[[nodiscard]] inline std::uint32_t version() noexcept {
  return kldsel_version();
}

/** kldsel_version_string(). */
[[nodiscard]] inline const char *version_string() noexcept {
  return kldsel_version_string();
}

/** kldsel_build_info() into memory of the host; tells the whole length, as snprintf does. */
[[nodiscard]] inline std::size_t build_info(span<char> into) noexcept {
  return kldsel_build_info(into.data(), into.size());
}

/** kldsel_build_info() as a string. */
[[nodiscard]] inline std::string build_info() {
  std::string text(kldsel_build_info(nullptr, 0) + 1, '\0');
  text.resize(kldsel_build_info(text.data(), text.size()));
  return text;
}

/** kldsel_blas_better_core(). */
[[nodiscard]] inline const char *blas_better_core() noexcept {
  return kldsel_blas_better_core();
}

/** kldsel_cpu_level(). */
[[nodiscard]] inline cpu_level highest_cpu_level() noexcept {
  return static_cast<cpu_level>(kldsel_cpu_level());
}

static_assert(sizeof(tensor) == sizeof(kldsel_tensor *) && std::is_standard_layout_v<tensor>);
static_assert(sizeof(tensor_ref) == sizeof(kldsel_tensor *) && std::is_trivially_copyable_v<tensor_ref>);
static_assert(sizeof(profile) == sizeof(kldsel_profile *) && std::is_standard_layout_v<profile>);
static_assert(sizeof(profile_ref) == sizeof(kldsel_profile *) && std::is_trivially_copyable_v<profile_ref>);
static_assert(sizeof(ranking) == sizeof(kldsel_ranking *) && std::is_standard_layout_v<ranking>);
static_assert(sizeof(ranking_ref) == sizeof(kldsel_ranking *) && std::is_trivially_copyable_v<ranking_ref>);
static_assert(sizeof(options) == 2 * sizeof(void *), "the C handle, and the progress callable");
static_assert(sizeof(span<double>) == sizeof(void *) + sizeof(std::size_t));
static_assert(std::is_nothrow_move_constructible_v<tensor> && !std::is_copy_constructible_v<tensor>);

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
