/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>

#include "support.h"

#define LENGTHS(p, q) p, COUNT(p), q, COUNT(q)

static double divergence(const double *p, size_t p_length, const double *q, size_t q_length) {
  double result = -1;
  assert_ok(kldsel_divergence(p, p_length, q, q_length, test_options, &result));
  ck_assert_msg(result >= 0, "divergence %g", result);
  return result;
}

/* Inputs and logarithms err by an ulp each, and terms of both signs cancel: the sum's error is some ulp of
 * the largest term, which is below 1 in every case here. */
static void assert_close(double got, double expected) {
  ck_assert_msg(fabs(got - expected) <= 8 * DBL_EPSILON, "got %.17g, expected %.17g", got, expected);
}

static void by_index(void) {
  set_int(KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_INDEX);
}

START_TEST(index_by_hand) {
  by_index();
  const double half[] = {0.5, 0.5}, quarter[] = {0.25, 0.75}, turned[] = {0.75, 0.25}, one[] = {1, 0};
  assert_close(divergence(LENGTHS(half, quarter)), 0.5 * log(4 / 3.0));
  assert_close(divergence(LENGTHS(quarter, half)), 0.25 * log(0.5) + 0.75 * log(1.5));
  assert_close(divergence(LENGTHS(quarter, turned)), 0.5 * log(3));
  assert_close(divergence(LENGTHS(one, half)), log(2));
  assert_close(divergence(LENGTHS(one, quarter)), log(4));
  ck_assert_double_eq(divergence(LENGTHS(quarter, quarter)), 0);
  ck_assert_double_eq(divergence(LENGTHS(one, one)), 0);
}
END_TEST

START_TEST(no_mass_in_q_is_infinite) {
  const double half[] = {0.5, 0.5}, one[] = {1, 0}, other[] = {0, 1};
  ck_assert_double_eq(divergence(LENGTHS(half, one)), HUGE_VAL);
  by_index();
  ck_assert_double_eq(divergence(LENGTHS(half, one)), HUGE_VAL);
  ck_assert_double_eq(divergence(LENGTHS(one, other)), HUGE_VAL);
  const double gap[] = {0.5, 0.25, 0.25}, missing[] = {0.5, 0, 0.5};
  ck_assert_double_eq(divergence(LENGTHS(gap, missing)), HUGE_VAL);
}
END_TEST

/* The quotient p / q overflows where its logarithm is 0.5 ln(2^1073). */
START_TEST(subnormal_mass_in_q_is_finite) {
  const double half[] = {0.5, 0.5}, tiny[] = {1, DBL_TRUE_MIN};
  double expected = 0.5 * log(0.5) + 0.5 * 1073 * log(2);
  for (int32_t alignment = 1; alignment <= 2; alignment++) {
    set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
    double got = divergence(LENGTHS(half, tiny));
    ck_assert_msg(fabs(got - expected) <= 8 * DBL_EPSILON * expected, "got %.17g, expected %.17g", got,
                  expected);
    /* And a subnormal mass in p adds nothing that shows. */
    assert_close(divergence(LENGTHS(tiny, half)), log(2));
  }
}
END_TEST

/* KL((1 + x) / 2, (1 - x) / 2 || 1/2, 1/2) = sum over n of x^2n / (2n (2n - 1)): all terms are positive, so
 * that nothing cancels however near the two are. x is a power of 2, so p is exact. */
START_TEST(near_distributions_keep_their_digits) {
  for (int power = 1; power <= 50; power++) {
    double x = ldexp(1, -power), expected = 0;
    for (int n = 60; n >= 1; n--) expected += pow(x, 2 * n) / (2 * n * (2 * n - 1));
    const double p[] = {0.5 + x / 2, 0.5 - x / 2}, half[] = {0.5, 0.5};
    for (int32_t alignment = 1; alignment <= 2; alignment++) {
      set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
      double got = divergence(LENGTHS(p, half));
      ck_assert_msg(fabs(got - expected) <= 16 * DBL_EPSILON * expected, "x 2^-%d: got %.17g, expected %.17g",
                    power, got, expected);
    }
  }
}
END_TEST

