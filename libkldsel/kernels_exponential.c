/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level. */
#include "kernels_exponential.h"

#include <math.h>

#include "kernels.h"
#include "sum.h"
#include "vector.h"

/* 2^k for whole k from -1022 to 1023, given k + 1.5 * 2^52, whose low bits are k's. */
INLINE f64v power_of_two(f64v shifted) {
  return (f64v)(((i64v)shifted + 1023) << 52);
}

/* Series are long chains of operations that wait for each other; so many vectors go through them side by
 * side, in arrays of constant size that the compiler keeps in registers. */
enum {
  TOGETHER = 4,
  VALUES_TOGETHER = WIDTH * TOGETHER,
  LANES_TOGETHER = LANES * TOGETHER /* of whole lanes */
};

/* x = k ln 2 + r with |r| <= ln 2 / 2. k ln2_high is exact, and so is what is left of x; r is then off by its
 * own rounding, 2^-55. Of Taylor's series what is left out is below 2^-57; r^2 (1/2 + ...) is off by less
 * than 2^-55, r + r^2 (...) rounds by 2^-55, and adding 1 by half a unit of the result, which is above 0.7:
 * less than 1.25 units in all. The scaling is exact but for results that are subnormal, where it rounds once
 * more, by half a unit. */
struct reduced {
  f64v less_one[TOGETHER]; /* exp(r) - 1 */
  f64v half[TOGETHER],
      rest[TOGETHER]; /* 2^half 2^rest = 2^k: in two steps, as 2^k itself may be out of range */
};

