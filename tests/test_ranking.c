/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups, selection and what is refused. */
#include <math.h>
#include <string.h>

#include "handmade.h"
#include "support.h"

/* ---- groups and selection ---- */

START_TEST(groups_are_networks_of_their_own) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  static const int numbers[] = {SKEW, EVEN, THIRDS, SKEW, FLAT, THIRDS};
  static const int32_t groups[] = {9, -3, 9, -3, 9, 4};
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_PREVIOUS);
  kldsel_ranking *ranking = rank_layers(layers, numbers, 6, NULL, groups);
  assert_no_score(ranking, 0, KLDSEL_REASON_NO_NEIGHBOUR);
  assert_no_score(ranking, 1, KLDSEL_REASON_NO_NEIGHBOUR);
  assert_score(ranking, 2, kl(THIRDS, SKEW));
  assert_score(ranking, 3, kl(SKEW, EVEN));
  assert_score(ranking, 4, kl(FLAT, THIRDS));
  assert_no_score(ranking, 5, KLDSEL_REASON_NO_NEIGHBOUR);
  /* kl(THIRDS, SKEW) is 0.048, kl(FLAT, THIRDS) is 0.096. */
  assert_order(ranking, (const int64_t[]){2, 4, 0, 3, 1, 5});
  static const int64_t ranks[] = {2, 1, 0, 0, 1, 0};
  for (size_t l = 0; l < 6; l++) {
    int64_t rank_of_layer = -1;
    assert_ok(kldsel_ranking_layer(ranking, l, NULL, &rank_of_layer, NULL, NULL));
    ck_assert_int_eq(rank_of_layer, ranks[l]);
  }
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_NEXT);
  ranking = rank_layers(layers, numbers, 6, NULL, groups);
  assert_score(ranking, 0, kl(SKEW, THIRDS));
  assert_score(ranking, 1, kl(EVEN, SKEW));
  assert_score(ranking, 2, kl(THIRDS, FLAT));
  assert_no_score(ranking, 3, KLDSEL_REASON_NO_NEIGHBOUR);
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  ranking = rank_layers(layers, numbers, 6, NULL, groups);
  assert_score(ranking, 0, (kl(SKEW, THIRDS) + kl(SKEW, FLAT)) / 2);
  assert_score(ranking, 1, kl(EVEN, SKEW));
  assert_score(ranking, 2, (kl(THIRDS, SKEW) + kl(THIRDS, FLAT)) / 2);
  assert_no_score(ranking, 5, KLDSEL_REASON_NO_NEIGHBOUR);
  kldsel_ranking_free(ranking);
  free_layers(layers);
}
END_TEST

static void assert_selected(kldsel_profile **layers, const int *numbers, size_t count, const int32_t *groups,
                            const int32_t *expected) {
  kldsel_ranking *ranking = rank_layers(layers, numbers, count, NULL, groups);
  for (size_t l = 0; l < count; l++) {
    int32_t selected = -1;
    assert_ok(kldsel_ranking_layer(ranking, l, NULL, NULL, &selected, NULL));
    ck_assert_msg(selected == expected[l], "selected of layer %zu is %d", l, selected);
  }
  kldsel_ranking_free(ranking);
}

START_TEST(selection) {
  kldsel_profile *layers[LAYERS];
  make_layers(layers);
  /* By uniform: EVEN, FLAT, THIRDS, SKEW; M * K is 10, 8, 12, 6, 8. */
  static const int numbers[] = {SKEW, EVEN, THIRDS, FLAT, SINGLE};
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){0, 0, 0, 0, 0});
  set_int(KLDSEL_OPTION_SELECT_COUNT, 3);
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){0, 1, 1, 1, 0});
  set_int(KLDSEL_OPTION_SELECT_COUNT, 5);
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){1, 1, 1, 1, 0});
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.4);
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){0, 1, 0, 1, 0});
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 18);
  /* 8 and 6; 12 and 10 do not fit into 4. */
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){0, 1, 0, 1, 0});
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 24);
  /* 8 and 6 leave 10, which the 12 does not fit, but the 10 does, to the last weight. */
  assert_selected(layers, numbers, 5, NULL, (const int32_t[]){1, 1, 0, 1, 0});
  /* 9 for each group: the 8 of one; of the other the 6, though the 12 comes first in the network. */
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 9);
  assert_selected(layers, numbers, 5, (const int32_t[]){0, 0, 1, 1, 1}, (const int32_t[]){0, 1, 0, 1, 0});
  free_layers(layers);
}
END_TEST

/* M * K of 2^63, one more than can be counted, counts as the most that can. */
START_TEST(parameters_beyond_counting) {
  enum {
    FILTERS = 1024,
    HEAD = 17
  };
  static double values[HEAD + 4 * FILTERS] = {1802265715, 1, FILTERS, 0x1p53, 1, 1};
  for (int at = 13; at < HEAD; at++) values[at] = nan("");
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_import(values, COUNT(values), test_options, &profile));
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, INT64_MAX);
  assert_selected(&profile, (const int[]){0}, 1, NULL, (const int32_t[]){1});
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, INT64_MAX - 1);
  assert_selected(&profile, (const int[]){0}, 1, NULL, (const int32_t[]){0});
  kldsel_profile_free(profile);
}
END_TEST

