/* SPDX-License-Identifier: BSD-3-Clause */
/* The vectorised exponentials and what is summed of them: error against 113 bits, and the same bits at every
 * level. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../libkldsel/kernels_exponential.h"
#include "definition.h"
#include "kernel_levels.h"
#include "layers.h"
#include "support.h"

static const struct exponential_kernels *kernels(int32_t level) {
  return kernels_at(level)->exponentials;
}

/* Every level's result for one argument, which must be the same. */
static double exponential_of(double x) {
  double first = 0;
  for (int32_t level = 1; level <= kldsel_cpu_level(); level++) {
    double result = -1;
    kernels(level)->exponentials(&x, 1, &result);
    if (level == 1) first = result;
    if (memcmp(&result, &first, sizeof first) != 0)
      ck_abort_msg("exp(%a) is %a at level %d and %a at level 1", x, result, level, first);
  }
  return first;
}

static double worst_units;

/* The unit in the last place is that of the result, 2^-1074 at least. Subnormal results round twice, by half
 * a unit more. */
static void check_exponential(double x) {
  double got = exponential_of(x);
  wide want = wide_exponential((wide)x);
  int exponent;
  frexp((double)want, &exponent);
  double unit = ldexp(1, exponent - 53 < -1074 ? -1074 : exponent - 53);
  double units = (double)(wide_absolute((wide)got - want) / (wide)unit);
  bool normal = got >= DBL_MIN;
  if (normal) worst_units = fmax(worst_units, units);
  if (!(units < (normal ? 1.25 : 1.75))) ck_abort_msg("exp(%a): got %a, off by %.3f units", x, got, units);
}

START_TEST(exponentials_are_accurate) {
  struct generator g = {211};
  int count = test_quick() ? 2000 : 200000;
  for (int i = 0; i < count; i++) {
    double u = next_uniform(&g);
    check_exponential(-708 * u);
    check_exponential(709.78 * u);
    check_exponential(-2 * u);
    check_exponential(-745.2 + 37.2 * u); /* subnormal results */
    check_exponential((u < 0.5 ? -1 : 1) * ldexp(1 + next_uniform(&g), -(int)(1100 * next_uniform(&g))));
  }
  /* Where r is largest: halfway between multiples of ln 2, and their neighbours. */
  for (int k = -1074; k < 1024; k++) {
    double halfway = (k + 0.5) * 0x1.62e42fefa39efp-1, whole = k * 0x1.62e42fefa39efp-1;
    check_exponential(halfway);
    check_exponential(nextafter(halfway, 1e3));
    check_exponential(nextafter(halfway, -1e3));
    check_exponential(whole);
  }
  printf("largest error of exp: %.4f units in the last place\n", worst_units);
}
END_TEST

static void check_exact(double x, double want) {
  double got = exponential_of(x);
  ck_assert_msg(memcmp(&got, &want, sizeof got) == 0, "exp(%a) is %a, not %a", x, got, want);
}

START_TEST(ends_of_the_range) {
  check_exact(0.0, 1);
  check_exact(-0.0, 1);
  check_exact(DBL_TRUE_MIN, 1);
  check_exact(-DBL_TRUE_MIN, 1);
  check_exact(-DBL_MIN, 1);
  check_exact(0x1p-54, 1);
  check_exact(-750, 0);
  check_exact(-746, 0);
  check_exact(-1e4, 0);
  check_exact(-1e300, 0);
  check_exact(-DBL_MAX, 0);
  check_exact(-HUGE_VAL, 0);
  check_exact(709.79, HUGE_VAL);
  check_exact(1e4, HUGE_VAL);
  check_exact(DBL_MAX, HUGE_VAL);
  check_exact(HUGE_VAL, HUGE_VAL);
  check_exact(-745.13, DBL_TRUE_MIN);
  ck_assert(isnan(exponential_of(nan(""))));
  ck_assert(isfinite(exponential_of(709.78)));
}
END_TEST

enum {
  MOST = 67
};

/* Values of trained layers, with a spread of their own for each length. */
static void draw(double *x, size_t n, double spread) {
  struct generator g = {223 + n};
  for (size_t i = 0; i < n; i++) x[i] = spread * next_gaussian(&g);
}

static const double spreads[] = {1e-9, 1e-3, 0.3, 5, 100};

