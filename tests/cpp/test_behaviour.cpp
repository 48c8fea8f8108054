// SPDX-License-Identifier: BSD-3-Clause
// What the C++ face adds: errors, ownership, callables, views.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "support.hpp"

#include <memory>

#if __cplusplus >= 202002L
#include <algorithm>
#include <ranges>
#include <span>
static_assert(std::ranges::contiguous_range<kldsel::span<double>> && std::ranges::view<kldsel::span<double>>);
static_assert(std::ranges::borrowed_range<kldsel::span<double>>);
static_assert(std::ranges::contiguous_range<kldsel::array<double>>);
static_assert(std::random_access_iterator<kldsel::ranking::iterator>);
static_assert(std::ranges::random_access_range<kldsel::ranking::best_first_range>);
static_assert(std::is_convertible_v<kldsel::span<double>, std::span<double>>);
static_assert(std::is_convertible_v<const kldsel::array<double> &, std::span<const double>>);
static_assert(std::is_convertible_v<std::span<double>, kldsel::span<const double>>);
#endif

/* What must not compile. */
static_assert(!std::is_convertible_v<kldsel::span<const double>, kldsel::span<double>>);
static_assert(!std::is_convertible_v<std::vector<float>, kldsel::span<const double>>);
static_assert(!std::is_convertible_v<std::vector<std::int32_t>, kldsel::weights>);
static_assert(!std::is_convertible_v<std::vector<kldsel::profile>, kldsel::tensor_span>);
static_assert(!std::is_copy_constructible_v<kldsel::options> &&
              !std::is_copy_constructible_v<kldsel::profile>);
static_assert(std::is_nothrow_move_assignable_v<kldsel::ranking>);

namespace {

kldsel::tensor dense(const std::vector<float> &weights, const kldsel::options &chosen = {}) {
  return must(kldsel::tensor::view(weights, {4, static_cast<std::int64_t>(weights.size() / 4)},
                                   kldsel::layout::oi, chosen));
}

} // namespace

TEST_CASE("errors have the library's status and text") {
  const auto weights = some_weights(24);
  CHECK_FAILS(kldsel::tensor::view(weights, {4, -6}, kldsel::layout::oi), invalid_argument,
              "shape[1] is -6; must be > 0");
  CHECK_FAILS(kldsel::tensor::view(weights, {4, 7}, kldsel::layout::oi), invalid_argument,
              std::string(kldsel::last_error()));
  CHECK(std::string(kldsel::last_error()).find("96") != std::string::npos); // the bytes there are
  CHECK_FAILS(kldsel::profile::create({}), invalid_argument, "tensor is NULL");
  CHECK_FAILS(kldsel::profile_ref{}.exported(), invalid_argument, "profile is NULL");
  CHECK_FAILS(kldsel::ranking_ref{}.at(3), invalid_argument, std::string(kldsel::last_error()));
  CHECK_FAILS(kldsel::bounds(kldsel::option{5}), invalid_argument, "key 5 is not an option");
  CHECK_FAILS(kldsel::options::create(kldsel::select_share{1.5}), invalid_argument,
              "value of SELECT_SHARE is 1.5; must be 0 to 1");
  CHECK_FAILS(kldsel::options{}.set(kldsel::measure::kl), invalid_argument, "options is NULL");
  CHECK(std::string(kldsel::name(kldsel::status::not_finite)) == "KLDSEL_ERROR_NOT_FINITE");
}

TEST_CASE("an error tells which layer") {
  auto weights = some_weights(24);
  auto broken = weights;
  broken[7] = NAN;
  std::vector<kldsel::tensor> tensors;
  for (int i = 0; i < 3; i++) tensors.push_back(dense(i == 2 ? broken : weights));
  CHECK_FAILS(kldsel::rank_tensors(tensors), not_finite, "tensors[2]: weight at [1, 1] is nan");
  CHECK(kldsel::last_error_layer() == 2);
#if KLDSEL_EXCEPTIONS
  try {
    static_cast<void>(kldsel::rank_tensors(tensors));
    FAIL("nothing was thrown");
  } catch (const kldsel::error &error) {
    static_cast<void>(kldsel::set_last_error(kldsel::status::missing, "another"));
    CHECK(error.layer() == 2);
    CHECK(std::string(error.what()) == "tensors[2]: weight at [1, 1] is nan");
  }
#else
  CHECK(kldsel::rank_tensors(tensors).error().layer() == 2);
#endif
  CHECK_FAILS(kldsel::profile::create(tensors[2]), not_finite, "tensor: weight at [1, 1] is nan");
  CHECK(kldsel::last_error_layer() == -1);
}

