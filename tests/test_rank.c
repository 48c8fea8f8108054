/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>

#include "support.h"

#define UNDEFINED ((double)NAN)

/* Layers in all cases of this file. */
enum {
  N = 6
};

static void assert_ranked(const double *scores, const int64_t *parameters, const int32_t *groups,
                          const int64_t *expected_order, const int64_t *expected_ranks,
                          const int32_t *expected_selected) {
  int64_t order[N], ranks[N];
  int32_t selected[N];
  assert_ok(kldsel_rank(scores, N, parameters, groups, test_options, order, ranks, selected));
  for (int i = 0; i < N; i++) {
    ck_assert_msg(order[i] == expected_order[i], "order[%d] is %d", i, (int)order[i]);
    ck_assert_msg(ranks[i] == expected_ranks[i], "ranks[%d] is %d", i, (int)ranks[i]);
    ck_assert_msg(selected[i] == expected_selected[i], "selected[%d] is %d", i, selected[i]);
  }
}

static void assert_selected(const double *scores, const int64_t *parameters, const int32_t *groups,
                            const int32_t *expected) {
  int32_t selected[N];
  poison(selected, sizeof selected);
  assert_ok(kldsel_rank(scores, N, parameters, groups, test_options, NULL, NULL, selected));
  for (int i = 0; i < N; i++) ck_assert_msg(selected[i] == expected[i], "selected[%d] is %d", i, selected[i]);
}

START_TEST(low_and_high_with_ties_and_undefined) {
  static const double scores[] = {2, UNDEFINED, 1, 2, UNDEFINED, 3};
  static const int32_t none[N] = {0};
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_LOW);
  assert_ranked(scores, NULL, NULL, (const int64_t[]){2, 0, 3, 5, 1, 4}, (const int64_t[]){1, 4, 0, 2, 5, 3},
                none);
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH);
  assert_ranked(scores, NULL, NULL, (const int64_t[]){5, 0, 3, 2, 1, 4}, (const int64_t[]){1, 4, 3, 2, 5, 0},
                none);
}
END_TEST

START_TEST(infinities_zeros_and_neighbouring_doubles) {
  const double scores[] = {HUGE_VAL, -HUGE_VAL, 0, -0.0, DBL_TRUE_MIN, -DBL_TRUE_MIN};
  static const int32_t none[N] = {0};
  assert_ranked(scores, NULL, NULL, (const int64_t[]){1, 5, 2, 3, 4, 0}, (const int64_t[]){5, 0, 2, 3, 4, 1},
                none);
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH);
  assert_ranked(scores, NULL, NULL, (const int64_t[]){0, 4, 2, 3, 5, 1}, (const int64_t[]){0, 5, 2, 3, 1, 4},
                none);
}
END_TEST

/* Only their order counts, near the largest double too. */
START_TEST(large_scores) {
  const double scores[] = {DBL_MAX, 0.75 * DBL_MAX, -DBL_MAX, -0.75 * DBL_MAX, 0.5 * DBL_MAX, -0.5 * DBL_MAX};
  static const int32_t none[N] = {0};
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_LOW);
  assert_ranked(scores, NULL, NULL, (const int64_t[]){2, 3, 5, 4, 1, 0}, (const int64_t[]){5, 4, 0, 1, 3, 2},
                none);
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH);
  assert_ranked(scores, NULL, NULL, (const int64_t[]){0, 1, 4, 5, 3, 2}, (const int64_t[]){0, 1, 5, 4, 2, 3},
                none);
}
END_TEST