static void assert_same(const double *a, const double *b, size_t n, const char *what, size_t length,
                        int32_t level) {
  ck_assert_msg(memcmp(a, b, n * sizeof *a) == 0, "%s of %zu: another result at level %d", what, length,
                level);
}

/* Everything that a kernel makes of n values, one after the other. */
static void all_results(int32_t level, const double *x, size_t n, double *results) {
  const struct exponential_kernels *k = kernels(level);
  double *end = results;
  k->exponentials(x, n, end);
  end += n;
  k->scale(x, n, 0.1, 3, end);
  end += n;
  memcpy(end, x, n * sizeof *x);
  k->log_densities(end, n, 0.7);
  end += n;
  k->range(x, n, end, end + 1);
  end[2] = k->sum(x, n);
  end[3] = k->sum_exponentials(x, n);
  end[4] = k->sum_excess(x, n);
  end[5] = k->sum_uniform_terms(x, n, 0.01);
}

enum {
  RESULTS = 3 * MOST + 6
};

START_TEST(every_length_has_the_same_bits) {
  double x[MOST], first[RESULTS], other[RESULTS];
  for (size_t n = 1; n <= MOST; n++)
    for (size_t s = 0; s < COUNT(spreads); s++) {
      draw(x, n, spreads[s]);
      poison(first, sizeof first);
      all_results(1, x, n, first);
      for (int32_t level = 2; level <= kldsel_cpu_level(); level++) {
        poison(other, sizeof other);
        all_results(level, x, n, other);
        assert_same(first, other, RESULTS, "a result", n, level);
      }
      assert_poisoned(first + 3 * n + 6, (RESULTS - 3 * n - 6) * sizeof *first);
      double in_place[MOST];
      memcpy(in_place, x, n * sizeof *x);
      kernels(kldsel_cpu_level())->exponentials(in_place, n, in_place);
      assert_same(first, in_place, n, "exponentials in place", n, kldsel_cpu_level());
    }
}
END_TEST

/* exp(v) - 1 - v and v exp(v) - exp(v) + 1: near 0 by Taylor's series, as even 113 bits would cancel. */
static void reference(wide v, wide *excess, wide *cross) {
  wide density = wide_exponential(v), term = v;
  *excess = density - 1 - v;
  *cross = v * density - density + 1;
  if (wide_absolute(v) > 1) return;
  *excess = *cross = 0;
  for (int k = 2; k < 40; k++) {
    term *= v / k;
    *excess += term;
    *cross += term * (k - 1);
  }
}

struct wide_spread {
  wide values, excess, cross, magnitudes;
};

static void add_wide(struct wide_spread *sums, wide value) {
  wide excess, cross;
  reference(value, &excess, &cross);
  sums->values += value;
  sums->excess += excess;
  sums->cross += cross;
  sums->magnitudes += wide_absolute(value);
}

/* A compensated sum of terms of one sign is as good as its terms: these few units each, and u for the sum. */
static void check_sum(double got, wide want, double units, const char *what, size_t n, double spread) {
  double error = (double)wide_absolute((wide)got - want), bound = units * DBL_EPSILON / 2 * (double)want;
  ck_assert_msg(error <= bound, "%s of %zu values of spread %g: got %.17g, expected %.17g", what, n, spread,
                got, (double)want);
}

START_TEST(sums_are_accurate) {
  double x[MOST];
  for (size_t n = 1; n <= MOST; n++)
    for (size_t s = 0; s < COUNT(spreads); s++) {
      draw(x, n, spreads[s]);
      wide exponentials = 0;
      struct wide_spread want = {0};
      double lowest = x[0], highest = x[0], got_lowest, got_highest;
      for (size_t i = 0; i < n; i++) {
        exponentials += wide_exponential((wide)x[i]);
        add_wide(&want, (wide)x[i]);
        lowest = fmin(lowest, x[i]);
        highest = fmax(highest, x[i]);
      }
      const struct exponential_kernels *k = kernels(kldsel_cpu_level());
      check_sum(k->sum_exponentials(x, n), exponentials, 4, "exp", n, spreads[s]);
      /* exp(1) - 1 - 1 is 0.7 with an error of 1.25 units of exp(1), 4 u, and so on. */
      check_sum(k->sum_excess(x, n), want.excess, 24, "exp(v) - 1 - v", n, spreads[s]);
      check_sum(k->sum_uniform_terms(x, n, 0), want.cross, 24, "v exp(v) - exp(v) + 1", n, spreads[s]);
      ck_assert_double_le((double)wide_absolute((wide)k->sum(x, n) - want.values),
                          2 * DBL_EPSILON * (double)wide_absolute(want.values) +
                              64 * 0x1p-106 * (double)want.magnitudes);
      k->range(x, n, &got_lowest, &got_highest);
      ck_assert_double_eq(got_lowest, lowest);
      ck_assert_double_eq(got_highest, highest);
    }
}
END_TEST

