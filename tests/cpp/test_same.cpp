// SPDX-License-Identifier: BSD-3-Clause
// Through the C++ face comes what C gives, bit for bit.
#include "support.hpp"

#include <array>

namespace {

constexpr std::array<std::int64_t, 4> shape = {8, 5, 3, 3};
constexpr std::size_t count = 8 * 5 * 9;

/* Four layers, and the C tensors of the same weights. */
struct network {
  std::vector<std::vector<float>> weights;
  std::vector<kldsel::tensor> tensors;
  std::vector<kldsel_tensor *> c;

  network() {
    for (unsigned layer = 0; layer < 4; layer++) {
      weights.push_back(some_weights(count, layer + 1));
      tensors.push_back(must(kldsel::tensor::view(weights.back(), shape)));
      c.push_back(nullptr);
      REQUIRE(kldsel_tensor_view(weights.back().data(), count * sizeof(float), KLDSEL_DTYPE_F32, 4,
                                 shape.data(), KLDSEL_LAYOUT_OIHW, nullptr, &c.back()) == KLDSEL_OK);
    }
  }
  network(const network &) = delete;
  network &operator=(const network &) = delete;
  ~network() {
    for (kldsel_tensor *tensor : c) kldsel_tensor_free(tensor);
  }
};

std::vector<double> c_values(const kldsel_tensor *tensor) {
  std::vector<double> made(
      static_cast<std::size_t>(kldsel_tensor_filters(tensor) * kldsel_tensor_elements(tensor)));
  REQUIRE(kldsel_tensor_values(tensor, made.data(), made.size()) == KLDSEL_OK);
  return made;
}

} // namespace

TEST_CASE("version and build") {
  CHECK(kldsel::version() == kldsel_version());
  CHECK(std::string(kldsel::version_string()) == kldsel_version_string());
  char text[256];
  kldsel_build_info(text, sizeof text);
  CHECK(kldsel::build_info() == text);
  char other[256];
  CHECK(kldsel::build_info(other) == std::strlen(text));
  CHECK(std::string(other) == text);
  CHECK(std::string(kldsel::blas_better_core()) == kldsel_blas_better_core());
  CHECK(static_cast<std::int32_t>(kldsel::highest_cpu_level()) == kldsel_cpu_level());
  CHECK(std::string(kldsel::text(kldsel::reason::not_given)) == kldsel_reason_text(KLDSEL_REASON_NOT_GIVEN));
}

TEST_CASE("tensors") {
  const network net;
  CHECK(net.tensors[0].filters() == 8);
  CHECK(net.tensors[0].elements() == 45);
  CHECK(same_bits(must(net.tensors[0].values()), c_values(net.c[0])));

  const std::array<std::int64_t, 2> strides = {4, 8};
  const auto columns = must(kldsel::tensor::view_strided(net.weights[0], 4, {2, 3}, strides, {2, 1}));
  const double expected[] = {net.weights[0][1], net.weights[0][3], net.weights[0][5],
                             net.weights[0][2], net.weights[0][4], net.weights[0][6]};
  CHECK(same_bits(must(columns.values()), expected));
  CHECK(columns.filters() == 3);

  const auto memory = must(columns.describe());
  CHECK(memory.data == &net.weights[0][1]);
  CHECK(memory.dtype == kldsel::dtype::f32);
  CHECK_FALSE(memory.quantized);
  CHECK(memory.shape().size() == 2);
  CHECK(memory.shape()[1] == 3);
  CHECK(same_bits(memory.strides_bytes(), strides));
  CHECK(memory.axes.filters == 2);
  CHECK(memory.axes.channels == 1);

  const std::array<std::uint8_t, 4> stored = {0, 100, 200, 250};
  const auto bytes = must(kldsel::tensor::view(stored, {2, 2}, kldsel::layout::oi));
  const auto quantized = must(kldsel::tensor::quantized(bytes, {0.5, 2.0}, {100.0, 200.0}));
  const double dequantized[] = {-50, 0, 0, 100};
  CHECK(same_bits(must(quantized.values()), dequantized));
  CHECK(must(quantized.describe()).quantized);
  const auto copied = must(kldsel::tensor::copy(quantized));
  CHECK(same_bits(must(copied.values()), dequantized));

  CHECK(must(kldsel::layer_kind({3, 4})) == kldsel::kind::dense);
  CHECK(must(kldsel::layer_kind({})) == kldsel::kind::other);
  CHECK(must(kldsel::layout_axes(kldsel::layout::hwio, 4)).filters == 8);
  CHECK(must(kldsel::layout_axes(kldsel::layout::hwio, 4)).channels == 4);
}