START_TEST(quantile_by_hand) {
  const double one[] = {1}, skew[] = {0.25, 0.75}, turned[] = {0.75, 0.25},
               thirds[] = {1 / 6.0, 1 / 2.0, 1 / 3.0};
  ck_assert_double_eq(divergence(LENGTHS(skew, turned)), 0);
  assert_close(divergence(LENGTHS(one, skew)), 0.5 * log(4 / 3.0));
  assert_close(divergence(LENGTHS(skew, one)), 0.75 * log(1.5) + 0.25 * log(0.5));
  /* Densities 3/2, 1/2 against 3/2, 1, 1/2: they differ between 1/3 and 2/3 only, with the step at 1/2. */
  assert_close(divergence(LENGTHS(skew, thirds)), (1.5 * log(1.5) + 0.5 * log(0.5)) / 6);
  assert_close(divergence(LENGTHS(thirds, skew)), (log(1 / 1.5) + log(1 / 0.5)) / 6);
}
END_TEST

/* Each probability cut into n equal parts is the same step function. */
START_TEST(quantile_ignores_repetition) {
  const double p[] = {0.5, 0.375, 0.125}, q[] = {0.25, 0.5, 0.25};
  double expected = divergence(LENGTHS(p, q));
  ck_assert_double_gt(expected, 0.01);
  for (size_t n = 2; n <= 7; n++) {
    double parts[21];
    for (size_t i = 0; i < 3 * n; i++) parts[i] = p[i % 3] / (double)n;
    assert_close(divergence(parts, 3 * n, q, 3), expected);
    assert_close(divergence(parts, 3 * n, p, 3), 0);
    assert_close(divergence(p, 3, parts, 3 * n), 0);
  }
}
END_TEST

/* With nothing in common the breakpoints still sum to the whole: uniform against uniform is 0. */
START_TEST(quantile_of_lengths_without_a_common_factor) {
  double a[13], b[17];
  for (size_t i = 0; i < 13; i++) a[i] = 1 / 13.0;
  for (size_t i = 0; i < 17; i++) b[i] = 1 / 17.0;
  assert_close(divergence(LENGTHS(a, b)), 0);
  /* All of p's mass in its first seventeenth: the density there is 17 against 1. */
  for (size_t i = 0; i < 17; i++) b[i] = i == 9 ? 1 : 0;
  double got = divergence(LENGTHS(b, a));
  ck_assert_double_le(fabs(got - log(17)), 16 * DBL_EPSILON);
}
END_TEST

START_TEST(sums_near_one_are_taken) {
  const double half[] = {0.5, 0.5}, less[] = {0.5 - 4e-7, 0.5 - 4e-7}, more[] = {0.5 + 4e-7, 0.5 + 4e-7};
  for (int32_t alignment = 1; alignment <= 2; alignment++) {
    set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
    /* sum p ln(p / q) is 8e-7 below 0 here: told as 0, a divergence being none the less >= 0. */
    ck_assert_double_le(divergence(LENGTHS(less, half)), 1e-6);
    ck_assert_double_le(divergence(LENGTHS(more, half)), 1e-6);
    ck_assert_double_le(divergence(LENGTHS(half, less)), 1e-6);
    ck_assert_double_le(divergence(LENGTHS(half, more)), 1e-6);
  }
}
END_TEST

/* What sums to nearly 1 counts as if it summed to 1: by p scaled up and down in either place the divergence
 * does not change by more than roundings, of some ulp of terms below 1. */
START_TEST(sums_near_one_are_made_one) {
  const double p[] = {0.25, 0.75}, q[] = {0.5, 0.5};
  static const double factors[] = {1 - 8e-7, 1 + 8e-7};
  for (int32_t alignment = 1; alignment <= 2; alignment++) {
    set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
    for (size_t i = 0; i < COUNT(factors); i++) {
      const double scaled_p[] = {p[0] * factors[i], p[1] * factors[i]};
      const double scaled_q[] = {q[0] * factors[i], q[1] * factors[i]};
      assert_close(divergence(LENGTHS(scaled_p, q)), divergence(LENGTHS(p, q)));
      assert_close(divergence(LENGTHS(p, scaled_q)), divergence(LENGTHS(p, q)));
    }
  }
}
END_TEST

START_TEST(inputs_stay_as_they_are) {
  const double p[] = {0.125, 0.5, 0.375}, q[] = {0.25, 0.25, 0.5};
  double p_copy[] = {0.125, 0.5, 0.375}, q_copy[] = {0.25, 0.25, 0.5};
  divergence(LENGTHS(p_copy, q_copy));
  ck_assert_mem_eq(p, p_copy, sizeof p);
  ck_assert_mem_eq(q, q_copy, sizeof q);
  /* Without options: quantile. */
  double result = -1;
  assert_ok(kldsel_divergence(LENGTHS(p, p), NULL, &result));
  ck_assert_double_eq(result, 0);
}
END_TEST