INLINE void reduce(const f64v *x, int count, struct reduced *to) {
  const double to_integer = 0x1.8p52, ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static const double factorials[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                      1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                      1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
  f64v k[TOGETHER], r[TOGETHER], series[TOGETHER];
  for (int u = 0; u < count; u++) {
    /* Beyond these the result is 0 or infinity; a NaN stays. */
    f64v near = choose(x[u] < -750.0, every(-750.0), x[u]);
    near = choose(near > 710.0, every(710.0), near);
    k[u] = (near * 0x1.71547652b82fep0 + to_integer) - to_integer;
    r[u] = (near - k[u] * ln2_high) - k[u] * ln2_low;
    series[u] = every(factorials[0]);
  }
  for (size_t i = 1; i < sizeof factorials / sizeof *factorials; i++)
    for (int u = 0; u < count; u++) series[u] = series[u] * r[u] + factorials[i];
  for (int u = 0; u < count; u++) {
    f64v half = k[u] * 0.5 + to_integer, rest = (k[u] - (half - to_integer)) + to_integer;
    to->less_one[u] = r[u] + r[u] * r[u] * series[u];
    to->half[u] = power_of_two(half);
    to->rest[u] = power_of_two(rest);
  }
}

INLINE void exponentials_of(const f64v *x, int count, f64v *to) {
  struct reduced reduced;
  reduce(x, count, &reduced);
  for (int u = 0; u < count; u++) to[u] = (1.0 + reduced.less_one[u]) * reduced.half[u] * reduced.rest[u];
}

/* exp(x) - 1, for x of no more than 700: near 0, where k is 0, to as many digits as x has. */
INLINE void exponentials_less_one_of(const f64v *x, int count, f64v *to) {
  struct reduced reduced;
  reduce(x, count, &reduced);
  for (int u = 0; u < count; u++) {
    f64v power = reduced.half[u] * reduced.rest[u];
    to[u] = reduced.less_one[u] * power + (power - 1.0);
  }
}

INLINE f64v exponential(f64v x) {
  f64v to;
  exponentials_of(&x, 1, &to);
  return to;
}

INLINE i64v is_near(f64v d) {
  return (d < 1.0) & (d > -1.0);
}

/* Whether any value is beyond where series serve. What is near does not depend on it. */
INLINE int any_far(const f64v *d) {
  i64v near = ~(i64v){0};
  for (int u = 0; u < TOGETHER; u++) near &= is_near(d[u]);
  int64_t all = near[0];
  for (int lane = 1; lane < WIDTH; lane++) all &= near[lane];
  return all == 0;
}

/* Terms of a series for magnitudes up to 1, and up to NEAR. */
enum {
  TERMS = 19,
  NEAR_TERMS = 11
};

/* d^2/2 times a series, given from its highest term on; without the first of them where it is near. */
INLINE void near_zero(const f64v *d, int near, const double *terms, f64v *to) {
  f64v series[TOGETHER];
  size_t first = near ? TERMS - NEAR_TERMS : 0;
  for (int u = 0; u < TOGETHER; u++) series[u] = every(terms[first]);
  for (size_t i = first + 1; i < TERMS; i++)
    for (int u = 0; u < TOGETHER; u++) series[u] = series[u] * d[u] + terms[i];
  for (int u = 0; u < TOGETHER; u++) to[u] = d[u] * d[u] * 0.5 * series[u];
}

/* exp(v) - 1 - v: up to a magnitude of 1 off by less than 3 u, u = 2^-53, as measured. Near 0 the terms are
 * 2 / k! from k = 20, or 12, down to 2; those left out are below 2^-58 of the sum. near: no value exceeds
 * NEAR. */
INLINE void excesses_of(const f64v *v, int near, f64v *to) {
  static const double terms[TERMS] = {2.0 / 2432902008176640000.0,
                                      2.0 / 121645100408832000.0,
                                      2.0 / 6402373705728000,
                                      2.0 / 355687428096000,
                                      2.0 / 20922789888000,
                                      2.0 / 1307674368000,
                                      2.0 / 87178291200,
                                      2.0 / 6227020800,
                                      2.0 / 479001600,
                                      2.0 / 39916800,
                                      2.0 / 3628800,
                                      2.0 / 362880,
                                      2.0 / 40320,
                                      2.0 / 5040,
                                      2.0 / 720,
                                      2.0 / 120,
                                      2.0 / 24,
                                      2.0 / 6,
                                      1.0};
  near_zero(v, near, terms, to);
  if (near || !any_far(v)) return;
  f64v densities[TOGETHER];
  exponentials_of(v, TOGETHER, densities);
  for (int u = 0; u < TOGETHER; u++) to[u] = choose(is_near(v[u]), to[u], densities[u] - 1.0 - v[u]);
}

/* 1 - exp(d) + d exp(d), which is kldsel_divergence_term(d, 0), as it is written, in the place of what is
 * not near 0. */
INLINE void far_crosses_of(const f64v *d, f64v *to) {
  f64v densities[TOGETHER];
  exponentials_of(d, TOGETHER, densities);
  for (int u = 0; u < TOGETHER; u++) {
    f64v far = 1.0 - densities[u] + choose(densities[u] > 0, densities[u] * d[u], every(0.0));
    to[u] = choose(is_near(d[u]), to[u], far);
  }
}

/* 1 - exp(d) + d exp(d) for any d: up to a magnitude of 1 off by less than 5 u, as measured. Near 0 the terms
 * are 2 (k - 1) / k! from k = 20 down to 2; those left out are below 2^-58 of the sum. */
INLINE void crosses_of(const f64v *d, f64v *to) {
  static const double terms[TERMS] = {38.0 / 2432902008176640000.0,
                                      36.0 / 121645100408832000.0,
                                      34.0 / 6402373705728000,
                                      32.0 / 355687428096000,
                                      30.0 / 20922789888000,
                                      28.0 / 1307674368000,
                                      26.0 / 87178291200,
                                      24.0 / 6227020800,
                                      22.0 / 479001600,
                                      20.0 / 39916800,
                                      18.0 / 3628800,
                                      16.0 / 362880,
                                      14.0 / 40320,
                                      12.0 / 5040,
                                      10.0 / 720,
                                      8.0 / 120,
                                      6.0 / 24,
                                      4.0 / 6,
                                      1.0};
  near_zero(d, 0, terms, to);
  if (any_far(d)) far_crosses_of(d, to);
}

/* 1 - exp(v) + v exp(v) = v^2 - (1 - v) e with e = exp(v) - 1 - v. Near 0 that is v^2 less its half; at -1,
 * where most cancels, 1 - 0.74. With e off by 3 u it is off by less than 20 u. */
INLINE void crosses_of_excesses(const f64v *v, int near, const f64v *excesses, f64v *to) {
  for (int u = 0; u < TOGETHER; u++) to[u] = v[u] * v[u] - (1.0 - v[u]) * excesses[u];
  if (!near && any_far(v)) far_crosses_of(v, to);
}

struct vector_sum {
  f64v high, low;
};

/* sum_add() by lane. */
INLINE void add_to(struct vector_sum *sum, f64v value) {
  f64v total = sum->high + value, shadow = total - sum->high;
  sum->low += (sum->high - (total - shadow)) + (value - shadow);
  sum->high = total;
}

struct lanes_sum {
  double high[LANES], low[LANES];
};

INLINE double finish_sum(const struct lanes_sum *lanes) {
  struct sum sum = {0};
  for (int i = 0; i < LANES; i++) {
    sum_add(&sum, lanes->high[i]);
    sum.low += lanes->low[i];
  }
  return sum_value(&sum);
}

/* What is left past the last whole vectors, padded with zeros. */
INLINE void pad(const double *x, size_t n, double *to, size_t room) {
  memset(to, 0, room * sizeof *to);
  memcpy(to, x, n * sizeof *to);
}

/* So many lanes that count, then as many that do not: what n of them need starts n before the middle. */
_Static_assert(LANES_TOGETHER == 32, "as many ones as lanes");
static const int64_t counting[2 * LANES_TOGETHER] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};

