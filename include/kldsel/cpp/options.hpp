/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file options.hpp
 * @brief Options of the C++ face: each value's type names its key.
 *
 * Included by kldsel.hpp; not for use alone.
 */
#ifndef KLDSEL_CPP_OPTIONS_HPP
#define KLDSEL_CPP_OPTIONS_HPP

#include "span.hpp"

namespace kldsel {
inline namespace KLDSEL_CPP_MODE {

/** @defgroup cpp_options C++: options
 * @ingroup cpp
 * @{ */

/** ::kldsel_option. */
enum class option : std::int32_t {
  measure = KLDSEL_OPTION_MEASURE,
  sign = KLDSEL_OPTION_SIGN,
  reference = KLDSEL_OPTION_REFERENCE,
  order = KLDSEL_OPTION_ORDER,
  granularity = KLDSEL_OPTION_GRANULARITY,
  distribution = KLDSEL_OPTION_DISTRIBUTION,
  alignment = KLDSEL_OPTION_ALIGNMENT,
  temperature = KLDSEL_OPTION_TEMPERATURE,
  signs = KLDSEL_OPTION_SIGNS,
  content = KLDSEL_OPTION_CONTENT,
  select_count = KLDSEL_OPTION_SELECT_COUNT,
  select_share = KLDSEL_OPTION_SELECT_SHARE,
  select_parameters = KLDSEL_OPTION_SELECT_PARAMETERS,
  threads = KLDSEL_OPTION_THREADS,
  cpu_level = KLDSEL_OPTION_CPU_LEVEL
};

/** ::kldsel_measure. */
enum class measure : std::int32_t {
  cosine = KLDSEL_MEASURE_COSINE,
  kl = KLDSEL_MEASURE_KL,
  share = KLDSEL_MEASURE_SHARE
};

/** ::kldsel_sign. */
enum class sign : std::int32_t {
  all = KLDSEL_SIGN_ALL,
  positive = KLDSEL_SIGN_POSITIVE,
  negative = KLDSEL_SIGN_NEGATIVE,
  positive_negative = KLDSEL_SIGN_POSITIVE_NEGATIVE
};

/** ::kldsel_reference. */
enum class reference : std::int32_t {
  uniform = KLDSEL_REFERENCE_UNIFORM,
  others = KLDSEL_REFERENCE_OTHERS,
  previous = KLDSEL_REFERENCE_PREVIOUS,
  next = KLDSEL_REFERENCE_NEXT,
  within = KLDSEL_REFERENCE_WITHIN,
  given = KLDSEL_REFERENCE_GIVEN
};

/** ::kldsel_order. */
enum class order : std::int32_t {
  low = KLDSEL_ORDER_LOW,
  high = KLDSEL_ORDER_HIGH
};

/** ::kldsel_granularity. */
enum class granularity : std::int32_t {
  filter = KLDSEL_GRANULARITY_FILTER,
  kernel = KLDSEL_GRANULARITY_KERNEL
};

/** ::kldsel_distribution. */
enum class distribution : std::int32_t {
  profile = KLDSEL_DISTRIBUTION_PROFILE,
  pairs = KLDSEL_DISTRIBUTION_PAIRS
};

/** ::kldsel_alignment. */
enum class alignment : std::int32_t {
  quantile = KLDSEL_ALIGNMENT_QUANTILE,
  index = KLDSEL_ALIGNMENT_INDEX
};

/** ::kldsel_content; the sum of several is made with |. */
enum class content : std::int32_t {
  values = KLDSEL_CONTENT_VALUES,
  means = KLDSEL_CONTENT_MEANS,
  counts = KLDSEL_CONTENT_COUNTS
};

/** Both contents. */
[[nodiscard]] constexpr content operator|(content a, content b) noexcept {
  return static_cast<content>(static_cast<std::int32_t>(a) | static_cast<std::int32_t>(b));
}

/** ::kldsel_cpu_level_value. */
enum class cpu_level : std::int32_t {
  baseline = KLDSEL_CPU_LEVEL_BASELINE,
  avx2 = KLDSEL_CPU_LEVEL_AVX2,
  avx512 = KLDSEL_CPU_LEVEL_AVX512
};

/** ::kldsel_option_type. */
enum class option_type : std::int32_t {
  integer = KLDSEL_OPTION_TYPE_INT,
  real = KLDSEL_OPTION_TYPE_DOUBLE
};

/** ::KLDSEL_OPTION_TEMPERATURE */
struct temperature {
  double value; /**< the temperature */
};

/** ::KLDSEL_OPTION_SIGNS */
struct signs {
  std::int64_t value; /**< the sum of 1 << sign for each */
  /** The sum itself. */
  constexpr explicit signs(std::int64_t sum) noexcept : value(sum) {}
  /** Those named. */
  template <class... Sign>
  constexpr explicit signs(sign first, Sign... others) noexcept : value((bit(first) | ... | bit(others))) {}

  /** What one adds. */
  static constexpr std::int64_t bit(sign one) noexcept {
    return std::int64_t{1} << static_cast<std::int32_t>(one);
  }
};

/** ::KLDSEL_OPTION_SELECT_COUNT */
struct select_count {
  std::int64_t value; /**< that many layers */
};

/** ::KLDSEL_OPTION_SELECT_SHARE */
struct select_share {
  double value; /**< of all layers */
};

/** ::KLDSEL_OPTION_SELECT_PARAMETERS */
struct select_parameters {
  std::int64_t value; /**< the budget, in weights */
};

/** ::KLDSEL_OPTION_THREADS */
struct threads {
  std::int64_t value; /**< most of them; 0 for all cores */
};

/** Where memory comes from, for options::create(). */
struct allocator {
  kldsel_allocate_function allocate; /**< see ::kldsel_allocate_function; must not throw */
  kldsel_release_function release;   /**< see ::kldsel_release_function */
  void *user;                        /**< handed to both */
};

/** What a progress callable may return. */
enum class next : std::int32_t {
  go_on = 0, /**< the call goes on */
  cancel = 1 /**< it ends as status::cancelled */
};

/** What values an option takes. */
struct option_bounds {
  option_type type; /**< whether they are integers */
  double lowest;    /**< the lowest allowed */
  double highest;   /**< the highest allowed */
};

/** kldsel_options_bounds(). */
[[nodiscard]] inline outcome<option_bounds> bounds(option key) {
  std::int32_t type = 0;
  option_bounds found{};
  const kldsel_status code =
      kldsel_options_bounds(static_cast<std::int32_t>(key), &type, &found.lowest, &found.highest);
  found.type = static_cast<option_type>(type);
  return detail::finish(code, found);
}

namespace detail {

/* The key that a setting's type stands for. */
template <class Setting> struct key;
template <> struct key<measure> : std::integral_constant<option, option::measure> {};
template <> struct key<sign> : std::integral_constant<option, option::sign> {};
template <> struct key<reference> : std::integral_constant<option, option::reference> {};
template <> struct key<order> : std::integral_constant<option, option::order> {};
template <> struct key<granularity> : std::integral_constant<option, option::granularity> {};
template <> struct key<distribution> : std::integral_constant<option, option::distribution> {};
template <> struct key<alignment> : std::integral_constant<option, option::alignment> {};
template <> struct key<content> : std::integral_constant<option, option::content> {};
template <> struct key<cpu_level> : std::integral_constant<option, option::cpu_level> {};
template <> struct key<temperature> : std::integral_constant<option, option::temperature> {};
template <> struct key<signs> : std::integral_constant<option, option::signs> {};
template <> struct key<select_count> : std::integral_constant<option, option::select_count> {};
template <> struct key<select_share> : std::integral_constant<option, option::select_share> {};
template <> struct key<select_parameters> : std::integral_constant<option, option::select_parameters> {};
template <> struct key<threads> : std::integral_constant<option, option::threads> {};

template <class Setting> constexpr std::int32_t key_number = static_cast<std::int32_t>(key<Setting>::value);

template <class Setting> constexpr bool is_real = false;
template <> inline constexpr bool is_real<temperature> = true;
template <> inline constexpr bool is_real<select_share> = true;

template <class Setting> kldsel_status set(kldsel_options *options, const Setting &setting) noexcept {
  if constexpr (is_real<Setting>)
    return kldsel_options_set_double(options, key_number<Setting>, setting.value);
  else if constexpr (std::is_enum_v<Setting>)
    return kldsel_options_set_int(options, key_number<Setting>, static_cast<std::int32_t>(setting));
  else
    return kldsel_options_set_int(options, key_number<Setting>, setting.value);
}

/* A callable of the host's, of a type forgotten. */
struct progress_base {
  progress_base() = default;
  progress_base(const progress_base &) = delete;
  progress_base &operator=(const progress_base &) = delete;
  virtual ~progress_base() = default;
};

#if KLDSEL_EXCEPTIONS
/* What a callable threw, on its way over the C frames: from the callback to the end of the call, on one
 * thread. */
struct pending {
  const progress_base *from = nullptr;
  std::exception_ptr thrown;
};
inline pending &pending_on_this_thread() noexcept {
  static thread_local pending one;
  return one;
}
#endif

template <class Callable> struct progress final : progress_base {
  explicit progress(Callable &&given) : callable(std::move(given)) {}
  explicit progress(const Callable &given) : callable(given) {}

  static std::int32_t call(void *user, std::uint64_t done, std::uint64_t total) noexcept {
    auto *self = static_cast<progress *>(user);
#if KLDSEL_EXCEPTIONS
    try {
      return self->ask(done, total);
    } catch (...) {
      pending_on_this_thread() = {self, std::current_exception()};
      return static_cast<std::int32_t>(next::cancel);
    }
#else
    return self->ask(done, total);
#endif
  }

  std::int32_t ask(std::uint64_t done, std::uint64_t total) {
    using returned = std::invoke_result_t<Callable &, std::uint64_t, std::uint64_t>;
    if constexpr (std::is_void_v<returned>) {
      callable(done, total);
      return static_cast<std::int32_t>(next::go_on);
    } else {
      static_assert(std::is_same_v<returned, next>, "a progress callable returns nothing, or a kldsel::next");
      return static_cast<std::int32_t>(callable(done, total));
    }
  }

private:
  Callable callable;
};

} // namespace detail

/**
 * A set of options. One that was default-constructed holds nothing and means every default: calls take it for
 * NULL, and nothing can be set in it. A setting is a value whose type names the key:
 * `options::create(measure::cosine, sign::positive, select_share{0.3}, threads{1})`.
 */
class options {
public:
  using handle_type = kldsel_options; /**< the C type */

  /** Every default. */
  constexpr options() noexcept = default;
  /** Takes a handle of a C function; frees it at the end. */
  explicit options(kldsel_options *handle) noexcept : handle_(handle) {}

  /** kldsel_options_create() with malloc and free, then set(). */
  template <class... Setting> [[nodiscard]] static outcome<options> create(const Setting &...settings) {
    return create(allocator{nullptr, nullptr, nullptr}, settings...);
  }

  /** kldsel_options_create() with an allocator, then set(). */
  template <class... Setting>
  [[nodiscard]] static outcome<options> create(const allocator &memory, const Setting &...settings) {
    options made;
    kldsel_options *handle = nullptr;
    kldsel_status code = kldsel_options_create(memory.allocate, memory.release, memory.user, &handle);
    made.handle_.reset(handle);
    if (code == KLDSEL_OK) code = made.try_set(settings...);
    return detail::finish(code, std::move(made));
  }

  /** Sets one after the other, up to the first that fails. */
  template <class... Setting> outcome<void> set(const Setting &...settings) {
    return detail::finish(try_set(settings...));
  }

  /** kldsel_options_set_int(). */
  outcome<void> set_int(option key, std::int64_t value) {
    return detail::finish(kldsel_options_set_int(get(), static_cast<std::int32_t>(key), value));
  }

  /** kldsel_options_set_double(). */
  outcome<void> set_double(option key, double value) {
    return detail::finish(kldsel_options_set_double(get(), static_cast<std::int32_t>(key), value));
  }

  /**
   * What calls will use for an option, its default if none was set: `get<measure>()`, `get<temperature>()`.
   * Options that hold nothing tell the defaults. kldsel_options_get_int() and kldsel_options_get_double().
   */
  template <class Setting> [[nodiscard]] outcome<Setting> get() const {
    if constexpr (detail::is_real<Setting>) {
      double value = 0;
      const kldsel_status code = kldsel_options_get_double(get(), detail::key_number<Setting>, &value);
      return detail::finish(code, Setting{value});
    } else {
      std::int64_t value = 0;
      const kldsel_status code = kldsel_options_get_int(get(), detail::key_number<Setting>, &value);
      if constexpr (std::is_enum_v<Setting>)
        return detail::finish(code, static_cast<Setting>(value));
      else
        return detail::finish(code, Setting{value});
    }
  }

  /**
   * Sets the progress callback of long calls: anything that can be called with how much is done and the
   * total, and returns nothing or a kldsel::next. It is kept in the options; see ::kldsel_progress_function
   * for when and where it is called. What it throws cancels the call, and is thrown again from it.
   */
  template <class Callable> outcome<void> set_progress(Callable &&callable) {
    using holder = detail::progress<std::decay_t<Callable>>;
    std::unique_ptr<holder> made(new (std::nothrow) holder(std::forward<Callable>(callable)));
    if (made == nullptr) return detail::finish(detail::out_of_memory(1, sizeof(holder)));
    const kldsel_status code = kldsel_options_set_progress(get(), &holder::call, made.get());
    if (code == KLDSEL_OK) progress_ = std::move(made);
    return detail::finish(code);
  }

  /** Takes the progress callback away. */
  outcome<void> set_progress(std::nullptr_t) {
    const kldsel_status code = kldsel_options_set_progress(get(), nullptr, nullptr);
    if (code == KLDSEL_OK) progress_.reset();
    return detail::finish(code);
  }

  /** Gives the handle away: the caller frees it, after the last use of a progress callable, which ends here.
   */
  [[nodiscard]] kldsel_options *release() noexcept {
    if (progress_ != nullptr) static_cast<void>(kldsel_options_set_progress(get(), nullptr, nullptr));
    progress_.reset();
    return handle_.release();
  }
  /** The C handle; NULL for every default. */
  [[nodiscard]] kldsel_options *get() const noexcept { return handle_.get(); }
  /** Whether there is a handle. */
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /** Ends a C call that was made with get(): throws what the callable threw, else what the status says. */
  template <class... Value> [[nodiscard]] auto finish(kldsel_status code, Value &&...value) const {
#if KLDSEL_EXCEPTIONS
    if (code == KLDSEL_ERROR_CANCELLED) rethrow();
#endif
    return detail::finish(code, std::forward<Value>(value)...);
  }

private:
  template <class... Setting> kldsel_status try_set(const Setting &...settings) noexcept {
    kldsel_status code = KLDSEL_OK;
    static_cast<void>((((code = detail::set(get(), settings)) == KLDSEL_OK) && ...));
    return code;
  }

#if KLDSEL_EXCEPTIONS
  [[gnu::cold, gnu::noinline]] void rethrow() const {
    detail::pending &pending = detail::pending_on_this_thread();
    if (progress_ == nullptr || pending.from != progress_.get()) return;
    pending.from = nullptr;
    std::rethrow_exception(std::exchange(pending.thrown, nullptr));
  }
#endif

  struct deleter {
    void operator()(kldsel_options *handle) const noexcept { kldsel_options_free(handle); }
  };

  std::unique_ptr<detail::progress_base> progress_;
  std::unique_ptr<kldsel_options, deleter> handle_;
};

/** @} */

} // namespace KLDSEL_CPP_MODE
} // namespace kldsel

#endif
