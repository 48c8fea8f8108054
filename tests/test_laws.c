/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold of every layer, whatever its weights: the "facts worth a test" of docs/method.md that are
 * about the method itself. test_storage.c has those about how weights are stored. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "layers.h"
#include "support.h"
#include "tolerance.h"

enum {
  FILTERS = 9,
  CHANNELS = 4,
  KERNEL = 9
};

static struct layer small_layer(int pattern) {
  return layer_create((enum pattern)pattern, FILTERS, CHANNELS, KERNEL, 11);
}

/* The layer with filter i and element e taken from filter rows[i] and element columns[e]. */
static struct layer shuffled(const struct layer *layer, const int64_t *rows, const int64_t *columns) {
  struct layer copy = layer_from(layer->name, layer->filters, layer->channels, layer->kernel, layer->weights);
  copy.ordinary = layer->ordinary;
  int64_t k = layer_elements(layer);
  for (int64_t i = 0; i < layer->filters; i++)
    for (int64_t e = 0; e < k; e++)
      copy.weights[i * k + e] = layer->weights[(rows ? rows[i] : i) * k + (columns ? columns[e] : e)];
  return copy;
}

/* ---- signs ---- */

/* Rounding is symmetric about 0, so negating all weights swaps the sign parts to the bit. */
START_TEST(negative_of_minus_f_is_positive_of_f) {
  static const int32_t mirrored[] = {0, KLDSEL_SIGN_ALL, KLDSEL_SIGN_NEGATIVE, KLDSEL_SIGN_POSITIVE};
  struct layer layer = small_layer(_i % PATTERN_COUNT);
  set_int(KLDSEL_OPTION_GRANULARITY, 1 + _i / PATTERN_COUNT);
  kldsel_profile *profile = layer_profile(&layer);
  for (int64_t e = 0; e < layer.filters * layer_elements(&layer); e++) layer.weights[e] = -layer.weights[e];
  kldsel_profile *negated = layer_profile(&layer);
  size_t n = 0;
  double *values = exported(profile, &n), *values_negated = exported(negated, &n);
  ck_assert_double_eq(values[7], values_negated[8]);
  ck_assert_double_eq(values[8], values_negated[7]);
  for (int32_t sign = KLDSEL_SIGN_ALL; sign <= KLDSEL_SIGN_NEGATIVE; sign++) {
    assert_same_doubles(values + 8 + sign, values_negated + 8 + mirrored[sign], 1, layer.name);
    assert_same_doubles(values + export_offset(profile, sign),
                        values_negated + export_offset(negated, mirrored[sign]), (size_t)layer.filters,
                        layer.name);
  }
  free(values);
  free(values_negated);
  kldsel_profile_free(profile);
  kldsel_profile_free(negated);
  layer_free(&layer);
}
END_TEST

/* ---- invariances ---- */

START_TEST(positive_scale_changes_nothing) {
  static const double scales[] = {3.7, 1.0 / 3, 1e-9, 1e30, 0x1p40};
  struct layer layer = small_layer(_i);
  kldsel_profile *profile = layer_profile(&layer);
  struct layer scaled = shuffled(&layer, NULL, NULL);
  for (size_t s = 0; s < COUNT(scales); s++) {
    for (int64_t e = 0; e < layer.filters * layer_elements(&layer); e++)
      scaled.weights[e] = scales[s] * layer.weights[e];
    kldsel_profile *profile_scaled = layer_profile(&scaled);
    assert_close_profiles(&layer, KLDSEL_GRANULARITY_FILTER, profile, profile_scaled, NULL, layer.name);
    kldsel_profile_free(profile_scaled);
  }
  kldsel_profile_free(profile);
  layer_free(&layer);
  layer_free(&scaled);
}
END_TEST

START_TEST(order_of_filters_changes_nothing) {
  struct layer layer = small_layer(_i);
  struct generator g = {21};
  int64_t rows[FILTERS];
  next_permutation(&g, FILTERS, rows);
  struct layer permuted = shuffled(&layer, rows, NULL);
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *profile = layer_profile(&layer), *profile_permuted = layer_profile(&permuted);
    assert_close_profiles(&layer, granularity, profile, profile_permuted, rows, layer.name);
    kldsel_profile_free(profile);
    kldsel_profile_free(profile_permuted);
  }
  layer_free(&layer);
  layer_free(&permuted);
}
END_TEST

START_TEST(order_of_elements_changes_nothing) {
  struct layer layer = small_layer(_i);
  struct generator g = {22};
  int64_t columns[CHANNELS * KERNEL];
  next_permutation(&g, CHANNELS * KERNEL, columns);
  struct layer permuted = shuffled(&layer, NULL, columns);
  kldsel_profile *profile = layer_profile(&layer), *profile_permuted = layer_profile(&permuted);
  assert_close_profiles(&layer, KLDSEL_GRANULARITY_FILTER, profile, profile_permuted, NULL, layer.name);
  kldsel_profile_free(profile);
  kldsel_profile_free(profile_permuted);
  layer_free(&layer);
  layer_free(&permuted);
}
END_TEST

