/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>

#include "support.h"

/* An exp and a quotient err by about an ulp each, a sum of n terms by n; the logits' rounding is an ulp of
 * the logit itself, which exp turns into a relative error. All cases below stay under 16 ulp. */
static void assert_near(const double *got, const double *expected, size_t n) {
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabs(got[i] - expected[i]) <= 16 * DBL_EPSILON * expected[i],
                  "probability %zu: %.17g, not %.17g", i, got[i], expected[i]);
}

static void assert_softmax(const double *values, size_t n, double temperature, const double *expected) {
  double probabilities[8];
  poison(probabilities, sizeof probabilities);
  assert_ok(kldsel_softmax(values, n, temperature, probabilities));
  assert_near(probabilities, expected, n);
  assert_poisoned(probabilities + n, sizeof probabilities - n * sizeof *probabilities);
  for (size_t i = 0; i < n; i++) probabilities[i] = values[i];
  assert_ok(kldsel_softmax(probabilities, n, temperature, probabilities));
  assert_near(probabilities, expected, n);
}

START_TEST(logarithms_give_their_numbers_back) {
  const double values[] = {log(1), log(2), log(3), log(10)};
  assert_softmax(values, 4, 1, (const double[]){1 / 16.0, 2 / 16.0, 3 / 16.0, 10 / 16.0});
  assert_softmax(values, 1, 1, (const double[]){1});
  /* Temperature 1/2 squares, 2 takes the root. */
  assert_softmax(values, 3, 0.5, (const double[]){1 / 14.0, 4 / 14.0, 9 / 14.0});
  const double squares[] = {log(1), log(4), log(9)};
  assert_softmax(squares, 3, 2, (const double[]){1 / 6.0, 2 / 6.0, 3 / 6.0});
}
END_TEST

START_TEST(equal_values_are_uniform_exactly) {
  static const double values[] = {0, 0.3, -7, 1e308, -1e308, DBL_MAX, DBL_TRUE_MIN};
  static const double temperatures[] = {DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX};
  for (size_t v = 0; v < COUNT(values); v++)
    for (size_t t = 0; t < COUNT(temperatures); t++) {
      double logits[] = {values[v], values[v], values[v], values[v]}, probabilities[4];
      assert_ok(kldsel_softmax(logits, 4, temperatures[t], probabilities));
      for (int i = 0; i < 4; i++) ck_assert_double_eq(probabilities[i], 0.25);
    }
}
END_TEST

START_TEST(large_values_do_not_overflow) {
  assert_softmax((const double[]){1000, 1001}, 2, 1, (const double[]){1 / (1 + exp(1)), 1 / (1 + exp(-1))});
  assert_softmax((const double[]){-1e308, 1e308}, 2, 1, (const double[]){0, 1});
  assert_softmax((const double[]){1, 2}, 2, DBL_TRUE_MIN, (const double[]){0, 1});
  assert_softmax((const double[]){-1, 1}, 2, DBL_MAX, (const double[]){0.5, 0.5});
  /* The two are further apart than any double, but not in units of the temperature: 1 / (1 + e^2). */
  const double low = 1 / (1 + exp(2));
  assert_softmax((const double[]){-0x1p1023, 0x1p1023}, 2, 0x1p1023, (const double[]){low, 1 - low});
  assert_softmax((const double[]){-DBL_MAX, DBL_MAX}, 2, DBL_MAX, (const double[]){low, 1 - low});
}
END_TEST

/* The smallest differences count where the temperature is as small. */
START_TEST(subnormal_values_and_temperature) {
  const double values[] = {0, DBL_TRUE_MIN};
  double probabilities[2];
  assert_ok(kldsel_softmax(values, 2, DBL_TRUE_MIN, probabilities));
  /* An exponential, a sum and a quotient err by an ulp each. */
  ck_assert_double_le(fabs(probabilities[0] - 1 / (1 + exp(1))), 4 * DBL_EPSILON);
  ck_assert_double_le(fabs(probabilities[1] - 1 / (1 + exp(-1))), 4 * DBL_EPSILON);
}
END_TEST

START_TEST(softmax_refuses) {
  double values[] = {1, 2, 3}, probabilities[3];
  poison(probabilities, sizeof probabilities);
  assert_error(kldsel_softmax(NULL, 3, 1, probabilities), KLDSEL_ERROR_INVALID_ARGUMENT, "values is NULL");
  assert_error(kldsel_softmax(values, 3, 1, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "probabilities is NULL");
  assert_error(kldsel_softmax(values, 0, 1, probabilities), KLDSEL_ERROR_INVALID_ARGUMENT, "n is 0");
  static const struct {
    double temperature;
    const char *message;
  } bad[] = {
      {0, "temperature is 0; must be finite and > 0"},
      {-0.0, "temperature is -0; must be finite and > 0"},
      {-1.5, "temperature is -1.5; must be finite and > 0"},
      {(double)NAN, "temperature is nan; must be finite and > 0"},
      {HUGE_VAL, "temperature is inf; must be finite and > 0"},
      {-HUGE_VAL, "temperature is -inf; must be finite and > 0"},
  };
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_error(kldsel_softmax(values, 3, bad[i].temperature, probabilities), KLDSEL_ERROR_INVALID_ARGUMENT,
                 bad[i].message);
  values[2] = nan("");
  assert_error(kldsel_softmax(values, 3, 1, probabilities), KLDSEL_ERROR_NOT_FINITE, "values[2] is nan");
  values[1] = -HUGE_VAL;
  assert_error(kldsel_softmax(values, 3, 1, probabilities), KLDSEL_ERROR_NOT_FINITE, "values[1] is -inf");
  values[0] = HUGE_VAL;
  assert_error(kldsel_softmax(values, 3, 1, probabilities), KLDSEL_ERROR_NOT_FINITE, "values[0] is inf");
  assert_poisoned(probabilities, sizeof probabilities);
  /* In place, a failure must leave the values. */
  values[0] = 1;
  values[1] = 2;
  assert_error(kldsel_softmax(values, 3, 1, values), KLDSEL_ERROR_NOT_FINITE, "values[2] is nan");
  ck_assert_double_eq(values[0], 1);
  ck_assert_double_eq(values[1], 2);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("softmax");
  TCase *tests = add_case(suite, "softmax");
  tcase_add_test(tests, logarithms_give_their_numbers_back);
  tcase_add_test(tests, equal_values_are_uniform_exactly);
  tcase_add_test(tests, large_values_do_not_overflow);
  tcase_add_test(tests, subnormal_values_and_temperature);
  tcase_add_test(tests, softmax_refuses);
  return suite;
}
