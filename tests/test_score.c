/* SPDX-License-Identifier: BSD-3-Clause */
/* Every measure and reference, by hand. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "handmade.h"
#include "support.h"

START_TEST(reasons_have_words) {
  static const char *const texts[] = {
      "it has a score", "fewer than two filters", "no other layer to compare with",
      "the layer to compare with has fewer than two filters", "no reference was given"};
  for (int32_t reason = 0; reason < 5; reason++) ck_assert_str_eq(kldsel_reason_text(reason), texts[reason]);
  static const int32_t others[] = {-1, 5, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < COUNT(others); i++)
    ck_assert_str_eq(kldsel_reason_text(others[i]), "unknown reason");
}
END_TEST

START_TEST(cosine_is_the_mean) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE);
  kldsel_ranking *ranking =
      rank_layers(layers, (const int[]){FLAT, SINGLE, EVEN, THIRDS, SKEW}, 5, NULL, NULL);
  assert_score(ranking, 0, -0.5);
  assert_no_score(ranking, 1, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_score(ranking, 2, 0.25);
  assert_score(ranking, 3, (0.5 + similarity_of_two) / 3);
  assert_score(ranking, 4, 0.25);
  /* 0.2718 of the thirds first; the tie keeps its order. */
  assert_order(ranking, (const int64_t[]){3, 2, 4, 0, 1});
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_LOW);
  ranking = rank_layers(layers, (const int[]){FLAT, SINGLE, EVEN, THIRDS, SKEW}, 5, NULL, NULL);
  assert_order(ranking, (const int64_t[]){0, 2, 4, 3, 1});
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

START_TEST(share_counts_weights) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_SHARE);
  set_int(KLDSEL_OPTION_SIGN, 0);
  static const int numbers[] = {SKEW, EVEN, THIRDS, FLAT, SINGLE};
  for (int32_t sign = 0; sign <= KLDSEL_SIGN_NEGATIVE; sign++) {
    if (sign == KLDSEL_SIGN_ALL) continue;
    set_int(KLDSEL_OPTION_SIGN, sign);
    kldsel_ranking *ranking = rank_layers(layers, numbers, 5, NULL, NULL);
    bool negative = sign == KLDSEL_SIGN_NEGATIVE;
    assert_score(ranking, 0, negative ? 0.3 : 0.6);
    assert_score(ranking, 1, negative ? 0.875 : 0.125);
    assert_score(ranking, 2, negative ? 0.25 : 0.75);
    assert_score(ranking, 3, 0);
    /* One filter has no similarity, but it has a share. */
    assert_score(ranking, 4, negative ? 0.75 : 0.25);
    /* Many positive first, or few negative. */
    static const int64_t most_positive[] = {2, 0, 4, 1, 3}, least_negative[] = {3, 2, 0, 4, 1};
    assert_order(ranking, negative ? least_negative : most_positive);
    kldsel_ranking_free(ranking);
  }
  free_layers(layers);
}
END_TEST

START_TEST(against_uniform) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  kldsel_ranking *ranking =
      rank_layers(layers, (const int[]){SKEW, SINGLE, EVEN, THIRDS, FLAT}, 5, NULL, NULL);
  assert_score(ranking, 0, kl(SKEW, EVEN));
  assert_no_score(ranking, 1, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_score(ranking, 2, 0);
  assert_score(ranking, 3, kl(THIRDS, FLAT));
  assert_score(ranking, 4, 0);
  /* 0.1308 of the skew is above 0.0872 of the thirds. */
  assert_order(ranking, (const int64_t[]){2, 4, 3, 0, 1});
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

/* Each thread has scratch of its own; a few values are not worth a second one. */
START_TEST(few_values_take_one_thread) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  size_t peaks[2];
  for (int many = 0; many < 2; many++) {
    set_int(KLDSEL_OPTION_THREADS, many ? 16 : 1);
    atomic_store(&test_memory.peak, 0);
    kldsel_ranking_free(rank_layers(layers, (const int[]){SKEW, EVEN, THIRDS, FLAT}, 4, NULL, NULL));
    peaks[many] = atomic_load(&test_memory.peak);
  }
  ck_assert_uint_eq(peaks[0], peaks[1]);
  free_layers(layers);
}
END_TEST

/* Similarities of 0.9 and, twice, the next double: their mean is no double, and the divergence, var / 2, is
 * of second order in what that costs. The term left out, of third order, is 1e-16 of it; its own roundings
 * are some ulp. */
