/* SPDX-License-Identifier: BSD-3-Clause */
/* The six primitives, composed, give what profiles and rankings give. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "layers.h"
#include "support.h"
#include "tolerance.h"

enum {
  LAYERS = 7,
  SIGNS = 4
};
static const double U = DBL_EPSILON / 2;

static int32_t part_x(int32_t sign) {
  return sign == KLDSEL_SIGN_NEGATIVE                                            ? KLDSEL_PART_NEGATIVE
         : sign == KLDSEL_SIGN_POSITIVE || sign == KLDSEL_SIGN_POSITIVE_NEGATIVE ? KLDSEL_PART_POSITIVE
                                                                                 : KLDSEL_PART_ALL;
}

static kldsel_tensor *split_matrix(const kldsel_tensor *tensor, int32_t part) {
  kldsel_tensor *split = NULL, *matrix = NULL;
  assert_ok(kldsel_sign_split(tensor, part, test_options, &split));
  assert_ok(kldsel_filter_matrix(split, test_options, &matrix));
  kldsel_tensor_free(split);
  return matrix;
}

/* Sign split, filter reshape, pairwise cosine, and the mean over the other filters. */
static void composed_profile(const struct layer *layer, int32_t sign, double *profile) {
  kldsel_tensor *tensor = layer_view(layer), *x = split_matrix(tensor, part_x(sign)), *y = NULL;
  if (sign == KLDSEL_SIGN_POSITIVE_NEGATIVE) y = split_matrix(tensor, KLDSEL_PART_NEGATIVE);
  size_t m = (size_t)layer->filters;
  double *cosines = malloc(m * m * sizeof *cosines);
  ck_assert_ptr_nonnull(cosines);
  assert_ok(kldsel_pairwise_cosine(x, y, 0, layer->filters, test_options, cosines, m * m));
  for (size_t i = 0; i < m; i++) {
    double sum = 0;
    for (size_t j = 0; j < m; j++) sum += j == i ? 0 : cosines[i * m + j];
    profile[i] = sum / (double)(m - 1);
  }
  free(cosines);
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(x);
  kldsel_tensor_free(y);
}

static double mean(const double *values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / (double)n;
}

/* A layer as both paths see it. */
struct pair {
  struct layer layer;
  kldsel_profile *profile;
  double *linear, *composed, *p; /* c twice, and the composed c's softmax */
  size_t n;
  struct similarity_bounds bounds; /* of the difference of the two paths */
};

static struct pair pair_create(int l, int32_t sign, int32_t granularity) {
  static const enum pattern drawn[LAYERS] = {PATTERN_GAUSSIAN, PATTERN_TRAINED, PATTERN_HUGE,
                                             PATTERN_SPARSE,   PATTERN_UNIFORM, PATTERN_TINY,
                                             PATTERN_TRAINED};
  static const int64_t filters[LAYERS] = {16, 9, 5, 24, 2, 11, 40};
  struct pair pair = {.layer = layer_create(drawn[l], filters[l], 6, 9, 131 + (uint64_t)l)};
  pair.profile = layer_profile(&pair.layer);
  pair.linear = similarities_of(pair.profile, sign, &pair.n);
  pair.composed = calloc(pair.n, sizeof *pair.composed);
  pair.p = calloc(pair.n, sizeof *pair.p);
  ck_assert(pair.composed && pair.p);
  composed_profile(&pair.layer, sign, pair.composed);
  assert_ok(kldsel_softmax(pair.composed, pair.n, 1, pair.p));
  pair.bounds =
      bound_similarities(&pair.layer, sign, granularity, KLDSEL_DISTRIBUTION_PROFILE, pair.linear, pair.n);
  pair.bounds.value *= 2; /* either path may be off */
  pair.bounds.mean *= 2;
  return pair;
}

