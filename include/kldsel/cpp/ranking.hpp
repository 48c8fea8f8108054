/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file ranking.hpp
 * @brief Rankings of the C++ face, and ranges over them.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_RANKING_HPP
#define KLDSEL_CPP_RANKING_HPP

#include <limits>

#include "profile.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_ranking C++: rankings
 * @ingroup cpp
 * @{ */

/** ::kldsel_reason. */
enum class reason : std::int32_t {
  none = KLDSEL_REASON_NONE,
  too_few_filters = KLDSEL_REASON_TOO_FEW_FILTERS,
  no_neighbour = KLDSEL_REASON_NO_NEIGHBOUR,
  neighbour_too_small = KLDSEL_REASON_NEIGHBOUR_TOO_SMALL,
  not_given = KLDSEL_REASON_NOT_GIVEN
};

/** kldsel_reason_text(). */
[[nodiscard]] inline const char *text(reason why) noexcept {
  return kldsel_reason_text(static_cast<std::int32_t>(why));
}

/** What a ranking says of a layer. */
struct ranked_layer {
  std::size_t layer;                                       /**< index as it was handed in */
  double score = std::numeric_limits<double>::quiet_NaN(); /**< NaN if undefined */
  std::int64_t rank = -1;                                  /**< in its group, 0 for the best */
  bool selected = false;                                   /**< whether it is among those to train */
  kldsel::reason reason = kldsel::reason::none;            /**< why it has no score */
};

/** A ranking that somebody else owns; as large as a pointer, and as cheap to copy. */
class ranking_ref {
public:
  using handle_type = kldsel_ranking; /**< the C type */

  /** Goes over layers: by an order, or as they were handed in. Random access; makes what it points to. */
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag; /**< of C++17, as it makes what it points to */
#if __cplusplus >= 202002L
    using iterator_concept = std::random_access_iterator_tag; /**< of C++20 */
#endif
    using value_type = ranked_layer;        /**< of operator* */
    using difference_type = std::ptrdiff_t; /**< between iterators */
    using pointer = void;                   /**< there is nothing to point to */
    using reference = ranked_layer;         /**< of operator* */

    /** Of nothing. */
    constexpr iterator() noexcept = default;
    /** At a place of an order, or of the layers as they are where that is NULL. */
    constexpr iterator(const kldsel_ranking *ranking, const std::int64_t *order,
                       std::ptrdiff_t place) noexcept
        : ranking_(ranking), order_(order), place_(place) {}

    /** @name Iterator
     * @{ */
    /** As of a random-access iterator. */
    [[nodiscard]] ranked_layer operator*() const noexcept {
      return at(place_);
    }
    [[nodiscard]] ranked_layer operator[](std::ptrdiff_t by) const noexcept {
      return at(place_ + by);
    }

    constexpr iterator &operator+=(std::ptrdiff_t by) noexcept {
      place_ += by;
      return *this;
    }
    constexpr iterator &operator-=(std::ptrdiff_t by) noexcept {
      return *this += -by;
    }
    constexpr iterator &operator++() noexcept {
      return *this += 1;
    }
    constexpr iterator &operator--() noexcept {
      return *this += -1;
    }
    constexpr iterator operator++(int) noexcept {
      iterator was = *this;
      ++*this;
      return was;
    }
    constexpr iterator operator--(int) noexcept {
      iterator was = *this;
      --*this;
      return was;
    }
    [[nodiscard]] friend constexpr iterator operator+(iterator at, std::ptrdiff_t by) noexcept {
      return at += by;
    }
    [[nodiscard]] friend constexpr iterator operator+(std::ptrdiff_t by, iterator at) noexcept {
      return at += by;
    }
    [[nodiscard]] friend constexpr iterator operator-(iterator at, std::ptrdiff_t by) noexcept {
      return at -= by;
    }
    [[nodiscard]] friend constexpr std::ptrdiff_t operator-(iterator a, iterator b) noexcept {
      return a.place_ - b.place_;
    }
    [[nodiscard]] friend constexpr bool operator==(iterator a, iterator b) noexcept {
      return a.place_ == b.place_;
    }
    [[nodiscard]] friend constexpr bool operator!=(iterator a, iterator b) noexcept {
      return a.place_ != b.place_;
    }
    [[nodiscard]] friend constexpr bool operator<(iterator a, iterator b) noexcept {
      return a.place_ < b.place_;
    }
    [[nodiscard]] friend constexpr bool operator>(iterator a, iterator b) noexcept {
      return b < a;
    }
    [[nodiscard]] friend constexpr bool operator<=(iterator a, iterator b) noexcept {
      return !(b < a);
    }
    [[nodiscard]] friend constexpr bool operator>=(iterator a, iterator b) noexcept {
      return !(a < b);
    }

    /** @} */

  private:
    [[nodiscard]] ranked_layer at(std::ptrdiff_t place) const noexcept {
      const auto layer =
          order_ == nullptr ? static_cast<std::size_t>(place) : static_cast<std::size_t>(order_[place]);
      return ranking_ref::read(ranking_, layer).second;
    }

    const kldsel_ranking *ranking_ = nullptr;
    const std::int64_t *order_ = nullptr;
    std::ptrdiff_t place_ = 0;
  };

  /** The layers best first, groups by first appearance. Owns the order, but not the ranking. */
  class best_first_range {
  public:
    /** Of nothing. */
    best_first_range() noexcept = default;
    /** By an order of the ranking's layers. */
    best_first_range(const kldsel_ranking *ranking, array<std::int64_t> order) noexcept
        : ranking_(ranking), order_(std::move(order)) {}
    /** @name Container
     * @{ */
    /** As of a vector; by place, 0 for the best. */
    [[nodiscard]] iterator begin() const noexcept { return {ranking_, order_.data(), 0}; }
    [[nodiscard]] iterator end() const noexcept {
      return {ranking_, order_.data(), static_cast<std::ptrdiff_t>(order_.size())};
    }
    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
    [[nodiscard]] bool empty() const noexcept { return order_.empty(); }
    [[nodiscard]] ranked_layer operator[](std::size_t place) const noexcept {
      return begin()[static_cast<std::ptrdiff_t>(place)];
    }

    /** @} */

  private:
    const kldsel_ranking *ranking_ = nullptr;
    array<std::int64_t> order_;
  };

  /** Of nothing. */
  constexpr ranking_ref() noexcept = default;
  /** Of a handle, which stays the caller's. */
  constexpr explicit ranking_ref(kldsel_ranking *handle) noexcept : handle_(handle) {}

  /** kldsel_ranking_size(); 0 if empty. */
  [[nodiscard]] std::size_t size() const noexcept {
    return kldsel_ranking_size(handle_);
  }
  /** Whether there is no layer. */
  [[nodiscard]] bool empty() const noexcept {
    return size() == 0;
  }

  /** kldsel_ranking_layer(); a layer out of range is an error. */
  [[nodiscard]] outcome<ranked_layer> at(std::size_t layer) const {
    const auto [code, found] = read(handle_, layer);
    return detail::finish(code, found);
  }

  /** kldsel_ranking_layer(); a layer out of range has the score NaN and the rank -1. */
  [[nodiscard]] ranked_layer operator[](std::size_t layer) const noexcept {
    return read(handle_, layer).second;
  }

  /** The layers as they were handed in. */
  [[nodiscard]] iterator begin() const noexcept {
    return {handle_, nullptr, 0};
  }
  /** Its end. */
  [[nodiscard]] iterator end() const noexcept {
    return {handle_, nullptr, static_cast<std::ptrdiff_t>(size())};
  }

  /** The layers best first; must not outlive the ranking. */
  [[nodiscard]] outcome<best_first_range> best_first() const {
    array<std::int64_t> made;
    kldsel_status code = made.resize(size());
    if (code == KLDSEL_OK) code = kldsel_ranking_order(handle_, made.data(), made.size());
    return detail::finish(code, best_first_range(handle_, std::move(made)));
  }

  /** kldsel_ranking_order() into memory of the host. */
  outcome<void> order(span<std::int64_t> into) const {
    return detail::finish(kldsel_ranking_order(handle_, into.data(), into.size()));
  }

  /** The C handle, which stays its owner's. */
  [[nodiscard]] constexpr kldsel_ranking *get() const noexcept {
    return handle_;
  }
  /** Whether there is a handle. */
  constexpr explicit operator bool() const noexcept {
    return handle_ != nullptr;
  }

protected:
  static void free(kldsel_ranking *handle) noexcept {
    kldsel_ranking_free(handle);
  } /**< for the owner */
  /** The pointer. */
  kldsel_ranking *handle_ = nullptr; // NOLINT(misc-non-private-member-variables-in-classes): for the owner

private:
  static std::pair<kldsel_status, ranked_layer> read(const kldsel_ranking *ranking,
                                                     std::size_t layer) noexcept {
    ranked_layer found{layer};
    std::int32_t selected = 0;
    std::int32_t why = 0;
    const kldsel_status code =
        kldsel_ranking_layer(ranking, layer, &found.score, &found.rank, &selected, &why);
    found.selected = selected != 0;
    found.reason = static_cast<kldsel::reason>(why);
    return {code, found};
  }
};

