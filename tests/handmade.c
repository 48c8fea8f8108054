/* SPDX-License-Identifier: BSD-3-Clause */
#include "handmade.h"

#include <float.h>
#include <math.h>

#include "support.h"

/* A logarithm, a quotient and a handful of sums of numbers up to 1. */
static const double TOLERANCE = 32 * DBL_EPSILON;

double temperature, similarity_of_two;

void set_temperature(void) {
  temperature = 0.5 / log(3);
  similarity_of_two = temperature * log(2);
  set_double(KLDSEL_OPTION_TEMPERATURE, temperature);
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
}

kldsel_profile *make_profile(struct made m) {
  double values[17 + 4 * 12] = {1802265715, 1, (double)m.filters, (double)m.elements};
  values[4] = m.granularity > 0 ? m.granularity : 1;
  values[5] = m.distribution > 0 ? m.distribution : 1;
  values[6] = m.within_temperature;
  values[7] = m.positive;
  values[8] = m.negative;
  size_t n = m.filters < 2 ? 0 : (size_t)m.filters;
  if (values[5] == 2 && n > 0) n = n * (n - 1) / 2;
  size_t length = 17 + (values[5] == 2 ? 5 * n : 4 * n);
  double mean = 0;
  for (size_t i = 0; i < n; i++) {
    values[17 + i] = m.c[i];
    mean += m.c[i] / (double)n;
  }
  for (int sign = 1; sign <= 4; sign++) {
    values[8 + sign] = m.filters < 2 ? nan("") : sign == 1 ? mean : 0;
    values[12 + sign] = m.within_temperature > 0 && m.filters >= 2 ? (sign == 1 ? m.within : 0) : nan("");
  }
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_import(values, length, test_options, &profile));
  return profile;
}

void make_layers(kldsel_profile **layers) {
  set_temperature();
  layers[SKEW] = make_profile((struct made){2, 5, {0.5, 0}, 6, 3, 0, 0, 0, 0});
  layers[EVEN] = make_profile((struct made){2, 4, {0.25, 0.25}, 1, 7, 0, 0, 0, 0});
  layers[THIRDS] = make_profile((struct made){3, 4, {0, 0.5, similarity_of_two}, 9, 3, 0, 0, 0, 0});
  layers[FLAT] = make_profile((struct made){3, 2, {-0.5, -0.5, -0.5}, 0, 0, 0, 0, 0, 0});
  layers[SINGLE] = make_profile((struct made){1, 8, {0}, 2, 6, 0, 0, 0, 0});
}

void free_layers(kldsel_profile **layers) {
  for (int l = 0; l < LAYERS; l++) kldsel_profile_free(layers[l]);
}

double kl(enum handmade_layer a, enum handmade_layer b) {
  double skew_uniform = 0.75 * log(1.5) + 0.25 * log(0.5), uniform_skew = 0.5 * log(4 / 3.0);
  double thirds_uniform = 0.5 * log(1.5) + log(0.5) / 6, uniform_thirds = log(4 / 3.0) / 3;
  bool a_uniform = a == EVEN || a == FLAT, b_uniform = b == EVEN || b == FLAT;
  if (a == b || (a_uniform && b_uniform)) return 0;
  if (a_uniform) return b == SKEW ? uniform_skew : uniform_thirds;
  if (b_uniform) return a == SKEW ? skew_uniform : thirds_uniform;
  return a == SKEW ? (1.5 * log(1.5) + 0.5 * log(0.5)) / 6 : (log(1 / 1.5) + log(2)) / 6;
}

kldsel_ranking *rank_layers(kldsel_profile **layers, const int *numbers, size_t count,
                            kldsel_profile *const *given, const int32_t *groups) {
  kldsel_profile *list[MOST_LAYERS];
  for (size_t i = 0; i < count; i++) list[i] = layers[numbers[i]];
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(list, count, given, groups, test_options, &ranking));
  ck_assert_uint_eq(kldsel_ranking_size(ranking), count);
  return ranking;
}

void assert_score(const kldsel_ranking *ranking, size_t layer, double expected) {
  double score = -7;
  int32_t reason = -7;
  assert_ok(kldsel_ranking_layer(ranking, layer, &score, NULL, NULL, &reason));
  ck_assert_msg(fabs(score - expected) <= TOLERANCE && reason == KLDSEL_REASON_NONE,
                "layer %zu: got %.17g (%s), expected %.17g", layer, score, kldsel_reason_text(reason),
                expected);
}

void assert_no_score(const kldsel_ranking *ranking, size_t layer, int32_t expected) {
  double score = -7;
  int32_t reason = -7, selected = -7;
  assert_ok(kldsel_ranking_layer(ranking, layer, &score, NULL, &selected, &reason));
  ck_assert_msg(isnan(score) && reason == expected,
                "layer %zu: got %.17g, reason %d (%s), expected reason %d", layer, score, reason,
                kldsel_reason_text(reason), expected);
  ck_assert_int_eq(selected, 0);
}

void assert_order(const kldsel_ranking *ranking, const int64_t *expected) {
  size_t count = kldsel_ranking_size(ranking);
  int64_t order[MOST_LAYERS];
  assert_ok(kldsel_ranking_order(ranking, order, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(order[i] == expected[i], "order[%zu] is %d, not %d", i, (int)order[i], (int)expected[i]);
}