INLINE f64v only_counting(f64v value, const int64_t *counts) {
  i64v mask;
  memcpy(&mask, counts, sizeof mask);
  return (f64v)((i64v)value & mask);
}

enum {
  MOST_TERMS = 3
};

/* What is to be summed of each value: terms[u] from x[u], for TOGETHER of them. */
typedef void term_function(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]);

INLINE void terms_at(term_function *term, const double *parameters, const double *x, f64v (*to)[MOST_TERMS]) {
  f64v values[TOGETHER];
  for (size_t u = 0; u < TOGETHER; u++) values[u] = load_f64(x + u * LANES);
  term(values, parameters, to);
}

/* Sums of several terms at a time. Every sum of lanes that pad the last values is unchanged, as 0 is added.
 */
INLINE void sum_terms(term_function *term, int terms, const double *parameters, const double *x, size_t n,
                      double *sums) {
  struct lanes_sum by_lane[MOST_TERMS];
  size_t grouped = n - n % LANES_TOGETHER;
  const int64_t *counts = counting + LANES_TOGETHER - (n - grouped);
  double tail[LANES_TOGETHER];
  if (grouped < n) pad(x + grouped, n - grouped, tail, LANES_TOGETHER);
  for (size_t lane = 0; lane < LANES; lane += WIDTH) {
    struct vector_sum sum[MOST_TERMS] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
    f64v to_add[TOGETHER][MOST_TERMS];
    for (size_t i = lane; i < grouped; i += LANES_TOGETHER) {
      terms_at(term, parameters, x + i, to_add);
      for (int u = 0; u < TOGETHER; u++)
        for (int s = 0; s < terms; s++) add_to(&sum[s], to_add[u][s]);
    }
    if (grouped < n) {
      terms_at(term, parameters, tail + lane, to_add);
      for (size_t u = 0; u < TOGETHER; u++)
        for (int s = 0; s < terms; s++)
          add_to(&sum[s], only_counting(to_add[u][s], counts + u * LANES + lane));
    }
    for (int s = 0; s < terms; s++) {
      store_f64(by_lane[s].high + lane, sum[s].high);
      store_f64(by_lane[s].low + lane, sum[s].low);
    }
  }
  for (int s = 0; s < terms; s++) sums[s] = finish_sum(&by_lane[s]);
}