START_TEST(divergence_refuses) {
  const double p[] = {0.25, 0.75}, q[] = {0.5, 0.25, 0.25};
  double out;
  poison(&out, sizeof out);
  for (int32_t alignment = 0; alignment <= 2; alignment++) {
    set_int(KLDSEL_OPTION_ALIGNMENT, alignment);
    assert_error(kldsel_divergence(NULL, 2, p, 2, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                 "p is NULL");
    assert_error(kldsel_divergence(p, 2, NULL, 2, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                 "q is NULL");
    assert_error(kldsel_divergence(p, 2, p, 2, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
                 "divergence is NULL");
    assert_error(kldsel_divergence(p, 0, p, 2, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                 "p_length is 0");
    assert_error(kldsel_divergence(p, 2, p, 0, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                 "q_length is 0");
#if SIZE_MAX > UINT32_MAX
    assert_error(kldsel_divergence(p, 1ULL << 32, p, 2, test_options, &out), KLDSEL_ERROR_TOO_LARGE,
                 "p_length is 4294967296; at most 4294967295");
    assert_error(kldsel_divergence(p, 2, p, SIZE_MAX, test_options, &out), KLDSEL_ERROR_TOO_LARGE,
                 "q_length is 18446744073709551615; at most 4294967295");
    /* The most that there may be; the first one is not read past. */
    const double negative = -1;
    assert_error(kldsel_divergence(&negative, UINT32_MAX, p, 2, test_options, &out),
                 KLDSEL_ERROR_INVALID_ARGUMENT, "p[0] is -1; must be finite and >= 0");
    assert_error(kldsel_divergence(p, 2, &negative, UINT32_MAX, test_options, &out),
                 KLDSEL_ERROR_INVALID_ARGUMENT, "q[0] is -1; must be finite and >= 0");
#endif
    static const struct {
      double value;
      const char *p_message, *q_message;
    } bad[] = {
        {-0.25, "p[1] is -0.25; must be finite and >= 0", "q[1] is -0.25; must be finite and >= 0"},
        {(double)NAN, "p[1] is nan; must be finite and >= 0", "q[1] is nan; must be finite and >= 0"},
        {HUGE_VAL, "p[1] is inf; must be finite and >= 0", "q[1] is inf; must be finite and >= 0"},
        {-HUGE_VAL, "p[1] is -inf; must be finite and >= 0", "q[1] is -inf; must be finite and >= 0"},
        {0.625, "p sums to 1.125; must be 1", "q sums to 1.125; must be 1"},
        {0.25, "p sums to 0.75; must be 1", "q sums to 0.75; must be 1"},
        {0.5 + 0x1p-19, "p sums to 1.0000019073486328; must be 1", "q sums to 1.0000019073486328; must be 1"},
        {0.5 - 0x1p-19, "p sums to 0.99999809265136719; must be 1",
         "q sums to 0.99999809265136719; must be 1"},
        {DBL_MAX, "p sums to 1.7976931348623157e+308; must be 1",
         "q sums to 1.7976931348623157e+308; must be 1"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
      const double values[] = {0.5, bad[i].value};
      assert_error(kldsel_divergence(values, 2, p, 2, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                   bad[i].p_message);
      assert_error(kldsel_divergence(p, 2, values, 2, test_options, &out), KLDSEL_ERROR_INVALID_ARGUMENT,
                   bad[i].q_message);
    }
  }
  by_index();
  assert_error(kldsel_divergence(p, 2, q, 3, test_options, &out), KLDSEL_ERROR_MISMATCH,
               "p_length is 2 and q_length 3; by index they must be equal");
  assert_poisoned(&out, sizeof out);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("divergence");
  TCase *tests = add_case(suite, "divergence");
  tcase_add_test(tests, index_by_hand);
  tcase_add_test(tests, no_mass_in_q_is_infinite);
  tcase_add_test(tests, subnormal_mass_in_q_is_finite);
  tcase_add_test(tests, near_distributions_keep_their_digits);
  tcase_add_test(tests, quantile_by_hand);
  tcase_add_test(tests, quantile_ignores_repetition);
  tcase_add_test(tests, quantile_of_lengths_without_a_common_factor);
  tcase_add_test(tests, sums_near_one_are_taken);
  tcase_add_test(tests, sums_near_one_are_made_one);
  tcase_add_test(tests, inputs_stay_as_they_are);
  tcase_add_test(tests, divergence_refuses);
  return suite;
}