/* ---- bad arguments ---- */

static kldsel_profile *pool[LAYERS];

#define REFUSED(status, message, ...)                                                                        \
  assert_no_handle(kldsel_ranking, kldsel_rank_profiles(__VA_ARGS__, test_options, &POISONED), status,       \
                   message)

START_TEST(rank_profiles_refuses) {
  make_layers(pool);
  kldsel_profile *list[] = {pool[SKEW], pool[EVEN], pool[THIRDS]}, *holes[] = {pool[SKEW], NULL, pool[EVEN]};
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "profiles is NULL", NULL, 3, NULL, NULL);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "count is 0", list, 0, NULL, NULL);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "profiles[1] is NULL", holes, 2, NULL, NULL);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "profiles[0] is NULL", holes + 1, 2, NULL, NULL);
  assert_error(kldsel_rank_profiles(list, 3, NULL, NULL, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "ranking is NULL");
  for (int32_t reference = 0; reference < KLDSEL_REFERENCE_GIVEN; reference++) {
    if (reference == KLDSEL_REFERENCE_WITHIN) continue;
    set_int(KLDSEL_OPTION_REFERENCE, reference);
    REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "given is not NULL, but REFERENCE is not given", list, 3, list,
            NULL);
  }
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "given is NULL, but REFERENCE is given", list, 3, NULL, NULL);
  /* Other measures have no use for a reference. */
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(list, 3, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_MEASURE, 0);
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 4);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "SELECT_COUNT is 4, but there are 3 layers", list, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 2);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "SELECT_COUNT is 2, but group 5 has 1 layers", list, 3, NULL,
          ((const int32_t[]){5, 6, 6}));
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.5);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT,
          "options select by count 2, share 0.5 and parameters 0; set one of them", list, 3, NULL, NULL);
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_SHARE);
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "SIGN is 1; MEASURE share takes positive or negative", list, 3, NULL,
          NULL);
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_POSITIVE_NEGATIVE);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "SIGN is 4; MEASURE share takes positive or negative", list, 3, NULL,
          NULL);
  free_layers(pool);
}
END_TEST

START_TEST(profiles_must_be_of_a_kind) {
  make_layers(pool);
  kldsel_profile *kernel = make_profile((struct made){2, 5, {0.5, 0}, 6, 3, 2, 0, 0, 0});
  kldsel_profile *pairs = make_profile((struct made){2, 5, {0.5}, 6, 3, 0, 2, 0, 0});
  kldsel_profile *by_kernel[] = {pool[SKEW], pool[EVEN], kernel}, *by_pairs[] = {pool[SKEW], pairs};
  kldsel_profile *list[] = {pool[SKEW], pool[EVEN]}, *one_kernel[] = {NULL, kernel},
                 *one_pairs[] = {pairs, NULL};
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[2] was made with granularity 2, not 1", by_kernel, 3, NULL, NULL);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[1] was made with distribution 2, not 1", by_pairs, 2, NULL, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  REFUSED(KLDSEL_ERROR_MISMATCH, "given[1] was made with granularity 2, not 1", list, 2, one_kernel, NULL);
  REFUSED(KLDSEL_ERROR_MISMATCH, "given[0] was made with distribution 2, not 1", list, 2, one_pairs, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[0] was made with granularity 1, not 2", list, 2, NULL, NULL);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_FILTER);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[0] was made with distribution 1, not 2", list, 2, NULL, NULL);
  kldsel_profile_free(kernel);
  kldsel_profile_free(pairs);
  free_layers(pool);
}
END_TEST

START_TEST(index_needs_equal_lengths) {
  make_layers(pool);
  kldsel_profile *list[] = {pool[EVEN], pool[SKEW], pool[THIRDS]};
  kldsel_profile *given[] = {pool[SKEW], NULL, pool[EVEN]};
  set_int(KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_INDEX);
  /* Uniform has every length. */
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(list, 3, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_PREVIOUS);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[2] has 3 values and its reference 2; by index they must be equal",
          list, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_NEXT);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[1] has 2 values and its reference 3; by index they must be equal",
          list, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[2] has 3 values and its reference 2; by index they must be equal",
          list, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[2] has 3 values and its reference 2; by index they must be equal",
          list, 3, given, NULL);
  /* A layer of one filter has no length to agree with. */
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  kldsel_profile *short_ones[] = {pool[SINGLE], pool[EVEN], pool[SINGLE], pool[SKEW], pool[SINGLE]};
  assert_ok(kldsel_rank_profiles(short_ones, 5, NULL, NULL, test_options, &ranking));
  assert_score(ranking, 1, kl(EVEN, SKEW));
  assert_score(ranking, 3, kl(SKEW, EVEN));
  kldsel_ranking_free(ranking);
  /* Two filters have one pair, which is a length of its own. */
  const struct made two = {2, 4, {0.5}, 1, 1, 0, 2, 0, 0}, three = {3, 4, {0.5, 0, 0.25}, 1, 1, 0, 2, 0, 0};
  kldsel_profile *pairs[] = {make_profile(two), make_profile(three), make_profile(two)};
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[1] has 3 values and its reference 1; by index they must be equal",
          pairs, 2, NULL, NULL);
  REFUSED(KLDSEL_ERROR_MISMATCH, "profiles[1] has 1 values and its reference 3; by index they must be equal",
          pairs + 1, 2, NULL, NULL);
  for (size_t i = 0; i < COUNT(pairs); i++) kldsel_profile_free(pairs[i]);
  /* In groups of their own they need not agree. */
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  assert_ok(kldsel_rank_profiles(list, 3, NULL, (const int32_t[]){1, 1, 2}, test_options, &ranking));
  assert_score(ranking, 0, kl(EVEN, SKEW));
  assert_no_score(ranking, 2, KLDSEL_REASON_NO_NEIGHBOUR);
  kldsel_ranking_free(ranking);
  free_layers(pool);
}
END_TEST

