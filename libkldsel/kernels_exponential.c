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
  TOGETHER = 4
};

/* x = k ln 2 + r with |r| <= ln 2 / 2. k ln2_high is exact, and so is what is left of x; r is then off by its
 * own rounding, 2^-55. Of Taylor's series what is left out is below 2^-57; r^2 (1/2 + ...) is off by less
 * than 2^-55, r + r^2 (...) rounds by 2^-55, and adding 1 by half a unit of the result, which is above 0.7:
 * less than 1.25 units in all. The scaling is exact but for results that are subnormal, where it rounds once
 * more, by half a unit. */
INLINE void exponentials_of(const f64v *x, int count, f64v *to) {
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
    f64v result = 1.0 + (r[u] + r[u] * r[u] * series[u]);
    /* In two steps: 2^k itself may be out of range. */
    f64v half = k[u] * 0.5 + to_integer, rest = (k[u] - (half - to_integer)) + to_integer;
    to[u] = result * power_of_two(half) * power_of_two(rest);
  }
}

INLINE f64v exponential(f64v x) {
  f64v to;
  exponentials_of(&x, 1, &to);
  return to;
}

/* exp(-d) - 1 + d. Near 0 as d^2/2 times the series of 2 (-d)^k / (k + 2)!, whose terms left out are below
 * 2^-58 of it. */
INLINE void excesses_of(const f64v *d, const f64v *exponentials_of_minus_d, int count, f64v *to) {
  static const double terms[] = {2.0 / 2432902008176640000,
                                 -2.0 / 121645100408832000,
                                 2.0 / 6402373705728000,
                                 -2.0 / 355687428096000,
                                 2.0 / 20922789888000,
                                 -2.0 / 1307674368000,
                                 2.0 / 87178291200,
                                 -2.0 / 6227020800,
                                 2.0 / 479001600,
                                 -2.0 / 39916800,
                                 2.0 / 3628800,
                                 -2.0 / 362880,
                                 2.0 / 40320,
                                 -2.0 / 5040,
                                 2.0 / 720,
                                 -2.0 / 120,
                                 2.0 / 24,
                                 -2.0 / 6,
                                 1.0};
  f64v series[TOGETHER];
  for (int u = 0; u < count; u++) series[u] = every(terms[0]);
  for (size_t i = 1; i < sizeof terms / sizeof *terms; i++)
    for (int u = 0; u < count; u++) series[u] = series[u] * d[u] + terms[i];
  for (int u = 0; u < count; u++) {
    i64v near = (d[u] < 1.0) & (d[u] > -1.0);
    to[u] = choose(near, d[u] * d[u] * 0.5 * series[u], exponentials_of_minus_d[u] - 1.0 + d[u]);
  }
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

/* What is left past the last whole LANES, and which lanes of it count. */
struct tail {
  double x[LANES];
  int64_t counts[LANES];
};

INLINE struct tail tail_of(const double *x, size_t n) {
  struct tail tail = {{0}, {0}};
  for (size_t i = 0; i < n; i++) {
    tail.x[i] = x[i];
    tail.counts[i] = -1;
  }
  return tail;
}

INLINE i64v load_i64(const int64_t *at) {
  i64v v;
  memcpy(&v, at, sizeof v);
  return v;
}

enum {
  MOST_TERMS = 3
};

/* What is to be summed of each value: terms[u] from x[u]. */
typedef void term_function(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]);

INLINE void add_terms(term_function *term, int terms, const double *parameters, const double *x, int count,
                      struct vector_sum *sum) {
  f64v values[TOGETHER], to_add[TOGETHER][MOST_TERMS];
  for (int u = 0; u < count; u++) values[u] = load_f64(x + (size_t)u * LANES);
  term(values, count, parameters, to_add);
  for (int u = 0; u < count; u++)
    for (int s = 0; s < terms; s++) add_to(&sum[s], to_add[u][s]);
}

/* Sums of several terms at a time. Every sum of lanes that pad the last values is unchanged, as 0 is added.
 */
INLINE void sum_terms(term_function *term, int terms, const double *parameters, const double *x, size_t n,
                      double *sums) {
  struct lanes_sum by_lane[MOST_TERMS];
  size_t whole = n - n % LANES, grouped = n - n % (LANES * TOGETHER);
  struct tail tail = tail_of(x + whole, n - whole);
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    struct vector_sum sum[MOST_TERMS] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
    size_t i = (size_t)lane;
    for (; i < grouped; i += LANES * TOGETHER) add_terms(term, terms, parameters, x + i, TOGETHER, sum);
    for (; i < whole; i += LANES) add_terms(term, terms, parameters, x + i, 1, sum);
    f64v value = load_f64(tail.x + lane), to_add[1][MOST_TERMS];
    term(&value, 1, parameters, to_add);
    for (int s = 0; s < terms; s++) {
      add_to(&sum[s], (f64v)((i64v)to_add[0][s] & load_i64(tail.counts + lane)));
      store_f64(by_lane[s].high + lane, sum[s].high);
      store_f64(by_lane[s].low + lane, sum[s].low);
    }
  }
  for (int s = 0; s < terms; s++) sums[s] = finish_sum(&by_lane[s]);
}