START_TEST(order_by_default_is_the_measures) {
  static const double scores[] = {1, 2};
  static const struct {
    int32_t measure, sign;
    int64_t best;
  } cases[] = {
      {0, 0, 0},
      {KLDSEL_MEASURE_KL, 0, 0},
      {KLDSEL_MEASURE_KL, KLDSEL_SIGN_POSITIVE, 0},
      {KLDSEL_MEASURE_COSINE, 0, 1},
      {KLDSEL_MEASURE_COSINE, KLDSEL_SIGN_NEGATIVE, 1},
      {KLDSEL_MEASURE_SHARE, 0, 1},
      {KLDSEL_MEASURE_SHARE, KLDSEL_SIGN_POSITIVE, 1},
      {KLDSEL_MEASURE_SHARE, KLDSEL_SIGN_NEGATIVE, 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    set_int(KLDSEL_OPTION_MEASURE, cases[i].measure);
    set_int(KLDSEL_OPTION_SIGN, cases[i].sign);
    int64_t order[2];
    assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, order, NULL, NULL));
    ck_assert_msg(order[0] == cases[i].best, "measure %d sign %d: best is %d", cases[i].measure,
                  cases[i].sign, (int)order[0]);
  }
  int64_t order[2];
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, NULL, order, NULL, NULL));
  ck_assert_int_eq(order[0], 0);
}
END_TEST

START_TEST(select_by_count) {
  static const double scores[] = {5, 4, UNDEFINED, 2, 1, 3};
  static const int32_t expected[][N] = {{0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 1, 0}, {0, 0, 0, 1, 1, 0},
                                        {0, 0, 0, 1, 1, 1}, {0, 1, 0, 1, 1, 1}, {1, 1, 0, 1, 1, 1},
                                        {1, 1, 0, 1, 1, 1}};
  for (int64_t count = 0; count <= N; count++) {
    set_int(KLDSEL_OPTION_SELECT_COUNT, count);
    assert_selected(scores, NULL, NULL, expected[count]);
  }
}
END_TEST

START_TEST(select_by_share) {
  static const double scores[] = {6, 5, 4, 3, 2, 1};
  static const struct {
    double share;
    int32_t expected[N];
  } cases[] = {
      {0, {0, 0, 0, 0, 0, 0}},       {DBL_TRUE_MIN, {0, 0, 0, 0, 0, 1}}, {0.1, {0, 0, 0, 0, 0, 1}},
      {1 / 6.0, {0, 0, 0, 0, 0, 1}}, {0.33, {0, 0, 0, 0, 0, 1}},         {1 / 3.0, {0, 0, 0, 0, 1, 1}},
      {0.49, {0, 0, 0, 0, 1, 1}},    {0.5, {0, 0, 0, 1, 1, 1}},          {0.99, {0, 1, 1, 1, 1, 1}},
      {1, {1, 1, 1, 1, 1, 1}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    set_double(KLDSEL_OPTION_SELECT_SHARE, cases[i].share);
    assert_selected(scores, NULL, NULL, cases[i].expected);
  }
  /* The share is of all layers, but undefined ones are not selected. */
  static const double undefined[] = {UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, 2, 1};
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.5);
  assert_selected(undefined, NULL, NULL, (const int32_t[]){0, 0, 0, 0, 1, 1});
}
END_TEST

/* k / n of n layers is k layers, whatever the quotient rounds to. */
START_TEST(share_of_a_whole_number_of_layers) {
  enum {
    MOST = 120
  };
  double scores[MOST];
  int32_t selected[MOST];
  for (int i = 0; i < MOST; i++) scores[i] = i;
  for (int n = 1; n <= (test_quick() ? 30 : MOST); n++)
    for (int k = 1; k <= n; k++) {
      set_double(KLDSEL_OPTION_SELECT_SHARE, (double)k / n);
      assert_ok(kldsel_rank(scores, (size_t)n, NULL, NULL, test_options, NULL, NULL, selected));
      for (int i = 0; i < n; i++)
        ck_assert_msg(selected[i] == (i < k), "share %d/%d: selected[%d] is %d", k, n, i, selected[i]);
    }
  /* Hundredths as people write them: 0.29 * 100 is 28.999999999999996. */
  for (int k = 1; k <= 100; k++) {
    set_double(KLDSEL_OPTION_SELECT_SHARE, k * 0.01);
    assert_ok(kldsel_rank(scores, 100, NULL, NULL, test_options, NULL, NULL, selected));
    for (int i = 0; i < 100; i++)
      ck_assert_msg(selected[i] == (i < k), "share 0.%02d: selected[%d] is %d", k, i, selected[i]);
  }
}
END_TEST