TEST_CASE("primitives") {
  const network net;
  kldsel_tensor *split = nullptr;
  REQUIRE(kldsel_sign_split(net.c[0], KLDSEL_PART_NEGATIVE, nullptr, &split) == KLDSEL_OK);
  CHECK(same_bits(must(must(kldsel::sign_split(net.tensors[0], kldsel::part::negative)).values()),
                  c_values(split)));
  kldsel_tensor_free(split);

  const auto matrix = must(kldsel::filter_matrix(net.tensors[0]));
  const std::int64_t matrix_shape[] = {8, 5, 9};
  CHECK(same_bits(must(matrix.describe()).shape(), matrix_shape));

  std::array<double, 64> cosines{};
  REQUIRE(kldsel_pairwise_cosine(net.c[0], nullptr, 0, 8, nullptr, cosines.data(), 64) == KLDSEL_OK);
  CHECK(same_bits(must(kldsel::pairwise_cosine(net.tensors[0])), cosines));
  std::array<double, 16> rows{};
  MUST_DO(kldsel::pairwise_cosine(net.tensors[0], {}, 2, 2, rows));
  CHECK(std::memcmp(rows.data(), &cosines[16], sizeof rows) == 0);
  MUST_DO(kldsel::pairwise_cosine(net.tensors[0], net.tensors[1], 0, 2, rows));
  REQUIRE(kldsel_pairwise_cosine(net.c[0], net.c[1], 0, 2, nullptr, cosines.data(), 16) == KLDSEL_OK);
  CHECK(std::memcmp(rows.data(), cosines.data(), sizeof rows) == 0);

  const std::vector<double> values = {1, 2, 3};
  std::array<double, 3> p{};
  std::array<double, 3> q{};
  REQUIRE(kldsel_softmax(values.data(), 3, 2, p.data()) == KLDSEL_OK);
  CHECK(same_bits(must(kldsel::softmax(values, 2)), p));
  MUST_DO(kldsel::softmax(values, 0.5, q));
  double apart = 0;
  REQUIRE(kldsel_divergence(p.data(), 3, q.data(), 3, nullptr, &apart) == KLDSEL_OK);
  CHECK(must(kldsel::divergence(p, q)) == apart);
  CHECK(apart > 0);

  std::array<std::int64_t, 3> order{};
  std::array<std::int64_t, 3> ranks{};
  std::array<std::int32_t, 3> selected{};
  const auto best = must(kldsel::options::create(kldsel::order::high, kldsel::select_count{1}));
  MUST_DO(kldsel::rank({0.1, 0.5, 0.3}, {order, ranks, selected}, best));
  CHECK(order == std::array<std::int64_t, 3>{1, 2, 0});
  CHECK(ranks == std::array<std::int64_t, 3>{2, 0, 1});
  CHECK(selected == std::array<std::int32_t, 3>{0, 1, 0});
  MUST_DO(kldsel::rank({0.1, 0.5, 0.3}, {order, {}, {}}, {}, {}, {7, 8, 7}));
  CHECK(order == std::array<std::int64_t, 3>{0, 2, 1});
  const auto budget = must(kldsel::options::create(kldsel::select_parameters{5}));
  MUST_DO(kldsel::rank({0.1, 0.5, 0.3}, {{}, {}, selected}, budget, {4, 1, 4}));
  CHECK(selected == std::array<std::int32_t, 3>{1, 1, 0});
}