START_TEST(neighbouring_doubles_against_uniform) {
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  const double next = nextafter(0.9, 1), step = next - 0.9;
  kldsel_profile *layers[] = {make_profile((struct made){3, 4, {0.9, next, next}, 0, 0, 0, 0, 0, 0})};
  kldsel_ranking *ranking = rank_layers(layers, (const int[]){0}, 1, NULL, NULL);
  double score, expected = step * step / 9;
  assert_ok(kldsel_ranking_layer(ranking, 0, &score, NULL, NULL, NULL));
  ck_assert_msg(fabs(score - expected) <= 1e-14 * expected, "got %.17g, expected %.17g", score, expected);
  kldsel_ranking_free(ranking);
  kldsel_profile_free(layers[0]);
}
END_TEST

START_TEST(against_neighbours) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  static const int numbers[] = {EVEN, SKEW, THIRDS, SINGLE, FLAT, SKEW};
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_PREVIOUS);
  kldsel_ranking *ranking = rank_layers(layers, numbers, 6, NULL, NULL);
  assert_no_score(ranking, 0, KLDSEL_REASON_NO_NEIGHBOUR);
  assert_score(ranking, 1, kl(SKEW, EVEN));
  assert_score(ranking, 2, kl(THIRDS, SKEW));
  assert_no_score(ranking, 3, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_no_score(ranking, 4, KLDSEL_REASON_NEIGHBOUR_TOO_SMALL);
  assert_score(ranking, 5, kl(SKEW, FLAT));
  /* The skew is kl(SKEW, EVEN) from both its neighbours, nearly: let rounding not decide the test. */
  int64_t order[6];
  assert_ok(kldsel_ranking_order(ranking, order, 6));
  ck_assert_int_eq(order[0], 2);
  ck_assert_int_eq(order[1] + order[2], 6);
  ck_assert_int_eq(order[3], 0);
  ck_assert_int_eq(order[4], 3);
  ck_assert_int_eq(order[5], 4);
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_NEXT);
  ranking = rank_layers(layers, numbers, 6, NULL, NULL);
  assert_score(ranking, 0, kl(EVEN, SKEW));
  assert_score(ranking, 1, kl(SKEW, THIRDS));
  assert_no_score(ranking, 2, KLDSEL_REASON_NEIGHBOUR_TOO_SMALL);
  assert_no_score(ranking, 3, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_score(ranking, 4, kl(FLAT, SKEW));
  assert_no_score(ranking, 5, KLDSEL_REASON_NO_NEIGHBOUR);
  kldsel_ranking_free(ranking);
  /* At the end of a network, one filter is the reason that counts. */
  ranking = rank_layers(layers, (const int[]){SKEW, SINGLE}, 2, NULL, NULL);
  assert_no_score(ranking, 0, KLDSEL_REASON_NEIGHBOUR_TOO_SMALL);
  assert_no_score(ranking, 1, KLDSEL_REASON_TOO_FEW_FILTERS);
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

START_TEST(against_others) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  static const int numbers[] = {EVEN, SINGLE, SKEW, THIRDS, FLAT};
  kldsel_ranking *ranking = rank_layers(layers, numbers, 5, NULL, NULL);
  for (size_t l = 0; l < 5; l++) {
    if (numbers[l] == SINGLE) {
      assert_no_score(ranking, l, KLDSEL_REASON_TOO_FEW_FILTERS);
      continue;
    }
    double sum = 0;
    for (size_t m = 0; m < 5; m++)
      if (m != l && numbers[m] != SINGLE)
        sum += kl((enum handmade_layer)numbers[l], (enum handmade_layer)numbers[m]);
    assert_score(ranking, l, sum / 3);
  }
  kldsel_ranking_free(ranking);
  /* Alone, or with none but layers of one filter, there is no other. */
  ranking = rank_layers(layers, (const int[]){SKEW}, 1, NULL, NULL);
  assert_no_score(ranking, 0, KLDSEL_REASON_NO_NEIGHBOUR);
  kldsel_ranking_free(ranking);
  ranking = rank_layers(layers, (const int[]){SINGLE, SKEW, SINGLE}, 3, NULL, NULL);
  assert_no_score(ranking, 1, KLDSEL_REASON_NO_NEIGHBOUR);
  assert_order(ranking, (const int64_t[]){0, 1, 2});
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

/* A profile whose similarities of sign `all` these are. */
static kldsel_profile *profile_with(const double *similarities, size_t filters) {
  const size_t length = 17 + 4 * filters;
  double *values = calloc(length, sizeof *values);
  ck_assert_ptr_nonnull(values);
  const double head[] = {1802265715, 1, (double)filters, 4, 1, 1, 0, 1, 1};
  memcpy(values, head, sizeof head);
  memcpy(values + 17, similarities, filters * sizeof *similarities);
  for (size_t i = 0; i < filters; i++) values[9] += similarities[i] / (double)filters;
  for (size_t sign = 0; sign < 4; sign++) values[13 + sign] = nan("");
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_import(values, length, test_options, &profile));
  free(values);
  return profile;
}