TEST_CASE("views that disagree are errors") {
  const auto weights = some_weights(24);
  const std::vector<kldsel::tensor> none;
  std::vector<kldsel::tensor> tensors;
  tensors.push_back(dense(weights));
  std::vector<double> two(2);
  CHECK_FAILS(kldsel::softmax({1.0, 2.0, 3.0}, 1, two), mismatch, "into has 2 elements, values 3");
  CHECK_FAILS(kldsel::tensor::view_strided(weights, 0, {4, 6}, {24}, {1, 0}), mismatch,
              "strides_bytes has 1 elements, shape 2");
  CHECK_FAILS(kldsel::tensor::quantized(tensors[0], {1.0, 2.0}, {1.0}), mismatch,
              "zero_points has 1 elements, scales 2");
  CHECK_FAILS(kldsel::rank_tensors(tensors, {}, {1, 2}), mismatch, "groups has 2 elements, tensors 1");
  CHECK_FAILS(kldsel::rank_tensors(tensors, {}, {}, std::vector<kldsel::tensor_ref>(3)), mismatch,
              "given has 3 elements, tensors 1");
  std::vector<std::int64_t> order(5);
  CHECK_FAILS(kldsel::rank({1.0, 2.0}, {order, {}, {}}), mismatch, "order has 5 elements, scores 2");
  CHECK_FAILS(kldsel::rank_tensors(none), invalid_argument, std::string(kldsel::last_error()));
  const auto profile = must(kldsel::profile::create(tensors[0]));
  CHECK_FAILS(profile.exported(kldsel::span<double>()), mismatch, "into has 0 elements, the export 33");
}

TEST_CASE("handles own, move, and give away") {
  counting memory;
  {
    const auto weights = some_weights(24);
    const auto chosen = must(kldsel::options::create(memory.allocator()));
    kldsel::tensor a = dense(weights, chosen);
    kldsel::tensor b = std::move(a);
    CHECK_FALSE(a); // NOLINT(bugprone-use-after-move): that it is empty is what is tested
    CHECK(b.filters() == 4);
    kldsel::tensor &self = b;
    b = std::move(self);
    CHECK(b.filters() == 4);
    a = dense(weights, chosen);
    a = std::move(b);
    kldsel_tensor *given_away = a.release();
    CHECK(a.get() == nullptr);
    kldsel::tensor back(given_away);
    const kldsel::tensor_ref borrowed = back;
    CHECK(borrowed.get() == given_away);
    auto profiles = must(kldsel::profile::create_many(kldsel::span(&borrowed, 1), chosen));
    profiles = kldsel::array<kldsel::profile>();
    back.reset();
    CHECK(memory.live == 1); // the options themselves
    auto moved = must(kldsel::options::create(memory.allocator(), kldsel::threads{1}));
    kldsel_options *released = moved.release();
    CHECK(memory.live == 2);
    kldsel_options_free(released);
  }
  CHECK(memory.calls > 5);
  CHECK(memory.live == 0);
}

TEST_CASE("no memory is an error, wherever it ends") {
  const auto weights = some_weights(24);
  long failures = 0;
  for (long fail_at = 1;; fail_at++) {
    counting memory;
    memory.fail_at = fail_at;
    bool done = false;
    {
      const auto run = [&] {
#if KLDSEL_EXCEPTIONS
        try {
          const auto chosen = kldsel::options::create(memory.allocator(), kldsel::threads{1});
          const auto tensor = kldsel::tensor::view(weights, {4, 6}, kldsel::layout::oi, chosen);
          const auto profile = kldsel::profile::create(tensor, chosen);
          const auto ranking = kldsel::rank_profiles(kldsel::span(&profile, 1), chosen);
          return ranking.size() == 1;
        } catch (const kldsel::error &error) {
          CHECK(error.code() == kldsel::status::out_of_memory);
          return false;
        }
#else
        const auto chosen = kldsel::options::create(memory.allocator(), kldsel::threads{1});
        if (!chosen) return false;
        const auto tensor = kldsel::tensor::view(weights, {4, 6}, kldsel::layout::oi, *chosen);
        if (!tensor) return false;
        const auto profile = kldsel::profile::create(*tensor, *chosen);
        if (!profile) return false;
        const auto ranking = kldsel::rank_profiles(kldsel::span(&*profile, 1), *chosen);
        return ranking.has_value() && ranking->size() == 1;
#endif
      };
      done = run();
    }
    CHECK(memory.live == 0);
    if (done) break;
    failures++;
    REQUIRE(fail_at < 1000);
  }
  CHECK(failures >= 4);
}

TEST_CASE("progress") {
  const auto weights = some_weights(400);
  const auto tensor = dense(weights);
  auto chosen = must(kldsel::options::create());
  std::uint64_t last = 0;
  std::uint64_t of = 0;
  /* A callable that only moves, and owns what it writes to. */
  auto seen = std::make_unique<int>(0);
  const int *count = seen.get();
  MUST_DO(chosen.set_progress([&last, &of, owned = std::move(seen)](std::uint64_t done, std::uint64_t total) {
    ++*owned;
    last = done;
    of = total;
  }));
  const kldsel::options moved = std::move(chosen);
  static_cast<void>(must(kldsel::profile::create(tensor, moved)));
  CHECK(*count > 0);
  CHECK(last == 400);
  CHECK(of == 400);
}