TEST_CASE("profiles") {
  const network net;
  kldsel_profile *c = nullptr;
  REQUIRE(kldsel_profile_create(net.c[0], nullptr, &c) == KLDSEL_OK);
  const auto profile = must(kldsel::profile::create(net.tensors[0]));
  CHECK(profile.filters() == 8);
  CHECK(profile.elements() == 45);
  CHECK(must(profile.length(kldsel::sign::positive)) == 8);

  const auto partial = must(kldsel::profile::create(
      net.tensors[0],
      must(kldsel::options::create(kldsel::granularity::kernel, kldsel::signs(kldsel::sign::negative),
                                   kldsel::content::means | kldsel::content::counts))));
  const auto form = must(partial.describe());
  CHECK(form.granularity == kldsel::granularity::kernel);
  CHECK(form.distribution == kldsel::distribution::profile);
  CHECK(form.signs.value == 1 << KLDSEL_SIGN_NEGATIVE);
  CHECK(form.content == (kldsel::content::means | kldsel::content::counts));
  CHECK(form.temperature == 0.0);
  const auto within = must(kldsel::profile::create(
      net.tensors[0], must(kldsel::options::create(kldsel::reference::within, kldsel::distribution::pairs,
                                                   kldsel::temperature{0.5}))));
  CHECK(must(within.describe()).distribution == kldsel::distribution::pairs);
  CHECK(must(within.describe()).temperature == 0.5);
  CHECK_FAILS(kldsel::profile_ref{}.describe(), invalid_argument, "profile is NULL");

  std::array<double, 8> values{};
  REQUIRE(kldsel_profile_values(c, KLDSEL_SIGN_POSITIVE_NEGATIVE, values.data(), 8) == KLDSEL_OK);
  CHECK(same_bits(must(profile.values(kldsel::sign::positive_negative)), values));
  MUST_DO(profile.values(kldsel::sign::positive_negative, values));

  std::size_t length = 0;
  REQUIRE(kldsel_profile_export(c, nullptr, 0, &length) == KLDSEL_OK);
  std::vector<double> exported(length);
  REQUIRE(kldsel_profile_export(c, exported.data(), length, &length) == KLDSEL_OK);
  CHECK(must(profile.exported_length()) == length);
  CHECK(same_bits(must(profile.exported()), exported));
  std::vector<double> into(length + 3);
  CHECK(must(profile.exported(into)) == length);
  CHECK(same_bits(must(must(kldsel::profile::from_exported(exported)).exported()), exported));

  const auto many = must(kldsel::profile::create_many(net.tensors));
  REQUIRE(many.size() == 4);
  CHECK(same_bits(must(many[0].exported()), exported));
  kldsel_profile_free(c);
}