/* With one channel both granularities mean the same. */
START_TEST(kernel_of_one_channel_is_filter) {
  struct layer layer = layer_create((enum pattern)_i, FILTERS, 1, CHANNELS * KERNEL, 12);
  kldsel_profile *by_filter = layer_profile(&layer);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  kldsel_profile *by_kernel = layer_profile(&layer);
  for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
    size_t n = 0;
    double *a = similarities_of(by_filter, sign, &n), *b = similarities_of(by_kernel, sign, &n);
    struct similarity_bounds bounds =
        bound_similarities(&layer, sign, KLDSEL_GRANULARITY_FILTER, KLDSEL_DISTRIBUTION_PROFILE, a, n);
    for (size_t i = 0; i < n; i++) ck_assert_double_le(fabs(a[i] - b[i]), 2 * bounds.value);
    free(a);
    free(b);
  }
  kldsel_profile_free(by_filter);
  kldsel_profile_free(by_kernel);
  layer_free(&layer);
}
END_TEST

/* ---- divergences ---- */

/* A profile whose similarities are those of another: taken in an order, each repeated some times. */
static kldsel_profile *rearranged(const kldsel_profile *profile, const int64_t *order, size_t repeats) {
  size_t length = 0;
  double *values = exported(profile, &length);
  size_t filters = (size_t)kldsel_profile_filters(profile);
  size_t header = export_offset(profile, KLDSEL_SIGN_ALL), new_length = header + 4 * filters * repeats;
  double *copy = malloc(new_length * sizeof *copy);
  ck_assert_ptr_nonnull(copy);
  memcpy(copy, values, header * sizeof *copy);
  copy[2] = (double)(filters * repeats);
  copy[7] *= (double)repeats;
  copy[8] *= (double)repeats;
  for (size_t i = 0; i < 4 * filters * repeats; i++) {
    size_t sign = i / (filters * repeats), filter = i % (filters * repeats) / repeats;
    copy[header + i] = values[header + sign * filters + (order ? (size_t)order[filter] : filter)];
  }
  kldsel_profile *result = NULL;
  assert_ok(kldsel_profile_import(copy, new_length, test_options, &result));
  free(copy);
  free(values);
  return result;
}

/* Equal sorted profiles: the divergence is 0, not almost 0. */
static double spread_of(const kldsel_profile *profile, int32_t sign) {
  double values[FILTERS], low = HUGE_VAL, high = -HUGE_VAL;
  assert_ok(kldsel_profile_values(profile, sign, values, FILTERS));
  for (int i = 0; i < FILTERS; i++) {
    low = fmin(low, values[i]);
    high = fmax(high, values[i]);
  }
  return high - low;
}

START_TEST(divergence_of_equal_profiles_is_0) {
  struct layer layer = small_layer(_i);
  struct generator g = {23};
  int64_t order[FILTERS];
  next_permutation(&g, FILTERS, order);
  kldsel_profile *profiles[3] = {layer_profile(&layer)};
  profiles[1] = rearranged(profiles[0], order, 1);
  profiles[2] = rearranged(profiles[0], NULL, 1);
  kldsel_profile *given[3] = {profiles[2], profiles[0], profiles[1]};
  for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++)
    for (int32_t reference = KLDSEL_REFERENCE_OTHERS; reference <= KLDSEL_REFERENCE_GIVEN; reference++) {
      if (reference == KLDSEL_REFERENCE_WITHIN) continue;
      bool by_caller = reference == KLDSEL_REFERENCE_GIVEN;
      double scores[3] = {-1, -1, -1};
      set_int(KLDSEL_OPTION_SIGN, sign);
      set_int(KLDSEL_OPTION_REFERENCE, reference);
      rank_scores(profiles, 3, by_caller ? given : NULL, NULL, scores, NULL);
      /* Exactly, but for the mean over others, which is not taken pair by pair. */
      double bound =
          reference == KLDSEL_REFERENCE_OTHERS ? bound_shared_sum(spread_of(profiles[0], sign), 1) : 0;
      for (int l = 0; l < 3; l++)
        ck_assert_msg(isnan(scores[l]) || (scores[l] >= 0 && scores[l] <= bound),
                      "%s, sign %d, reference %d: %g", layer.name, sign, reference, scores[l]);
      ck_assert(!isnan(scores[1]));
    }
  for (int l = 0; l < 3; l++) kldsel_profile_free(profiles[l]);
  layer_free(&layer);
}
END_TEST