INLINE void term_value(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  for (int u = 0; u < TOGETHER; u++) terms[u][0] = x[u];
}

INLINE void term_exponential(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  f64v densities[TOGETHER];
  exponentials_of(x, TOGETHER, densities);
  for (int u = 0; u < TOGETHER; u++) terms[u][0] = densities[u];
}

INLINE void term_less_one(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  f64v less_one[TOGETHER];
  exponentials_less_one_of(x, TOGETHER, less_one);
  for (int u = 0; u < TOGETHER; u++) terms[u][0] = less_one[u];
}

INLINE void term_excess(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  f64v excesses[TOGETHER];
  excesses_of(x, 0, excesses);
  for (int u = 0; u < TOGETHER; u++) terms[u][0] = excesses[u];
}

INLINE void term_uniform(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  f64v d[TOGETHER], crosses[TOGETHER];
  for (int u = 0; u < TOGETHER; u++) d[u] = x[u] - parameters[0];
  crosses_of(d, crosses);
  for (int u = 0; u < TOGETHER; u++) terms[u][0] = crosses[u];
}

INLINE void spread_terms(const f64v *x, int near, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  f64v v[TOGETHER], excesses[TOGETHER], crosses[TOGETHER];
  for (int u = 0; u < TOGETHER; u++) v[u] = (x[u] - parameters[0]) / parameters[1];
  excesses_of(v, near, excesses);
  crosses_of_excesses(v, near, excesses, crosses);
  for (int u = 0; u < TOGETHER; u++) {
    terms[u][0] = v[u];
    terms[u][1] = excesses[u];
    terms[u][2] = crosses[u];
  }
}

INLINE void term_spread(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  spread_terms(x, 0, parameters, terms);
}

INLINE void term_spread_near(const f64v *x, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  spread_terms(x, 1, parameters, terms);
}

static double sum(const double *x, size_t n) {
  double total;
  sum_terms(term_value, 1, NULL, x, n, &total);
  return total;
}

static double sum_exponentials(const double *x, size_t n) {
  double total;
  sum_terms(term_exponential, 1, NULL, x, n, &total);
  return total;
}

static double sum_excess(const double *x, size_t n) {
  double total;
  sum_terms(term_excess, 1, NULL, x, n, &total);
  return total;
}

static double sum_uniform_terms(const double *x, size_t n, double log_mean) {
  double total;
  sum_terms(term_uniform, 1, &log_mean, x, n, &total);
  return total;
}

INLINE void add_spread(term_function *term, const double *x, size_t n, double center, double temperature,
                       struct spread *to) {
  const double parameters[] = {center, temperature};
  double sums[3];
  sum_terms(term, 3, parameters, x, n, sums);
  to->values += sums[0];
  to->excess += sums[1];
  to->cross += sums[2];
}

static void spread(const double *x, size_t n, double center, double temperature, struct spread *to) {
  add_spread(term_spread, x, n, center, temperature, to);
}

static void spread_near(const double *x, size_t n, double center, double temperature, struct spread *to) {
  add_spread(term_spread_near, x, n, center, temperature, to);
}

static void exponentials(const double *x, size_t n, double *to) {
  size_t whole = n - n % WIDTH, grouped = n - n % VALUES_TOGETHER, i = 0;
  for (; i < grouped; i += VALUES_TOGETHER) {
    f64v values[TOGETHER];
    for (size_t u = 0; u < TOGETHER; u++) values[u] = load_f64(x + i + u * WIDTH);
    exponentials_of(values, TOGETHER, values);
    for (size_t u = 0; u < TOGETHER; u++) store_f64(to + i + u * WIDTH, values[u]);
  }
  for (; i < whole; i += WIDTH) store_f64(to + i, exponential(load_f64(x + i)));
  if (whole == n) return;
  double tail[WIDTH];
  pad(x + whole, n - whole, tail, WIDTH);
  store_f64(tail, exponential(load_f64(tail)));
  memcpy(to + whole, tail, (n - whole) * sizeof *to);
}