TEST_CASE("rankings") {
  const network net;
  const auto chosen = must(kldsel::options::create(kldsel::measure::kl, kldsel::sign::positive,
                                                   kldsel::reference::others, kldsel::select_share{0.5}));
  kldsel_ranking *c = nullptr;
  REQUIRE(kldsel_rank_tensors(net.c.data(), 4, nullptr, nullptr, chosen.get(), &c) == KLDSEL_OK);
  const auto profiles = must(kldsel::profile::create_many(net.tensors));
  const kldsel::ranking rankings[] = {must(kldsel::rank_tensors(net.tensors, chosen)),
                                      must(kldsel::rank_tensors(net.c, chosen)),
                                      must(kldsel::rank_profiles(profiles, chosen))};
  std::array<std::int64_t, 4> order{};
  REQUIRE(kldsel_ranking_order(c, order.data(), 4) == KLDSEL_OK);

  for (const kldsel::ranking &ranking : rankings) {
    REQUIRE(ranking.size() == 4);
    std::size_t place = 0;
    for (const auto [layer, score, rank, selected, reason] : must(ranking.best_first())) {
      double c_score = 0;
      std::int64_t c_rank = 0;
      std::int32_t c_selected = 0;
      std::int32_t c_reason = 0;
      REQUIRE(kldsel_ranking_layer(c, layer, &c_score, &c_rank, &c_selected, &c_reason) == KLDSEL_OK);
      CHECK(layer == static_cast<std::size_t>(order[place]));
      CHECK(rank == static_cast<std::int64_t>(place));
      CHECK(score == c_score);
      CHECK(selected == (place < 2));
      CHECK(static_cast<std::int32_t>(reason) == c_reason);
      place++;
    }
    CHECK(place == 4);
    std::size_t index = 0;
    for (const kldsel::ranked_layer &layer : ranking) {
      CHECK(layer.layer == index);
      CHECK(layer.score == ranking[index].score);
      CHECK(must(ranking.at(index)).rank == layer.rank);
      index++;
    }
    CHECK(index == 4);
    std::array<std::int64_t, 4> again{};
    MUST_DO(ranking.order(again));
    CHECK(again == order);
  }
  kldsel_ranking_free(c);

  const auto given = must(kldsel::options::create(kldsel::reference::given));
  std::vector<kldsel::tensor> references(4);
  references[1] = must(kldsel::tensor::copy(net.tensors[0]));
  const auto ranking = must(kldsel::rank_tensors(net.tensors, given, {1, 1, 2, 2}, references));
  CHECK(ranking[0].reason == kldsel::reason::not_given);
  CHECK(ranking[1].reason == kldsel::reason::none);
  CHECK(std::isnan(ranking[2].score));
}

TEST_CASE("options") {
  auto options = must(kldsel::options::create());
  CHECK(must(options.get<kldsel::order>()) == kldsel::order::low);
  MUST_DO(options.set(kldsel::measure::share, kldsel::sign::negative, kldsel::granularity::kernel,
                      kldsel::distribution::pairs, kldsel::alignment::index, kldsel::temperature{0.5},
                      kldsel::content::means | kldsel::content::counts, kldsel::select_parameters{100},
                      kldsel::threads{3}, kldsel::cpu_level::baseline,
                      kldsel::signs(kldsel::sign::all, kldsel::sign::positive_negative)));
  CHECK(must(options.get<kldsel::measure>()) == kldsel::measure::share);
  CHECK(must(options.get<kldsel::order>()) == kldsel::order::low);
  CHECK(must(options.get<kldsel::granularity>()) == kldsel::granularity::kernel);
  CHECK(must(options.get<kldsel::distribution>()) == kldsel::distribution::pairs);
  CHECK(must(options.get<kldsel::alignment>()) == kldsel::alignment::index);
  CHECK(must(options.get<kldsel::temperature>()).value == 0.5);
  CHECK(must(options.get<kldsel::content>()) == (kldsel::content::means | kldsel::content::counts));
  CHECK(must(options.get<kldsel::select_parameters>()).value == 100);
  CHECK(must(options.get<kldsel::threads>()).value == 3);
  CHECK(must(options.get<kldsel::cpu_level>()) == kldsel::cpu_level::baseline);
  CHECK(must(options.get<kldsel::signs>()).value ==
        (1 << KLDSEL_SIGN_ALL | 1 << KLDSEL_SIGN_POSITIVE_NEGATIVE));
  MUST_DO(options.set(kldsel::sign::positive));
  CHECK(must(options.get<kldsel::order>()) == kldsel::order::high);
  MUST_DO(options.set_int(kldsel::option::measure, 0));
  MUST_DO(options.set_double(kldsel::option::select_share, 0.25));
  CHECK(must(options.get<kldsel::measure>()) == kldsel::measure::kl);
  CHECK(must(options.get<kldsel::select_share>()).value == 0.25);
  /* Options that hold nothing tell the defaults. */
  CHECK(must(kldsel::options{}.get<kldsel::sign>()) == kldsel::sign::positive_negative);
  const auto bounds = must(kldsel::bounds(kldsel::option::threads));
  CHECK(bounds.type == kldsel::option_type::integer);
  CHECK(bounds.highest == 1024);
}