/* Values that are far from their center, so that their sum is no rounding error, and what pads them is not 0:
 * it adds to what was there. Each value errs by two roundings, which the other two terms have up to v + 2
 * times: v (exp(v) - 1) / (exp(v) - 1 - v) and v^2 exp(v) / (1 - exp(v) + v exp(v)) are no more. */
START_TEST(spreads_add_up) {
  double x[MOST];
  for (size_t n = 1; n <= MOST; n++) {
    draw(x, n, 0.3);
    const double center = -1, temperature = 0.7;
    struct wide_spread want = {1, 1, 1, 1};
    wide highest = 0;
    for (size_t i = 0; i < n; i++) {
      wide value = ((wide)x[i] - (wide)center) / (wide)temperature;
      add_wide(&want, value);
      if (wide_absolute(value) > highest) highest = wide_absolute(value);
    }
    double units = 24 + 2 * ((double)highest + 2);
    for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++) {
      struct spread spread = {1, 1, 1};
      kernels(level)->spread(x, n, center, temperature, &spread);
      ck_assert_double_le((double)wide_absolute((wide)spread.values - want.values),
                          2 * DBL_EPSILON * (double)want.magnitudes);
      check_sum(spread.excess, want.excess, units, "far exp(v) - 1 - v", n, 0.3);
      check_sum(spread.cross, want.cross, units, "far v exp(v) - exp(v) + 1", n, 0.3);
    }
  }
}
END_TEST

/* The three sums of values of up to that width, at every level. Terms of the third are off by less than 20 u
 * (kernels_exponential.c), of the second by 3. */
static void check_spread(int near, const double *x, size_t n, double width) {
  struct wide_spread want = {0};
  for (size_t i = 0; i < n; i++) add_wide(&want, (wide)x[i]);
  struct spread first = {0};
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++) {
    struct spread spread = {0};
    (near ? kernels(level)->spread_near : kernels(level)->spread)(x, n, 0, 1, &spread);
    if (level == KLDSEL_CPU_LEVEL_BASELINE) first = spread;
    assert_same(&first.values, &spread.values, 3, "a spread", n, level);
  }
  ck_assert_double_le((double)wide_absolute((wide)first.values - want.values),
                      2 * DBL_EPSILON * (double)wide_absolute(want.values) +
                          64 * 0x1p-106 * (double)want.magnitudes);
  check_sum(first.excess, want.excess, 24, "exp(v) - 1 - v", n, width);
  check_sum(first.cross, want.cross, 24, "v exp(v) - exp(v) + 1", n, width);
}

/* Within NEAR of the center the shorter series are as good; beyond 1 there are none. What is below the center
 * alone, too, where most cancels and nothing above outweighs it. */
START_TEST(spreads_are_accurate) {
  double x[MOST];
  const double widths[] = {1e-9, 1e-3, NEAR / 16, NEAR, 0.3, nextafter(1.0, 0.0), 1, 5.3, 300.7};
  for (size_t n = 1; n <= MOST; n += test_quick() ? 7 : 1)
    for (size_t w = 0; w < COUNT(widths); w++) {
      draw(x, n, 1);
      for (size_t i = 0; i < n; i++) x[i] = i == 0 ? -widths[w] : i == 1 ? widths[w] : widths[w] * tanh(x[i]);
      for (int below = 0; below < 2; below++) {
        if (below)
          for (size_t i = 0; i < n; i++) x[i] = -fabs(x[i]);
        check_spread(0, x, n, widths[w]);
        if (widths[w] <= NEAR) check_spread(1, x, n, widths[w]);
      }
    }
}
END_TEST

/* One value's term, in units of 2^-53 of it. */
static double units_off(double got, wide want) {
  return (double)(wide_absolute((wide)got - want) / want) * 0x1p53;
}