TEST_CASE("progress cancels") {
  const auto weights = some_weights(400);
  const auto tensor = dense(weights);
  auto chosen = must(kldsel::options::create());
  MUST_DO(chosen.set_progress([](std::uint64_t, std::uint64_t) { return kldsel::next::cancel; }));
  CHECK_FAILS(kldsel::profile::create(tensor, chosen), cancelled, "cancelled by the progress callback");
  MUST_DO(chosen.set_progress([](auto, auto) { return kldsel::next::go_on; }));
  CHECK(must(kldsel::profile::create(tensor, chosen)).filters() == 4);
  MUST_DO(chosen.set_progress([](std::uint64_t, std::uint64_t) { return kldsel::next::cancel; }));
  MUST_DO(chosen.set_progress(nullptr));
  CHECK(must(kldsel::profile::create(tensor, chosen)).filters() == 4);
}

#if KLDSEL_EXCEPTIONS
TEST_CASE("what a progress callable throws comes out of the call") {
  struct mine {
    int number;
  };
  const auto weights = some_weights(400);
  std::vector<kldsel::tensor> tensors;
  tensors.push_back(dense(weights));
  counting memory;
  {
    auto inner = kldsel::options::create(memory.allocator());
    inner.set_progress([](auto, auto) { throw mine{1}; });
    auto outer = kldsel::options::create(memory.allocator());
    /* A call inside of a callable, which throws by itself and is caught there. */
    outer.set_progress([&](auto, auto) {
      try {
        static_cast<void>(kldsel::profile::create(tensors[0], inner));
        FAIL("nothing was thrown");
      } catch (const mine &thrown) {
        CHECK(thrown.number == 1);
      }
      throw std::make_unique<int>(2);
    });
    const auto throws_two = [](auto call) {
      try {
        call();
      } catch (const std::unique_ptr<int> &thrown) {
        return *thrown == 2;
      }
      return false;
    };
    CHECK(throws_two([&] { static_cast<void>(kldsel::rank_tensors(tensors, outer)); }));
    CHECK(throws_two([&] { static_cast<void>(kldsel::profile::create(tensors[0], outer)); }));
    CHECK(throws_two([&] { static_cast<void>(kldsel::profile::create_many(tensors, outer)); }));
    CHECK(throws_two([&] { static_cast<void>(kldsel::pairwise_cosine(tensors[0], outer)); }));

    /* Thrown in a call that C made: it must not come out of another one. */
    kldsel_profile *made = nullptr;
    CHECK(kldsel_profile_create(tensors[0].get(), outer.get(), &made) == KLDSEL_ERROR_CANCELLED);
    auto other = kldsel::options::create(memory.allocator());
    other.set_progress([](auto, auto) { return kldsel::next::cancel; });
    CHECK_FAILS(kldsel::profile::create(tensors[0], other), cancelled, "cancelled by the progress callback");
  }
  CHECK(memory.live == 0);
}
#endif

TEST_CASE("a tensor keeps alive what holds its weights") {
  auto held = std::make_shared<std::vector<float>>(some_weights(24));
  auto tensor = dense(*held);
  MUST_DO(kldsel::keep_alive(tensor, held));
  CHECK(held.use_count() == 2);
  CHECK_FAILS(kldsel::keep_alive(tensor, 7), invalid_argument,
              "tensor has a function to call when it is freed already");
  const auto other = std::move(tensor);
  CHECK(held.use_count() == 2);
  {
    /* What is made of it does not keep it alive. */
    const auto copied = must(kldsel::tensor::copy(other));
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 2);
  const_cast<kldsel::tensor &>(other).reset();
  CHECK(held.use_count() == 1);
}

TEST_CASE("ranges") {
  const auto weights = some_weights(96);
  std::vector<kldsel::tensor> tensors;
  for (std::size_t i = 0; i < 4; i++)
    tensors.push_back(
        must(kldsel::tensor::view(kldsel::span(&weights[i * 24], 24), {4, 6}, kldsel::layout::oi)));
  const auto ranking = must(kldsel::rank_tensors(tensors));
  const auto best = must(ranking.best_first());
  CHECK(best.size() == 4);
  CHECK(best[0].rank == 0);
  CHECK((best.begin() + 2)[1].rank == 3);
  CHECK(best.end() - best.begin() == 4);
  CHECK(best[0].score <= best[3].score);
  CHECK(ranking[99].rank == -1);
  CHECK(std::isnan(ranking[99].score));
  CHECK(kldsel::ranking().begin() == kldsel::ranking().end());
#if __cplusplus >= 202002L
  CHECK(std::ranges::is_sorted(best, {}, &kldsel::ranked_layer::score));
  std::int64_t places = 0;
  for (const auto &layer : best | std::views::reverse | std::views::take(2)) places += layer.rank;
  CHECK(places == 3 + 2);
#endif
}