/* Of so many filters whose similarities are near 0.9, at most `spread` from it. */
static kldsel_profile *near_filters(size_t filters, double spread, double phase) {
  double *similarities = malloc(filters * sizeof *similarities);
  ck_assert_ptr_nonnull(similarities);
  for (size_t i = 0; i < filters; i++) similarities[i] = 0.9 + spread * sin(phase + (double)(i * i));
  kldsel_profile *profile = profile_with(similarities, filters);
  free(similarities);
  return profile;
}

static kldsel_ranking *rank_alone(kldsel_profile *profile, double of_temperature) {
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  set_double(KLDSEL_OPTION_TEMPERATURE, of_temperature);
  return rank_layers(&profile, (const int[]){0}, 1, NULL, NULL);
}

static void assert_from_uniform(kldsel_profile *profile, size_t n, double of_temperature) {
  double values[100], score;
  wide similarities[COUNT(values)], p[COUNT(values)];
  ck_assert_uint_le(n, COUNT(values));
  assert_ok(kldsel_profile_values(profile, KLDSEL_SIGN_ALL, values, n));
  for (size_t i = 0; i < n; i++) similarities[i] = (wide)values[i];
  define_softmax(similarities, n, of_temperature, p);
  double expected = (double)define_uniform(p, n);
  kldsel_ranking *ranking = rank_alone(profile, of_temperature);
  assert_ok(kldsel_ranking_layer(ranking, 0, &score, NULL, NULL, NULL));
  ck_assert_msg(fabs(score - expected) <= 100 * DBL_EPSILON * expected, "got %.17g, expected %.17g", score,
                expected);
  kldsel_ranking_free(ranking);
  kldsel_profile_free(profile);
}

/* Similarities that span 2 to 2000 temperatures: what is far above the mean has an exponential beyond all
 * numbers. Only terms within some 50 temperatures of the highest count, whose exponents are off by 50 u. */
START_TEST(low_temperatures_against_uniform) {
  static const double temperatures[] = {0.1, 0.01, 1e-4};
  assert_from_uniform(near_filters(100, 0.1, 0.3), 100, temperatures[_i]);
}
END_TEST

/* The highest similarity is all there is. */
START_TEST(the_lowest_temperature_against_uniform) {
  kldsel_profile *profile = near_filters(100, 0.1, 0.3);
  kldsel_ranking *ranking = rank_alone(profile, 1e-300);
  assert_score(ranking, 0, log(100));
  kldsel_ranking_free(ranking);
  kldsel_profile_free(profile);
}
END_TEST

/* All but one of the similarities are near their mean, within an eighth, and one is not, on either side of it
 * and of 0. */
START_TEST(one_far_from_the_mean_against_uniform) {
  static const double near[] = {0.9, -0.9, 0.4}, far[] = {-0.09, 0.09, -0.59};
  double similarities[8];
  for (size_t i = 0; i < COUNT(similarities); i++) similarities[i] = i == 5 ? far[_i] : near[_i];
  assert_from_uniform(profile_with(similarities, COUNT(similarities)), COUNT(similarities), 1);
}
END_TEST

/* Of two layers, what the others are is what the previous one is, found by another way: running integrals,
 * small differences of which are multiplied. Logarithms are at most the spread in size, and their products,
 * of which the mean is taken, err by two roundings in either way. At high temperatures a running integral is
 * nothing beside 1, and what centring left of a mean is all beside the spread's square. */