static void pair_free(struct pair *pair) {
  kldsel_profile_free(pair->profile);
  free(pair->linear);
  free(pair->composed);
  free(pair->p);
  layer_free(&pair->layer);
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* Bound on the difference of a divergence of profiles and one of probabilities. On top of what profiles may
 * be off by, a probability holds the roundings of its exponential and of the sum that it is divided by,
 * n + 8 of u at most, and cannot hold ln p better than to u: an absolute (n + 16) u of the divergence. */
static double primitive_bound(const struct pair *a, const struct pair *b) {
  double flat = 0;
  qsort(a->linear, a->n, sizeof *a->linear, descending);
  if (b) qsort(b->linear, b->n, sizeof *b->linear, descending);
  double n = (double)a->n + (b ? (double)b->n : 0);
  return bound_divergence(a->linear, a->n, a->bounds.value, b ? b->linear : &flat, b ? b->n : 1,
                          b ? b->bounds.value : 0, 1) +
         (n + 16) * U;
}

/* Ranks by the primitive and compares with the ranking of the profiles, score by score and place by place. */
static void check_ranking(struct pair *pairs, const double *composed, const double *bounds,
                          const char *what) {
  kldsel_profile *profiles[LAYERS];
  double scores[LAYERS];
  int64_t order[LAYERS], order_composed[LAYERS];
  for (int l = 0; l < LAYERS; l++) profiles[l] = pairs[l].profile;
  rank_scores(profiles, LAYERS, NULL, NULL, scores, order);
  for (int l = 0; l < LAYERS; l++) {
    ck_assert_int_eq(isnan(scores[l]), isnan(composed[l]));
    if (!isnan(scores[l]))
      ck_assert_msg(fabs(scores[l] - composed[l]) <= bounds[l], "%s, %s: %.17g, composed %.17g, bound %.2e",
                    what, pairs[l].layer.name, scores[l], composed[l], bounds[l]);
  }
  assert_ok(kldsel_rank(composed, LAYERS, NULL, NULL, test_options, order_composed, NULL, NULL));
  for (int l = 0; l < LAYERS; l++) ck_assert_int_eq(order[l], order_composed[l]);
}

START_TEST(profiles_are_composed_primitives) {
  int32_t sign = 1 + _i % SIGNS, granularity = 1 + _i / SIGNS;
  set_int(KLDSEL_OPTION_GRANULARITY, granularity);
  set_int(KLDSEL_OPTION_SIGN, sign);
  struct pair pairs[LAYERS];
  double composed[LAYERS], bounds[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    pairs[l] = pair_create(l, sign, granularity);
    for (size_t i = 0; i < pairs[l].n; i++)
      ck_assert_double_le(fabs(pairs[l].linear[i] - pairs[l].composed[i]), pairs[l].bounds.value);
  }
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE);
  for (int l = 0; l < LAYERS; l++) {
    composed[l] = mean(pairs[l].composed, pairs[l].n);
    bounds[l] = pairs[l].bounds.mean;
  }
  check_ranking(pairs, composed, bounds, "cosine");

  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_KL);
  double flat = 1; /* the uniform distribution, as a step function of one step */
  for (int l = 0; l < LAYERS; l++) {
    assert_ok(kldsel_divergence(pairs[l].p, pairs[l].n, &flat, 1, NULL, &composed[l]));
    bounds[l] = primitive_bound(&pairs[l], NULL);
  }
  check_ranking(pairs, composed, bounds, "kl uniform");

  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_PREVIOUS);
  for (int l = 0; l < LAYERS; l++) {
    composed[l] = nan("");
    if (l > 0) {
      assert_ok(
          kldsel_divergence(pairs[l].p, pairs[l].n, pairs[l - 1].p, pairs[l - 1].n, NULL, &composed[l]));
      bounds[l] = primitive_bound(&pairs[l], &pairs[l - 1]);
    }
  }
  check_ranking(pairs, composed, bounds, "kl previous");
  for (int l = 0; l < LAYERS; l++) pair_free(&pairs[l]);
}
END_TEST

/* The mean over the other layers, which takes linear time, is the mean of the divergences from each, which
 * takes quadratic time. Both sum terms that are >= 0 from the same profiles; forming their differences d
 * rounds by 4 u (max |c_a| + max |c_b|) as in tolerance.h, in both. */