/* Where series serve: as the kernels' comments say. */
START_TEST(single_terms_are_accurate) {
  struct generator g = {229};
  const struct exponential_kernels *k = kernels(kldsel_cpu_level());
  double worst[5] = {0};
  static const double bounds[] = {3, 3, 3, 5, 20};
  for (int i = 0; i < (test_quick() ? 4000 : 200000); i++) {
    /* Evenly, but for every other that is at one of the ends, where what is left out is largest. */
    double u = 2 * next_uniform(&g) - 1, x = i % 2 ? u : copysign(1 - fabs(u) / 64, u), near_x = x * NEAR;
    if (u == 0) continue;
    wide excess, cross, near_excess, near_cross;
    reference((wide)x, &excess, &cross);
    reference((wide)near_x, &near_excess, &near_cross);
    struct spread spread = {0}, near = {0};
    k->spread(&x, 1, 0, 1, &spread);
    k->spread_near(&near_x, 1, 0, 1, &near);
    double units[] = {units_off(k->sum_excess(&x, 1), excess), units_off(spread.excess, excess),
                      units_off(near.excess, near_excess), units_off(k->sum_uniform_terms(&x, 1, 0), cross),
                      fmax(units_off(spread.cross, cross), units_off(near.cross, near_cross))};
    for (size_t t = 0; t < COUNT(units); t++) {
      worst[t] = fmax(worst[t], units[t]);
      ck_assert_msg(units[t] < bounds[t], "term %zu of %a is off by %.2f units", t, x, units[t]);
    }
  }
  printf("largest errors of terms: %.2f %.2f %.2f %.2f %.2f times 2^-53\n", worst[0], worst[1], worst[2],
         worst[3], worst[4]);
}
END_TEST

/* ---- moments of rows ---- */

START_TEST(moments_are_those_of_the_columns) {
  enum {
    COLUMNS = 21,
    STRIDE = 27
  };
  static double l[MOST_ROWS * STRIDE];
  struct generator g = {227};
  for (size_t i = 0; i < COUNT(l); i++) l[i] = 0.3 * next_gaussian(&g);
  for (size_t rows = 1; rows <= MOST_ROWS; rows += rows < 4 ? 1 : 11)
    for (size_t n = 1; n <= COLUMNS; n++) {
      wide want = 0;
      double first[2 * COLUMNS + 1];
      for (int32_t level = 1; level <= kldsel_cpu_level(); level++) {
        double got[2 * COLUMNS + 1];
        poison(got, sizeof got);
        double products = kernels(level)->row_moments(l, STRIDE, rows, n, got, got + COLUMNS);
        got[2 * COLUMNS] = products;
        assert_poisoned(got + n, (COLUMNS - n) * sizeof *got);
        if (level == 1) memcpy(first, got, sizeof got);
        assert_same(first, got, COUNT(got), "moments", n, level);
      }
      for (size_t k = 0; k < n; k++) {
        wide density = 0, log_density = 0;
        for (size_t r = 0; r < rows; r++) {
          density += wide_exponential((wide)l[r * STRIDE + k]) / (wide)rows;
          log_density += (wide)l[r * STRIDE + k] / (wide)rows;
        }
        ck_assert_double_le(fabs(first[k] - (double)(density - 1)), 1e-15 * (double)density * 8);
        ck_assert_double_le(fabs(first[COLUMNS + k] - (double)log_density), 1e-15);
        for (size_t r = 0; r < rows; r++)
          want +=
              (wide_exponential((wide)l[r * STRIDE + k]) - density) * ((wide)l[r * STRIDE + k] - log_density);
      }
      ck_assert_double_le(fabs(first[2 * COLUMNS] - (double)want), 1e-13 * (double)want + 1e-30);
    }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("kernels_exponential");
  TCase *tests = add_case(suite, "exponential");
  tcase_add_test(tests, exponentials_are_accurate);
  tcase_add_test(tests, ends_of_the_range);
  tcase_add_test(tests, every_length_has_the_same_bits);
  tcase_add_test(tests, sums_are_accurate);
  tcase_add_test(tests, spreads_add_up);
  tcase_add_test(tests, spreads_are_accurate);
  tcase_add_test(tests, single_terms_are_accurate);
  tcase_add_test(tests, moments_are_those_of_the_columns);
  return suite;
}