START_TEST(select_by_budget) {
  /* Best first these are layers 5, 4, 3, 2, 1, 0. */
  static const double scores[] = {6, 5, UNDEFINED, 3, 2, 1};
  static const int64_t parameters[] = {1, 10, 0, 40, 100, 50};
  static const struct {
    int64_t budget;
    int32_t expected[N];
  } cases[] = {
      {0, {0, 0, 0, 0, 0, 0}},   /* the default: no selection */
      {1, {1, 0, 0, 0, 0, 0}},   /* only the last fits */
      {49, {1, 0, 0, 1, 0, 0}},  /* 40, then 1: neither 50, 100 nor 10 fit when their turn comes */
      {50, {0, 0, 0, 0, 0, 1}},  /* 50 to the last weight */
      {101, {1, 1, 0, 1, 0, 1}}, /* 50, not 100, 40, 10, 1 */
      {149, {1, 1, 0, 1, 0, 1}}, /* the same */
      {150, {0, 0, 0, 0, 1, 1}}, /* 50, 100 */
      {201, {1, 1, 0, 1, 1, 1}}, /* all */
      {INT64_MAX, {1, 1, 0, 1, 1, 1}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    set_int(KLDSEL_OPTION_SELECT_PARAMETERS, cases[i].budget);
    assert_selected(scores, parameters, NULL, cases[i].expected);
  }
  /* No sum of counts may overflow; layers without weights are free. */
  static const int64_t huge[] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 0};
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, INT64_MAX);
  assert_selected(scores, huge, NULL, (const int32_t[]){0, 0, 0, 0, 1, 1});
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, INT64_MAX - 1);
  assert_selected(scores, huge, NULL, (const int32_t[]){0, 0, 0, 0, 0, 1});
}
END_TEST

START_TEST(groups_are_networks_of_their_own) {
  static const double scores[] = {3, 9, 1, 8, 2, UNDEFINED};
  static const int32_t groups[] = {7, -5, 7, -5, 7, INT32_MIN};
  static const int32_t none[N] = {0};
  static const int64_t order[] = {2, 4, 0, 3, 1, 5}, ranks[] = {2, 1, 0, 0, 1, 0};
  assert_ranked(scores, NULL, groups, order, ranks, none);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 1);
  assert_ranked(scores, NULL, groups, order, ranks, (const int32_t[]){0, 0, 1, 1, 0, 0});
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  /* floor(0.67 * 3) = 2, floor(0.67 * 2) = 1, and one of the one, which is undefined. */
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.67);
  assert_ranked(scores, NULL, groups, order, ranks, (const int32_t[]){0, 0, 1, 1, 1, 0});
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0);
  /* A budget of 10 for each group: 2 then 0 of the first, 3 of the second. */
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 10);
  static const int64_t parameters[] = {6, 5, 4, 10, 7, 1};
  assert_ranked(scores, parameters, groups, order, ranks, (const int32_t[]){1, 0, 1, 1, 0, 0});
}
END_TEST

START_TEST(every_output_may_be_null) {
  static const double scores[] = {2, 1};
  int64_t out[2] = {-1, -1};
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, NULL, NULL, NULL));
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, out, NULL, NULL));
  ck_assert_int_eq(out[0], 1);
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, NULL, out, NULL));
  ck_assert_int_eq(out[1], 0);
}
END_TEST

#define REFUSED(message, ...)                                                                                \
  do {                                                                                                       \
    assert_error(kldsel_rank(__VA_ARGS__, test_options, out.order, out.ranks, out.selected),                 \
                 KLDSEL_ERROR_INVALID_ARGUMENT, message);                                                    \
    assert_poisoned(&out, sizeof out);                                                                       \
  } while (0)

