/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file profile.hpp
 * @brief Profiles of the C++ face.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_PROFILE_HPP
#define KLDSEL_CPP_PROFILE_HPP

#include "tensor.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_profile C++: profiles
 * @ingroup cpp
 * @{ */

/** How a profile was made: kldsel_profile_describe(). */
struct profile_form {
  kldsel::granularity granularity{};   /**< of its similarities */
  kldsel::distribution distribution{}; /**< one for each filter, or all pairs */
  kldsel::signs signs{0};              /**< those that it holds */
  kldsel::content content{};           /**< what it holds */
  double temperature = 0;              /**< of the divergences within; 0 if it holds none */
};

/** A profile that somebody else owns; as large as a pointer, and as cheap to copy. */
class profile_ref {
public:
  using handle_type = kldsel_profile; /**< the C type */

  /** Of nothing. */
  constexpr profile_ref() noexcept = default;
  /** Of a handle, which stays the caller's. */
  constexpr explicit profile_ref(kldsel_profile *handle) noexcept : handle_(handle) {}

  /** kldsel_profile_filters(); 0 if empty. */
  [[nodiscard]] std::int64_t filters() const noexcept { return kldsel_profile_filters(handle_); }
  /** kldsel_profile_elements(); 0 if empty. */
  [[nodiscard]] std::int64_t elements() const noexcept { return kldsel_profile_elements(handle_); }

  /** How it was made, and so what rankings it will do for. */
  [[nodiscard]] outcome<profile_form> describe() const {
    profile_form found;
    std::int32_t of = 0;
    std::int32_t by = 0;
    std::int32_t held = 0;
    std::int32_t what = 0;
    const kldsel_status code = kldsel_profile_describe(handle_, &of, &by, &held, &what, &found.temperature);
    found.granularity = static_cast<kldsel::granularity>(of);
    found.distribution = static_cast<kldsel::distribution>(by);
    found.signs = kldsel::signs(held);
    found.content = static_cast<kldsel::content>(what);
    return detail::finish(code, found);
  }

  /** kldsel_profile_length(). */
  [[nodiscard]] outcome<std::size_t> length(sign of) const {
    std::size_t found = 0;
    const kldsel_status code = kldsel_profile_length(handle_, static_cast<std::int32_t>(of), &found);
    return detail::finish(code, found);
  }

  /** kldsel_profile_values() into memory of the host. */
  outcome<void> values(sign of, span<double> into) const {
    return detail::finish(
        kldsel_profile_values(handle_, static_cast<std::int32_t>(of), into.data(), into.size()));
  }

  /** kldsel_profile_values() into a new array. */
  [[nodiscard]] outcome<array<double>> values(sign of) const {
    array<double> made;
    std::size_t count = 0;
    kldsel_status code = kldsel_profile_length(handle_, static_cast<std::int32_t>(of), &count);
    if (code == KLDSEL_OK) code = made.resize(count);
    if (code == KLDSEL_OK && count != 0)
      code = kldsel_profile_values(handle_, static_cast<std::int32_t>(of), made.data(), count);
    return detail::finish(code, std::move(made));
  }

  /** Number of doubles that exported() writes. */
  [[nodiscard]] outcome<std::size_t> exported_length() const {
    std::size_t needed = 0;
    const kldsel_status code = kldsel_profile_export(handle_, nullptr, 0, &needed);
    return detail::finish(code, needed);
  }

  /** kldsel_profile_export() into memory of the host; tells how many doubles it wrote. */
  outcome<std::size_t> exported(span<double> into) const {
    std::size_t needed = 0;
    kldsel_status code = kldsel_profile_export(handle_, into.data(), into.size(), &needed);
    /* To C no room at all is a question; here it is a mistake. */
    if (code == KLDSEL_OK)
      code = into.empty() ? detail::mismatch("into", 0, "the export", needed) : KLDSEL_OK;
    return detail::finish(code, needed);
  }

  /** kldsel_profile_export() into a new array. */
  [[nodiscard]] outcome<array<double>> exported() const {
    array<double> made;
    std::size_t needed = 0;
    kldsel_status code = kldsel_profile_export(handle_, nullptr, 0, &needed);
    if (code == KLDSEL_OK) code = made.resize(needed);
    if (code == KLDSEL_OK) code = kldsel_profile_export(handle_, made.data(), made.size(), &needed);
    return detail::finish(code, std::move(made));
  }

  /** The C handle, which stays its owner's. */
  [[nodiscard]] constexpr kldsel_profile *get() const noexcept { return handle_; }
  /** Whether there is a handle. */
  constexpr explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
  static void free(kldsel_profile *handle) noexcept { kldsel_profile_free(handle); } /**< for the owner */
  /** The pointer. */
  kldsel_profile *handle_ = nullptr; // NOLINT(misc-non-private-member-variables-in-classes): for the owner
};

/** A profile that is owned; as large as a pointer. Empty when default-constructed or moved from. */
class profile : public detail::owner<profile_ref> {
public:
  using owner::owner;

  /** kldsel_profile_create(). */
  [[nodiscard]] static outcome<profile> create(tensor_ref of, const options &chosen = {}) {
    kldsel_profile *made = nullptr;
    const kldsel_status code = kldsel_profile_create(of.get(), chosen.get(), &made);
    return chosen.finish(code, profile(made));
  }

  /** kldsel_profile_create_many(). */
  [[nodiscard]] static outcome<array<profile>> create_many(tensor_span of, const options &chosen = {}) {
    array<profile> made;
    kldsel_status code = made.resize(of.size());
    if (code == KLDSEL_OK)
      code = kldsel_profile_create_many(of.data(), of.size(), chosen.get(),
                                        reinterpret_cast<kldsel_profile **>(made.data()));
    return chosen.finish(code, std::move(made));
  }

  /** kldsel_profile_import(). */
  [[nodiscard]] static outcome<profile> from_exported(span<const double> values, const options &chosen = {}) {
    kldsel_profile *made = nullptr;
    const kldsel_status code = kldsel_profile_import(values.data(), values.size(), chosen.get(), &made);
    return detail::finish(code, profile(made));
  }
};

/** Several profiles for a call. */
using profile_span = handle_span<profile_ref>;

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