START_TEST(others_is_the_mean_of_each) {
  int32_t sign = 1 + _i % SIGNS, alignment = 1 + _i / SIGNS;
  enum {
    COUNT_OF_LAYERS = 6
  };
  kldsel_profile *profiles[COUNT_OF_LAYERS];
  double *values[COUNT_OF_LAYERS], others[COUNT_OF_LAYERS], one[COUNT_OF_LAYERS];
  size_t n[COUNT_OF_LAYERS];
  bool by_index = alignment == KLDSEL_ALIGNMENT_INDEX;
  for (int l = 0; l < COUNT_OF_LAYERS; l++) {
    struct layer layer = layer_create(l % 2 ? PATTERN_TRAINED : PATTERN_GAUSSIAN, by_index ? 12 : 5 + 3 * l,
                                      4, 9, 141 + (uint64_t)l);
    profiles[l] = layer_profile(&layer);
    values[l] = similarities_of(profiles[l], sign, &n[l]);
    if (!by_index) qsort(values[l], n[l], sizeof *values[l], descending);
    layer_free(&layer);
  }
  set_int(KLDSEL_OPTION_SIGN, sign);
  set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  rank_scores(profiles, COUNT_OF_LAYERS, NULL, NULL, others, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  for (int l = 0; l < COUNT_OF_LAYERS; l++) {
    double sum = 0, bound = 0;
    for (int m = 0; m < COUNT_OF_LAYERS; m++) {
      kldsel_profile *given[COUNT_OF_LAYERS] = {0};
      given[l] = profiles[m];
      rank_scores(profiles, COUNT_OF_LAYERS, given, NULL, one, NULL);
      if (m != l) {
        sum += one[l];
        bound += 2 * bound_divergence(values[l], n[l], 0, values[m], n[m], 0, 1);
      } else {
        ck_assert_double_eq(one[l], 0);
      }
    }
    ck_assert_double_le(fabs(others[l] - sum / (COUNT_OF_LAYERS - 1)), bound / (COUNT_OF_LAYERS - 1));
  }
  for (int l = 0; l < COUNT_OF_LAYERS; l++) {
    kldsel_profile_free(profiles[l]);
    free(values[l]);
  }
}
END_TEST

/* With two layers the mean over others is one divergence, at any temperature. Low ones spread the logits v =
 * c / T without end, but both sums take them as v <= 0, weighed by p: E_p(-v) <= -ln(mean exp v) <= ln n, as
 * a divergence from uniform is >= 0, and under the other layer's logits it is at most KL + 2 ln n. A few
 * roundings of that. */
START_TEST(others_of_two_is_next) {
  static const double temperatures[] = {1e-300, 1e-100, 1e-12, 1e-8, 1e-6, 1e-4, 1e-3,
                                        0.01,   0.03,   0.1,   1,    10,   1e6};
  double temperature = temperatures[_i], spread = 0, others[2], next[2], *values[2];
  size_t n[2];
  kldsel_profile *profiles[2];
  for (int sign = 1; sign <= SIGNS; sign++) {
    for (int l = 0; l < 2; l++) {
      struct layer layer = layer_create(PATTERN_GAUSSIAN, l ? 48 : 64, 4, 9, 7 + (uint64_t)l);
      profiles[l] = layer_profile(&layer);
      values[l] = similarities_of(profiles[l], sign, &n[l]);
      qsort(values[l], n[l], sizeof *values[l], descending);
      spread = fmax(spread, values[l][0] - values[l][n[l] - 1]);
      layer_free(&layer);
    }
    set_int(KLDSEL_OPTION_SIGN, sign);
    assert_ok(kldsel_options_set_double(test_options, KLDSEL_OPTION_TEMPERATURE, temperature));
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
    rank_scores(profiles, 2, NULL, NULL, others, NULL);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_NEXT);
    rank_scores(profiles, 2, NULL, NULL, next, NULL);
    double bound = spread / temperature > 1
                       ? 16 * DBL_EPSILON * (next[0] + 2 * log((double)n[0]))
                       : 2 * bound_divergence(values[0], n[0], 0, values[1], n[1], 0, temperature) +
                             bound_shared_sum(spread, temperature);
    ck_assert_msg(fabs(others[0] - next[0]) <= bound, "T %g, sign %d: others %.17g, next %.17g", temperature,
                  sign, others[0], next[0]);
    for (int l = 0; l < 2; l++) {
      kldsel_profile_free(profiles[l]);
      free(values[l]);
    }
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("composition");
  TCase *tests = add_case(suite, "composition");
  tcase_add_loop_test(tests, profiles_are_composed_primitives, 0, 2 * SIGNS);
  tcase_add_loop_test(tests, others_is_the_mean_of_each, 0, 2 * SIGNS);
  tcase_add_loop_test(tests, others_of_two_is_next, 0, 13);
  return suite;
}