START_TEST(rank_refuses) {
  struct {
    int64_t order[3], ranks[3];
    int32_t selected[4];
  } out;
  poison(&out, sizeof out);
  static const double scores[] = {1, 2, 3};
  static const int64_t parameters[] = {1, -5, INT64_MIN};
  static const int32_t groups[] = {1, 1, 2};
  REFUSED("scores is NULL", NULL, 3, NULL, NULL);
  REFUSED("n is 0", scores, 0, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 4);
  REFUSED("SELECT_COUNT is 4, but there are 3 layers", scores, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, INT64_MAX);
  REFUSED("SELECT_COUNT is 9223372036854775807, but there are 3 layers", scores, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 2);
  REFUSED("SELECT_COUNT is 2, but group 2 has 1 layers", scores, 3, NULL, groups);
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.5);
  REFUSED("options select by count 2, share 0.5 and parameters 0; set one of them", scores, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 100);
  REFUSED("options select by count 2, share 0.5 and parameters 100; set one of them", scores, 3, parameters,
          NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  REFUSED("options select by count 0, share 0.5 and parameters 100; set one of them", scores, 3, parameters,
          NULL);
  /* The smallest count and the smallest budget are kinds of selection, too. */
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 1);
  REFUSED("options select by count 0, share 0.5 and parameters 1; set one of them", scores, 3, parameters,
          NULL);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 0);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 1);
  REFUSED("options select by count 1, share 0.5 and parameters 0; set one of them", scores, 3, NULL, NULL);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 100);
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0);
  REFUSED("parameters is NULL, but options select by a budget of parameters", scores, 3, NULL, NULL);
  REFUSED("parameters[1] is -5; must be >= 0", scores, 3, parameters, NULL);
  REFUSED("parameters[0] is -9223372036854775808; must be >= 0", scores, 1, parameters + 2, NULL);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 0);
  assert_ok(kldsel_rank(scores, 3, NULL, NULL, test_options, out.order, out.ranks, out.selected));
}
END_TEST

/* A thousand layers in as many groups, and in one; ties everywhere. */
START_TEST(many_layers) {
  enum {
    MANY = 1000
  };
  static double scores[MANY];
  static int32_t groups[MANY];
  static int64_t order[MANY], ranks[MANY];
  for (int i = 0; i < MANY; i++) {
    scores[i] = i * 7919 % 10;
    groups[i] = MANY - i;
  }
  assert_ok(kldsel_rank(scores, MANY, NULL, groups, test_options, order, ranks, NULL));
  for (int i = 0; i < MANY; i++) {
    ck_assert_int_eq(order[i], i);
    ck_assert_int_eq(ranks[i], 0);
  }
  assert_ok(kldsel_rank(scores, MANY, NULL, NULL, test_options, order, ranks, NULL));
  for (int i = 0; i < MANY; i++) {
    ck_assert_int_eq(ranks[order[i]], i);
    if (i > 0)
      ck_assert(scores[order[i - 1]] < scores[order[i]] ||
                (scores[order[i - 1]] == scores[order[i]] && order[i - 1] < order[i]));
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("rank");
  TCase *tests = add_case(suite, "order");
  tcase_add_test(tests, low_and_high_with_ties_and_undefined);
  tcase_add_test(tests, infinities_zeros_and_neighbouring_doubles);
  tcase_add_test(tests, large_scores);
  tcase_add_test(tests, order_by_default_is_the_measures);
  tcase_add_test(tests, every_output_may_be_null);
  tcase_add_test(tests, many_layers);
  tests = add_case(suite, "selection");
  tcase_add_test(tests, select_by_count);
  tcase_add_test(tests, select_by_share);
  tcase_add_test(tests, share_of_a_whole_number_of_layers);
  tcase_add_test(tests, select_by_budget);
  tcase_add_test(tests, groups_are_networks_of_their_own);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, rank_refuses);
  return suite;
}