START_TEST(others_of_unlike_lengths_keep_their_digits) {
  static const double spreads[][2] = {{1e-3, 1}, {0.1, 1e12}, {1e-3, 1e16}, {0.1, 1e100}};
  const double of_similarities = spreads[_i][0];
  const double spread = of_similarities / spreads[_i][1];
  set_double(KLDSEL_OPTION_TEMPERATURE, spreads[_i][1]);
  kldsel_profile *layers[] = {near_filters(3000, of_similarities, 0.3),
                              near_filters(3001, of_similarities, 1)};
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  double scores[2];
  static const int32_t references[] = {KLDSEL_REFERENCE_PREVIOUS, KLDSEL_REFERENCE_OTHERS};
  for (int way = 0; way < 2; way++) {
    set_int(KLDSEL_OPTION_REFERENCE, references[way]);
    kldsel_ranking *ranking = rank_layers(layers, (const int[]){0, 1}, 2, NULL, NULL);
    assert_ok(kldsel_ranking_layer(ranking, 1, &scores[way], NULL, NULL, NULL));
    kldsel_ranking_free(ranking);
  }
  ck_assert_double_gt(scores[0], 0);
  ck_assert_msg(fabs(scores[1] - scores[0]) <= 4 * DBL_EPSILON * spread * spread, "%.17g and %.17g",
                scores[0], scores[1]);
  for (size_t i = 0; i < COUNT(layers); i++) kldsel_profile_free(layers[i]);
}
END_TEST

enum {
  BESIDE_BYTES = 64
};

static void *allocate_between(void *number, size_t size) {
  size_t words = size / sizeof(size_t) + 1 + 2 * BESIDE_BYTES / sizeof(size_t),
         *memory = malloc(words * sizeof *memory);
  if (!memory) return NULL;
  for (size_t i = 0; i < words; i++) memory[i] = *(size_t *)number;
  return (char *)memory + BESIDE_BYTES;
}

static void release_between(void *number, void *memory) {
  (void)number;
  free((char *)memory - BESIDE_BYTES);
}

/* Numbers of filters that lie before the memory that is had, and behind it, are not taken for layers' own. */
START_TEST(others_read_nothing_beside_their_memory) {
  static const size_t filters[] = {3, 5, 5};
  kldsel_profile *layers[COUNT(filters)];
  for (size_t l = 0; l < COUNT(filters); l++) layers[l] = near_filters(filters[l], 0.1, (double)l);
  for (size_t count = 2; count <= COUNT(filters); count++)
    for (size_t beside = 0; beside < 2; beside++) {
      size_t number = filters[beside];
      kldsel_options *options[] = {test_options, NULL};
      assert_ok(kldsel_options_create(allocate_between, release_between, &number, &options[1]));
      double scores[2][COUNT(filters)];
      for (size_t o = 0; o < 2; o++) {
        kldsel_ranking *ranking = NULL;
        assert_ok(kldsel_options_set_int(options[o], KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS));
        assert_ok(kldsel_options_set_int(options[o], KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL));
        assert_ok(kldsel_rank_profiles(layers, count, NULL, NULL, options[o], &ranking));
        for (size_t l = 0; l < count; l++)
          assert_ok(kldsel_ranking_layer(ranking, l, &scores[o][l], NULL, NULL, NULL));
        kldsel_ranking_free(ranking);
      }
      kldsel_options_free(options[1]);
      ck_assert_mem_eq(scores[0], scores[1], count * sizeof scores[0][0]);
    }
  for (size_t l = 0; l < COUNT(filters); l++) kldsel_profile_free(layers[l]);
}
END_TEST