static void range(const double *x, size_t n, double *lowest, double *highest) {
  f64v low = every(x[0]), high = low;
  size_t whole = n - n % WIDTH;
  for (size_t i = 0; i < whole; i += WIDTH) {
    f64v value = load_f64(x + i);
    low = choose(value < low, value, low);
    high = choose(value > high, value, high);
  }
  *lowest = *highest = x[0];
  for (int i = 0; i < WIDTH; i++) {
    *lowest = low[i] < *lowest ? low[i] : *lowest;
    *highest = high[i] > *highest ? high[i] : *highest;
  }
  for (size_t i = whole; i < n; i++) {
    *lowest = x[i] < *lowest ? x[i] : *lowest;
    *highest = x[i] > *highest ? x[i] : *highest;
  }
}

static void scale(const double *x, size_t n, double center, double temperature, double *to) {
  for (size_t i = 0; i < n; i++) to[i] = (x[i] - center) / temperature;
}

static void log_densities(double *x, size_t n, double temperature) {
  double lowest, highest, less_one;
  range(x, n, &lowest, &highest);
  scale(x, n, highest, temperature, x);
  sum_terms(term_less_one, 1, NULL, x, n, &less_one);
  less_one /= (double)n;
  /* Near 0 its digits count, near -1 those of the mean. */
  double log_mean = less_one > -0.5 ? log1p(less_one) : log(sum_exponentials(x, n) / (double)n);
  for (size_t i = 0; i < n; i++) x[i] -= log_mean;
}

/* For so many columns as a vector has. */
INLINE f64v column_moments(const double *l, size_t row_stride, size_t rows, double *mean_density,
                           double *mean_log) {
  /* Less one: densities near 1, of a high temperature, differ in digits that they themselves do not have. */
  f64v logs[MOST_ROWS], densities[MOST_ROWS], density_sum = {0}, log_sum = {0}, products = {0};
  for (size_t r = 0; r < rows; r++) {
    logs[r] = load_f64(l + r * row_stride);
    exponentials_less_one_of(&logs[r], 1, &densities[r]);
    log_sum += logs[r];
    density_sum += densities[r];
  }
  f64v density = density_sum / (double)rows, log_density = log_sum / (double)rows;
  for (size_t r = 0; r < rows; r++) products += (densities[r] - density) * (logs[r] - log_density);
  store_f64(mean_density, density);
  store_f64(mean_log, log_density);
  return products;
}

static double row_moments(const double *l, size_t row_stride, size_t rows, size_t n, double *mean_density,
                          double *mean_log) {
  struct lanes_sum by_lane;
  size_t whole = n - n % LANES, left = n - whole;
  double tail[MOST_ROWS][LANES] = {{0}}, tail_density[LANES], tail_log[LANES];
  for (size_t r = 0; r < rows; r++) memcpy(tail[r], l + r * row_stride + whole, left * sizeof(double));
  for (size_t lane = 0; lane < LANES; lane += WIDTH) {
    struct vector_sum products = {{0}, {0}};
    for (size_t k = lane; k < whole; k += LANES)
      add_to(&products, column_moments(l + k, row_stride, rows, mean_density + k, mean_log + k));
    /* Columns of zeros have no deviations. */
    add_to(&products, column_moments(tail[0] + lane, LANES, rows, tail_density + lane, tail_log + lane));
    store_f64(by_lane.high + lane, products.high);
    store_f64(by_lane.low + lane, products.low);
  }
  memcpy(mean_density + whole, tail_density, left * sizeof(double));
  memcpy(mean_log + whole, tail_log, left * sizeof(double));
  return finish_sum(&by_lane);
}

const struct exponential_kernels AT_LEVEL(kldsel_exponentials) = {
    exponentials,      range,  scale,       sum,           sum_exponentials, sum_excess,
    sum_uniform_terms, spread, spread_near, log_densities, row_moments};