/** A ranking that is owned; as large as a pointer. Empty when default-constructed or moved from. */
class ranking : public detail::owner<ranking_ref> {
public:
  using owner::owner;
};

namespace detail {

/* What stands beside the layers has as many entries, or none. */
template <class Handles>
kldsel_status beside(const char *name, Handles layers, span<const std::int32_t> groups,
                     Handles given) noexcept {
  kldsel_status code = KLDSEL_OK;
  if (groups.data() != nullptr) code = mismatch("groups", groups.size(), name, layers.size());
  if (code == KLDSEL_OK && given.data() != nullptr)
    code = mismatch("given", given.size(), name, layers.size());
  return code;
}

} // namespace detail

/**
 * kldsel_rank_profiles().
 * @param profiles in network order
 * @param chosen   the options
 * @param groups   a number for each, or none for one group
 * @param given    for reference::given only: a profile or an empty one for each
 */
[[nodiscard]] inline outcome<ranking> rank_profiles(profile_span profiles, const options &chosen = {},
                                                    span<const std::int32_t> groups = {},
                                                    profile_span given = {}) {
  kldsel_ranking *made = nullptr;
  kldsel_status code = detail::beside("profiles", profiles, groups, given);
  if (code == KLDSEL_OK)
    code = kldsel_rank_profiles(profiles.data(), profiles.size(), given.data(), groups.data(), chosen.get(),
                                &made);
  return chosen.finish(code, ranking(made));
}

/**
 * kldsel_rank_tensors().
 * @param tensors  in network order
 * @param chosen   the options
 * @param groups   a number for each, or none for one group
 * @param given    for reference::given only: a tensor or an empty one for each
 */
[[nodiscard]] inline outcome<ranking> rank_tensors(tensor_span tensors, const options &chosen = {},
                                                   span<const std::int32_t> groups = {},
                                                   tensor_span given = {}) {
  kldsel_ranking *made = nullptr;
  kldsel_status code = detail::beside("tensors", tensors, groups, given);
  if (code == KLDSEL_OK)
    code =
        kldsel_rank_tensors(tensors.data(), tensors.size(), given.data(), groups.data(), chosen.get(), &made);
  return chosen.finish(code, ranking(made));
}

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