START_TEST(within_can_be_missing) {
  set_temperature();
  kldsel_profile *good = make_profile((struct made){2, 5, {0, 0}, 0, 0, 0, 0, temperature, 0.75});
  kldsel_profile *without = make_profile((struct made){2, 5, {0, 0}, 0, 0, 0, 0, 0, 0});
  kldsel_profile *warmer = make_profile((struct made){2, 5, {0, 0}, 0, 0, 0, 0, 2, 0.75});
  kldsel_profile *missing[] = {good, without}, *other[] = {warmer, good}, *fine[] = {good, warmer};
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  REFUSED(KLDSEL_ERROR_MISSING, "profiles[1] holds no divergence within; make it with REFERENCE within",
          missing, 2, NULL, NULL);
  kldsel_ranking *ranking = NULL;
  set_double(KLDSEL_OPTION_TEMPERATURE, 2);
  REFUSED(KLDSEL_ERROR_MISSING, "profiles[1] holds the divergence within at temperature 0.45512, not 2",
          other, 2, NULL, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_UNIFORM);
  assert_ok(kldsel_rank_profiles(fine, 2, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  kldsel_profile_free(good);
  kldsel_profile_free(without);
  kldsel_profile_free(warmer);
}
END_TEST

START_TEST(reading_refuses) {
  make_layers(pool);
  kldsel_ranking *ranking = rank_layers(pool, (const int[]){SKEW, EVEN}, 2, NULL, NULL);
  struct {
    double score;
    int64_t rank, order[2];
    int32_t selected, reason;
  } out;
  poison(&out, sizeof out);
  assert_error(kldsel_ranking_layer(NULL, 0, &out.score, &out.rank, &out.selected, &out.reason),
               KLDSEL_ERROR_INVALID_ARGUMENT, "ranking is NULL");
  assert_error(kldsel_ranking_layer(ranking, 2, &out.score, &out.rank, &out.selected, &out.reason),
               KLDSEL_ERROR_INVALID_ARGUMENT, "layer is 2; the ranking has 2");
  assert_error(kldsel_ranking_layer(ranking, SIZE_MAX, &out.score, &out.rank, &out.selected, &out.reason),
               KLDSEL_ERROR_INVALID_ARGUMENT, "layer is " SIZE_MAX_TEXT "; the ranking has 2");
  assert_error(kldsel_ranking_order(NULL, out.order, 2), KLDSEL_ERROR_INVALID_ARGUMENT, "ranking is NULL");
  assert_error(kldsel_ranking_order(ranking, NULL, 2), KLDSEL_ERROR_INVALID_ARGUMENT, "order is NULL");
  assert_error(kldsel_ranking_order(ranking, out.order, 1), KLDSEL_ERROR_MISMATCH,
               "count is 1; the ranking has 2 layers");
  assert_error(kldsel_ranking_order(ranking, out.order, 3), KLDSEL_ERROR_MISMATCH,
               "count is 3; the ranking has 2 layers");
  assert_poisoned(&out, sizeof out);
  assert_ok(kldsel_ranking_layer(ranking, 0, NULL, NULL, NULL, NULL));
  kldsel_ranking_free(ranking);
  kldsel_ranking_free(NULL);
  ck_assert_uint_eq(kldsel_ranking_size(NULL), 0);
  free_layers(pool);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("ranking");
  TCase *tests = add_case(suite, "selection");
  tcase_add_test(tests, groups_are_networks_of_their_own);
  tcase_add_test(tests, selection);
  tcase_add_test(tests, parameters_beyond_counting);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, rank_profiles_refuses);
  tcase_add_test(tests, profiles_must_be_of_a_kind);
  tcase_add_test(tests, index_needs_equal_lengths);
  tcase_add_test(tests, within_can_be_missing);
  tcase_add_test(tests, reading_refuses);
  return suite;
}