INLINE void term_value(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  for (int u = 0; u < count; u++) terms[u][0] = x[u];
}

INLINE void term_exponential(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  f64v densities[TOGETHER];
  exponentials_of(x, count, densities);
  for (int u = 0; u < count; u++) terms[u][0] = densities[u];
}

INLINE void term_excess(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  (void)parameters;
  f64v d[TOGETHER], densities[TOGETHER], excesses[TOGETHER];
  for (int u = 0; u < count; u++) d[u] = -x[u];
  exponentials_of(x, count, densities);
  excesses_of(d, densities, count, excesses);
  for (int u = 0; u < count; u++) terms[u][0] = excesses[u];
}

/* kldsel_divergence_term(d, 0) with density = exp(d): density (exp(-d) - 1 + d), or where d is large
 * 1 - density + density d. */
INLINE void crosses_of(const f64v *d, const f64v *density, int count, f64v *to) {
  f64v unused[TOGETHER], excesses[TOGETHER];
  for (int u = 0; u < count; u++) unused[u] = every(0.0);
  excesses_of(d, unused, count, excesses);
  for (int u = 0; u < count; u++) {
    i64v near = (d[u] < 1.0) & (d[u] > -1.0);
    f64v far = 1.0 - density[u] + choose(density[u] > 0, density[u] * d[u], every(0.0));
    to[u] = choose(near, density[u] * excesses[u], far);
  }
}

INLINE void term_uniform(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  f64v d[TOGETHER], densities[TOGETHER], crosses[TOGETHER];
  for (int u = 0; u < count; u++) d[u] = x[u] - parameters[0];
  exponentials_of(d, count, densities);
  crosses_of(d, densities, count, crosses);
  for (int u = 0; u < count; u++) terms[u][0] = crosses[u];
}

INLINE void term_spread(const f64v *x, int count, const double *parameters, f64v (*terms)[MOST_TERMS]) {
  f64v v[TOGETHER], minus_v[TOGETHER], densities[TOGETHER], excesses[TOGETHER], crosses[TOGETHER];
  for (int u = 0; u < count; u++) {
    v[u] = (x[u] - parameters[0]) / parameters[1];
    minus_v[u] = -v[u];
  }
  exponentials_of(v, count, densities);
  excesses_of(minus_v, densities, count, excesses);
  crosses_of(v, densities, count, crosses);
  for (int u = 0; u < count; u++) {
    terms[u][0] = v[u];
    terms[u][1] = excesses[u];
    terms[u][2] = crosses[u];
  }
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

static void spread(const double *x, size_t n, double center, double temperature, struct spread *to) {
  const double parameters[] = {center, temperature};
  double sums[3];
  sum_terms(term_spread, 3, parameters, x, n, sums);
  to->values += sums[0];
  to->excess += sums[1];
  to->cross += sums[2];
}

static void exponentials(const double *x, size_t n, double *to) {
  size_t whole = n - n % WIDTH, grouped = n - n % (WIDTH * TOGETHER), i = 0;
  for (; i < grouped; i += WIDTH * TOGETHER) {
    f64v values[TOGETHER];
    for (size_t u = 0; u < TOGETHER; u++) values[u] = load_f64(x + i + u * WIDTH);
    exponentials_of(values, TOGETHER, values);
    for (size_t u = 0; u < TOGETHER; u++) store_f64(to + i + u * WIDTH, values[u]);
  }
  for (; i < whole; i += WIDTH) store_f64(to + i, exponential(load_f64(x + i)));
  if (whole == n) return;
  struct tail tail = tail_of(x + whole, n - whole);
  store_f64(tail.x, exponential(load_f64(tail.x)));
  memcpy(to + whole, tail.x, (n - whole) * sizeof *to);
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
  double lowest, highest;
  range(x, n, &lowest, &highest);
  scale(x, n, highest, temperature, x);
  double log_mean = log(sum_exponentials(x, n) / (double)n);
  for (size_t i = 0; i < n; i++) x[i] -= log_mean;
}

/* For so many columns as a vector has. */
INLINE f64v column_moments(const double *l, size_t row_stride, size_t rows, double *mean_density,
                           double *mean_log) {
  f64v logs[MOST_ROWS], densities[MOST_ROWS], density_sum = {0}, log_sum = {0}, products = {0};
  for (size_t r = 0; r < rows; r++) {
    logs[r] = load_f64(l + r * row_stride);
    densities[r] = exponential(logs[r]);
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
    exponentials,      range,  scale,         sum,        sum_exponentials, sum_excess,
    sum_uniform_terms, spread, log_densities, row_moments};
