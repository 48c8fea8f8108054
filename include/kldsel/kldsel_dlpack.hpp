/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file kldsel_dlpack.hpp
 * @brief DLPack for the C++ face: kldsel_dlpack.h with handles, and one name for both forms.
 */
#ifndef KLDSEL_KLDSEL_DLPACK_HPP
#define KLDSEL_KLDSEL_DLPACK_HPP

#include "kldsel.hpp"
#include "kldsel_dlpack.h"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** DLPack in and out; which dlpack.h is used is told in kldsel_dlpack.h. */
namespace dlpack {

/** @defgroup cpp_dlpack C++: DLPack
 * @ingroup cpp
 * `Managed` is DLManagedTensor or, if the host's dlpack.h has it, DLManagedTensorVersioned.
 * @{ */

/** Frees what was exported, unless release() has given it away. */
struct deleter {
  /** Calls the deleter of the managed tensor. */
  template <class Managed> void operator()(Managed *managed) const noexcept {
    if (managed->deleter != nullptr) managed->deleter(managed);
  }
};

/** An exported tensor, owned until an importer takes it by release(). */
template <class Managed> using exported = std::unique_ptr<Managed, deleter>;

/** kldsel_dlpack_view(). */
[[nodiscard]] inline outcome<tensor> view(const DLTensor &from, layout named = layout::oihw,
                                          const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code = kldsel_dlpack_view(&from, static_cast<std::int32_t>(named), chosen.get(), &made);
  return kldsel::detail::finish(code, tensor(made));
}

/** kldsel_dlpack_view_axes(). */
[[nodiscard]] inline outcome<tensor> view(const DLTensor &from, axes meaning, const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code =
      kldsel_dlpack_view_axes(&from, meaning.filters, meaning.channels, chosen.get(), &made);
  return kldsel::detail::finish(code, tensor(made));
}

/** kldsel_dlpack_import(): takes over @p managed, whatever comes of it. */
[[nodiscard]] inline outcome<tensor> import_tensor(DLManagedTensor *managed, layout named = layout::oihw,
                                                   const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code =
      kldsel_dlpack_import(managed, static_cast<std::int32_t>(named), chosen.get(), &made);
  return kldsel::detail::finish(code, tensor(made));
}

namespace detail {

inline kldsel_status export_values(const kldsel_tensor *of, DLManagedTensor **made) noexcept {
  return kldsel_dlpack_export_values(of, made);
}
inline kldsel_status export_profile(const kldsel_profile *of, std::int32_t sign,
                                    DLManagedTensor **made) noexcept {
  return kldsel_dlpack_export_profile(of, sign, made);
}
#ifdef DLPACK_MAJOR_VERSION
inline kldsel_status export_values(const kldsel_tensor *of, DLManagedTensorVersioned **made) noexcept {
  return kldsel_dlpack_export_values_versioned(of, made);
}
inline kldsel_status export_profile(const kldsel_profile *of, std::int32_t sign,
                                    DLManagedTensorVersioned **made) noexcept {
  return kldsel_dlpack_export_profile_versioned(of, sign, made);
}
#endif

} // namespace detail

/** kldsel_dlpack_export_values(): a copy. */
template <class Managed> [[nodiscard]] outcome<exported<Managed>> export_values(tensor_ref of) {
  Managed *made = nullptr;
  const kldsel_status code = detail::export_values(of.get(), &made);
  return kldsel::detail::finish(code, exported<Managed>(made));
}

/** kldsel_dlpack_export_profile(): a copy. */
template <class Managed> [[nodiscard]] outcome<exported<Managed>> export_profile(profile_ref of, sign part) {
  Managed *made = nullptr;
  const kldsel_status code = detail::export_profile(of.get(), static_cast<std::int32_t>(part), &made);
  return kldsel::detail::finish(code, exported<Managed>(made));
}

#ifdef DLPACK_MAJOR_VERSION

/** kldsel_dlpack_import_versioned(): takes over @p managed, whatever comes of it. */
[[nodiscard]] inline outcome<tensor> import_tensor(DLManagedTensorVersioned *managed,
                                                   layout named = layout::oihw, const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code =
      kldsel_dlpack_import_versioned(managed, static_cast<std::int32_t>(named), chosen.get(), &made);
  return kldsel::detail::finish(code, tensor(made));
}

/** kldsel_dlpack_export_tensor_versioned(): no copy. The tensor is empty after a success. */
[[nodiscard]] inline outcome<exported<DLManagedTensorVersioned>> export_tensor(tensor &&given) {
  DLManagedTensorVersioned *made = nullptr;
  const kldsel_status code = kldsel_dlpack_export_tensor_versioned(given.get(), &made);
  if (code == KLDSEL_OK) static_cast<void>(given.release());
  return kldsel::detail::finish(code, exported<DLManagedTensorVersioned>(made));
}

#endif

/** @} */

} // namespace dlpack
} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
