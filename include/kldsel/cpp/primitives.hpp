/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file primitives.hpp
 * @brief The six primitives of the C++ face.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_PRIMITIVES_HPP
#define KLDSEL_CPP_PRIMITIVES_HPP

#include "tensor.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_primitives C++: the six primitives
 * @ingroup cpp
 * @{ */

/** ::kldsel_part. */
enum class part : std::int32_t {
  all = KLDSEL_PART_ALL,
  positive = KLDSEL_PART_POSITIVE,
  negative = KLDSEL_PART_NEGATIVE
};

/** kldsel_sign_split(). */
[[nodiscard]] inline outcome<tensor> sign_split(tensor_ref of, part kept, const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code =
      kldsel_sign_split(of.get(), static_cast<std::int32_t>(kept), chosen.get(), &made);
  return detail::finish(code, tensor(made));
}

/** kldsel_filter_matrix(). */
[[nodiscard]] inline outcome<tensor> filter_matrix(tensor_ref of, const options &chosen = {}) {
  kldsel_tensor *made = nullptr;
  const kldsel_status code = kldsel_filter_matrix(of.get(), chosen.get(), &made);
  return detail::finish(code, tensor(made));
}

/** kldsel_pairwise_cosine(): some rows of the matrix, into memory of the host; an empty @p y for x itself. */
inline outcome<void> pairwise_cosine(tensor_ref x, tensor_ref y, std::int64_t first_row, std::int64_t rows,
                                     span<double> into, const options &chosen = {}) {
  return chosen.finish(
      kldsel_pairwise_cosine(x.get(), y.get(), first_row, rows, chosen.get(), into.data(), into.size()));
}

/** kldsel_pairwise_cosine(): the whole matrix of @p x with itself, row-major, in a new array. */
[[nodiscard]] inline outcome<array<double>> pairwise_cosine(tensor_ref x, const options &chosen = {}) {
  array<double> made;
  const std::int64_t rows = x.filters();
  /* A product that overflows is one that cannot be had. */
  const auto side = static_cast<std::size_t>(rows);
  kldsel_status code =
      side != 0 && side > SIZE_MAX / side ? detail::out_of_memory(side, side) : made.resize(side * side);
  if (code == KLDSEL_OK)
    code = kldsel_pairwise_cosine(x.get(), nullptr, 0, rows, chosen.get(), made.data(), made.size());
  return chosen.finish(code, std::move(made));
}

/** kldsel_softmax() into memory of the host, of the same length; may be @p values itself. */
inline outcome<void> softmax(span<const double> values, double at_temperature, span<double> into) {
  kldsel_status code = detail::mismatch("into", into.size(), "values", values.size());
  if (code == KLDSEL_OK) code = kldsel_softmax(values.data(), values.size(), at_temperature, into.data());
  return detail::finish(code);
}

/** kldsel_softmax() into a new array. */
[[nodiscard]] inline outcome<array<double>> softmax(span<const double> values, double at_temperature = 1) {
  array<double> made;
  kldsel_status code = made.resize(values.size());
  if (code == KLDSEL_OK) code = kldsel_softmax(values.data(), values.size(), at_temperature, made.data());
  return detail::finish(code, std::move(made));
}

/** kldsel_divergence(). */
[[nodiscard]] inline outcome<double> divergence(span<const double> p, span<const double> q,
                                                const options &chosen = {}) {
  double found = 0;
  const kldsel_status code = kldsel_divergence(p.data(), p.size(), q.data(), q.size(), chosen.get(), &found);
  return detail::finish(code, found);
}

/** What kldsel_rank() writes: each of as many elements as there are scores, or empty for not wanted. */
struct rank_outputs {
  span<std::int64_t> order{};    /**< layer indices, best first */
  span<std::int64_t> ranks{};    /**< 0 for the best */
  span<std::int32_t> selected{}; /**< 0 or 1 */
};

/** kldsel_rank() into memory of the host; @p parameters and @p groups may be empty. */
inline outcome<void> rank(span<const double> scores, const rank_outputs &into, const options &chosen = {},
                          span<const std::int64_t> parameters = {}, span<const std::int32_t> groups = {}) {
  kldsel_status code = KLDSEL_OK;
  const auto agree = [&](const char *name, const auto &view) {
    if (code == KLDSEL_OK && view.data() != nullptr)
      code = detail::mismatch(name, view.size(), "scores", scores.size());
  };
  agree("order", into.order);
  agree("ranks", into.ranks);
  agree("selected", into.selected);
  agree("parameters", parameters);
  agree("groups", groups);
  if (code == KLDSEL_OK)
    code = kldsel_rank(scores.data(), scores.size(), parameters.data(), groups.data(), chosen.get(),
                       into.order.data(), into.ranks.data(), into.selected.data());
  return detail::finish(code);
}

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