START_TEST(against_the_given) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  kldsel_profile *given[] = {layers[THIRDS], NULL, layers[EVEN], layers[SINGLE], layers[SKEW], NULL};
  kldsel_ranking *ranking =
      rank_layers(layers, (const int[]){SKEW, SKEW, THIRDS, FLAT, SINGLE, SINGLE}, 6, given, NULL);
  assert_score(ranking, 0, kl(SKEW, THIRDS));
  assert_no_score(ranking, 1, KLDSEL_REASON_NOT_GIVEN);
  assert_score(ranking, 2, kl(THIRDS, EVEN));
  assert_no_score(ranking, 3, KLDSEL_REASON_NEIGHBOUR_TOO_SMALL);
  assert_no_score(ranking, 4, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_no_score(ranking, 5, KLDSEL_REASON_TOO_FEW_FILTERS);
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

START_TEST(within_comes_from_the_profile) {
  set_temperature();
  kldsel_profile *layers[] = {
      make_profile((struct made){2, 5, {0, 0}, 0, 0, 0, 0, temperature, 0.75}),
      make_profile((struct made){1, 5, {0}, 0, 0, 0, 0, temperature, 0}),
      make_profile((struct made){3, 5, {0, 0, 0}, 0, 0, 0, 0, temperature, 0.25}),
  };
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  kldsel_ranking *ranking = rank_layers(layers, (const int[]){0, 1, 2}, 3, NULL, NULL);
  assert_score(ranking, 0, 0.75);
  assert_no_score(ranking, 1, KLDSEL_REASON_TOO_FEW_FILTERS);
  assert_score(ranking, 2, 0.25);
  assert_order(ranking, (const int64_t[]){2, 0, 1});
  kldsel_ranking_free(ranking);
  for (int l = 0; l < 3; l++) kldsel_profile_free(layers[l]);
}
END_TEST

START_TEST(aligned_by_index) {
  set_temperature();
  kldsel_profile *layers[] = {make_profile((struct made){2, 5, {0, 0.5}, 0, 0, 0, 0, 0, 0}),
                              make_profile((struct made){2, 5, {0.5, 0}, 0, 0, 0, 0, 0, 0})};
  static const int numbers[] = {0, 1};
  static const int32_t references[] = {KLDSEL_REFERENCE_PREVIOUS, KLDSEL_REFERENCE_OTHERS};
  for (size_t r = 0; r < COUNT(references); r++) {
    set_int(KLDSEL_OPTION_REFERENCE, references[r]);
    set_int(KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_QUANTILE);
    kldsel_ranking *ranking = rank_layers(layers, numbers, 2, NULL, NULL);
    assert_score(ranking, 1, 0);
    kldsel_ranking_free(ranking);
    set_int(KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_INDEX);
    ranking = rank_layers(layers, numbers, 2, NULL, NULL);
    assert_score(ranking, 1, 0.5 * log(3));
    kldsel_ranking_free(ranking);
  }
  kldsel_profile_free(layers[0]);
  kldsel_profile_free(layers[1]);
}
END_TEST

/* Nothing set: kl, positive-negative, uniform, low, temperature 1. The imported profiles are 0 there. */
START_TEST(default_options) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(layers, 4, NULL, NULL, NULL, &ranking));
  for (size_t l = 0; l < 4; l++) assert_score(ranking, l, 0);
  assert_order(ranking, (const int64_t[]){0, 1, 2, 3});
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

START_TEST(pairs_are_ranked_alike) {
  set_temperature();
  /* Three pairs of odds 1 : 3 : 2. */
  kldsel_profile *layers[] = {
      make_profile((struct made){3, 5, {0, 0.5, similarity_of_two}, 0, 0, 0, 2, 0, 0}),
      make_profile((struct made){2, 5, {0.125}, 0, 0, 0, 2, 0, 0})};
  kldsel_ranking *ranking = rank_layers(layers, (const int[]){0, 1}, 2, NULL, NULL);
  assert_score(ranking, 0, kl(THIRDS, FLAT));
  assert_score(ranking, 1, 0);
  kldsel_ranking_free(ranking);
  kldsel_profile_free(layers[0]);
  kldsel_profile_free(layers[1]);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("score");
  TCase *tests = add_case(suite, "scores");
  tcase_add_test(tests, reasons_have_words);
  tcase_add_test(tests, cosine_is_the_mean);
  tcase_add_test(tests, share_counts_weights);
  tcase_add_test(tests, against_uniform);
  tcase_add_test(tests, few_values_take_one_thread);
  tcase_add_test(tests, neighbouring_doubles_against_uniform);
  tcase_add_loop_test(tests, low_temperatures_against_uniform, 0, 3);
  tcase_add_test(tests, the_lowest_temperature_against_uniform);
  tcase_add_loop_test(tests, one_far_from_the_mean_against_uniform, 0, 3);
  tcase_add_test(tests, against_neighbours);
  tcase_add_test(tests, against_others);
  tcase_add_loop_test(tests, others_of_unlike_lengths_keep_their_digits, 0, 4);
  tcase_add_test(tests, others_read_nothing_beside_their_memory);
  tcase_add_test(tests, against_the_given);
  tcase_add_test(tests, within_comes_from_the_profile);
  tcase_add_test(tests, aligned_by_index);
  tcase_add_test(tests, default_options);
  tcase_add_test(tests, pairs_are_ranked_alike);
  return suite;
}