/* Repeating every value of a step function changes no step. (Repeating the filters of a layer does: each
 * then meets a copy of itself.) Only z's sum over more terms rounds anew: a few u in a divergence of
 * order 1, less in a smaller one, see tolerance.h. */
START_TEST(repeated_profiles_diverge_alike) {
  enum {
    LAYERS = 3
  };
  static const int32_t references[] = {KLDSEL_REFERENCE_OTHERS, KLDSEL_REFERENCE_PREVIOUS,
                                       KLDSEL_REFERENCE_NEXT, KLDSEL_REFERENCE_GIVEN};
  static const int64_t filters[LAYERS] = {7, 12, 5};
  kldsel_profile *once[LAYERS], *repeated[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    struct layer layer = layer_create(PATTERN_TRAINED, filters[l], 4, 9, 31 + (uint64_t)l);
    once[l] = layer_profile(&layer);
    repeated[l] = rearranged(once[l], NULL, (size_t)(2 + l));
    layer_free(&layer);
  }
  kldsel_profile *given[LAYERS] = {once[1], repeated[2], repeated[0]};
  kldsel_profile *given_repeated[LAYERS] = {repeated[1], once[2], once[0]};
  for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++)
    for (size_t r = 0; r < COUNT(references); r++) {
      double scores[LAYERS], scores_repeated[LAYERS];
      set_int(KLDSEL_OPTION_SIGN, sign);
      set_int(KLDSEL_OPTION_REFERENCE, references[r]);
      bool by_caller = references[r] == KLDSEL_REFERENCE_GIVEN;
      rank_scores(once, LAYERS, by_caller ? given : NULL, NULL, scores, NULL);
      rank_scores(repeated, LAYERS, by_caller ? given_repeated : NULL, NULL, scores_repeated, NULL);
      for (int l = 0; l < LAYERS; l++) {
        ck_assert_int_eq(isnan(scores[l]), isnan(scores_repeated[l]));
        if (!isnan(scores[l]))
          ck_assert_double_le(fabs(scores[l] - scores_repeated[l]),
                              8 * DBL_EPSILON * sqrt(2 * scores[l]) + 1e-12 * scores[l]);
      }
    }
  for (int l = 0; l < LAYERS; l++) {
    kldsel_profile_free(once[l]);
    kldsel_profile_free(repeated[l]);
  }
}
END_TEST

/* The same of the primitive, on probabilities: p / r repeated r times. */
START_TEST(repeated_probabilities_diverge_alike) {
  enum {
    N = 6,
    M = 4,
    REPEATS = 3
  };
  struct generator g = {41};
  double p[N], q[M], p_repeated[N * REPEATS];
  for (int i = 0; i < N; i++) p[i] = next_gaussian(&g);
  for (int i = 0; i < M; i++) q[i] = next_gaussian(&g);
  assert_ok(kldsel_softmax(p, N, 1, p));
  assert_ok(kldsel_softmax(q, M, 1, q));
  for (int i = 0; i < N * REPEATS; i++) p_repeated[i] = p[i / REPEATS] / REPEATS;
  double once = -1, repeated = -1, reversed = -1, reversed_repeated = -1;
  assert_ok(kldsel_divergence(p, N, q, M, NULL, &once));
  assert_ok(kldsel_divergence(p_repeated, N * REPEATS, q, M, NULL, &repeated));
  assert_ok(kldsel_divergence(q, M, p, N, NULL, &reversed));
  assert_ok(kldsel_divergence(q, M, p_repeated, N * REPEATS, NULL, &reversed_repeated));
  /* Each probability holds one rounding more, and so does each of the logarithms. */
  ck_assert_double_gt(once, 0.01);
  ck_assert_double_le(fabs(once - repeated), 16 * DBL_EPSILON);
  ck_assert_double_le(fabs(reversed - reversed_repeated), 16 * DBL_EPSILON);
}
END_TEST

/* ---- random layers are a known number ---- */

/* For i.i.d. symmetric weights w let x = max(w, 0), mu = E x, beta = E x^2. As K grows the cosine of two
 * positive parts tends to rho = mu^2 / beta. By the delta method a filter's factor in it varies by the
 * relative variance
 *
 *     g / K,  g = Var(x / mu - x^2 / (2 beta)),
 *
 * and the rest of a pair's cosine by at most h / K, h = Var(x y) / mu^4 = (beta^2 - mu^4) / mu^4. Over the
 * M filters and M(M-1)/2 pairs the mean therefore varies by 4 g / (M K) + 2 h / (M (M-1) K), and the same
 * bounds positive-negative, where a filter has two factors of variance g. Its bias is of the second order,
 * under 2 / K. Gaussian: rho = 1/pi, g = (pi - 1) + 5/4 - 3 = 0.392, h = pi^2 - 1 = 8.87. Uniform:
 * rho = 3/8, g = 5/3 + 13/20 - 2 = 0.317, h = 64/9 - 1 = 6.11. For `all` the limit is 0 and the mean
 * varies by 2 / (M (M-1) K). Six deviations leave 2e-9 to chance. */
static const struct {
  enum pattern pattern;
  double rho, g, h;
} limits[] = {
    {PATTERN_GAUSSIAN, 0.3183098861837907, 0.392, 8.87},
    {PATTERN_UNIFORM, 0.375, 0.317, 6.11},
};

static void check_limit(size_t which, int64_t filters, int64_t elements) {
  double m = (double)filters, k = (double)elements;
  double rho = limits[which].rho;
  double deviation = rho * sqrt(4 * limits[which].g / (m * k) + 2 * limits[which].h / (m * (m - 1) * k));
  const double expected[] = {0, 0, rho, rho, -rho};
  struct layer layer = layer_create(limits[which].pattern, filters, 1, elements, 51);
  kldsel_profile *profile = layer_profile(&layer);
  size_t length = 0;
  double *values = exported(profile, &length);
  for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
    double tolerance =
        sign == KLDSEL_SIGN_ALL ? 6 * sqrt(2 / (m * (m - 1) * k)) : 6 * deviation + rho * 2 / k;
    ck_assert_msg(fabs(values[8 + sign] - expected[sign]) <= tolerance,
                  "%s, sign %d: weight correlation %g, limit %g, tolerance %g", layer.name, sign,
                  values[8 + sign], expected[sign], tolerance);
  }
  free(values);
  kldsel_profile_free(profile);
  layer_free(&layer);
}

START_TEST(random_layers_meet_their_limits) {
  for (size_t which = 0; which < COUNT(limits); which++) {
    check_limit(which, 16, 64);
    check_limit(which, 32, 1024);
    if (!test_quick()) check_limit(which, 256, 4608);
  }
}
END_TEST

/* ---- groups ---- */

START_TEST(groups_are_networks_of_their_own) {
  enum {
    LAYERS = 9
  };
  static const int32_t groups[LAYERS] = {5, -1, 5, 7, -1, -1, 5, 7, -1};
  static const int32_t appearance[] = {5, -1, 7};
  kldsel_profile *profiles[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    struct layer layer = layer_create(PATTERN_TRAINED, l == 4 ? 1 : 3 + l, 2, 9, 61 + (uint64_t)l);
    profiles[l] = layer_profile(&layer);
    layer_free(&layer);
  }
  for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_NEXT; reference++) {
    set_int(KLDSEL_OPTION_REFERENCE, reference);
    double scores[LAYERS], alone[LAYERS];
    int64_t order[LAYERS], order_alone[LAYERS];
    rank_scores(profiles, LAYERS, NULL, groups, scores, order);
    size_t placed = 0;
    for (size_t a = 0; a < COUNT(appearance); a++) {
      kldsel_profile *members[LAYERS];
      int64_t indices[LAYERS];
      size_t count = 0;
      for (int64_t l = 0; l < LAYERS; l++)
        if (groups[l] == appearance[a]) {
          members[count] = profiles[l];
          indices[count++] = l;
        }
      rank_scores(members, count, NULL, NULL, alone, order_alone);
      for (size_t i = 0; i < count; i++) {
        assert_same_doubles(&scores[indices[i]], &alone[i], 1, "score in a group and alone");
        ck_assert_int_eq(order[placed++], indices[order_alone[i]]);
      }
    }
    ck_assert_uint_eq(placed, LAYERS);
  }
  for (int l = 0; l < LAYERS; l++) kldsel_profile_free(profiles[l]);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("laws");
  TCase *tests = add_case(suite, "laws");
  tcase_add_loop_test(tests, negative_of_minus_f_is_positive_of_f, 0, 2 * PATTERN_COUNT);
  /* Scaling adversarial layers would overflow or round to subnormals. */
  tcase_add_loop_test(tests, positive_scale_changes_nothing, 0, PATTERN_TRAINED + 1);
  tcase_add_loop_test(tests, order_of_filters_changes_nothing, 0, PATTERN_COUNT);
  tcase_add_loop_test(tests, order_of_elements_changes_nothing, 0, PATTERN_COUNT);
  tcase_add_loop_test(tests, kernel_of_one_channel_is_filter, 0, PATTERN_COUNT);
  tcase_add_loop_test(tests, divergence_of_equal_profiles_is_0, 0, PATTERN_COUNT);
  tcase_add_test(tests, repeated_profiles_diverge_alike);
  tcase_add_test(tests, repeated_probabilities_diverge_alike);
  tcase_add_test(tests, random_layers_meet_their_limits);
  tcase_add_test(tests, groups_are_networks_of_their_own);
  return suite;
}
