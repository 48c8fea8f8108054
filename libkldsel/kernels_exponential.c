/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level. */
#include "kernels_exponential.h"

#include <math.h>

#include "kernels.h"
#include "sum.h"
#include "vector.h"

INLINE f64v choose(i64v condition, f64v yes, f64v no) {
  return (f64v)(((i64v)yes & condition) | ((i64v)no & ~condition));
}

/* 2^k for whole k from -1022 to 1023, given k + 1.5 * 2^52, whose low bits are k's. */
INLINE f64v power_of_two(f64v shifted) {
  return (f64v)(((i64v)shifted + 1023) << 52);
}

/* x = k ln 2 + r with |r| <= ln 2 / 2. k ln2_high is exact, and so is what is left of x; r is then off by its
 * own rounding, 2^-55. Of Taylor's series what is left out is below 2^-57; r^2 (1/2 + ...) is off by less
 * than 2^-55, r + r^2 (...) rounds by 2^-55, and adding 1 by half a unit of the result, which is above 0.7:
 * less than 1.25 units in all. The scaling is exact but for results that are subnormal, where it rounds once
 * more, by half a unit. */
struct reduced {
  f64v less_one;   /* exp(r) - 1 */
  f64v half, rest; /* 2^half 2^rest = 2^k: in two steps, as 2^k itself may be out of range */
};

INLINE struct reduced reduce(f64v x) {
  const double to_integer = 0x1.8p52, ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static const double factorials[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                      1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                      1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
  /* Beyond these the result is 0 or infinity; a NaN stays. */
  x = choose(x < -750.0, every(-750.0), x);
  x = choose(x > 710.0, every(710.0), x);
  f64v k = (x * 0x1.71547652b82fep0 + to_integer) - to_integer;
  f64v r = (x - k * ln2_high) - k * ln2_low;
  f64v series = every(factorials[0]);
  for (size_t i = 1; i < sizeof factorials / sizeof *factorials; i++) series = series * r + factorials[i];
  f64v half = k * 0.5 + to_integer, rest = (k - (half - to_integer)) + to_integer;
  return (struct reduced){r + r * r * series, power_of_two(half), power_of_two(rest)};
}

INLINE f64v exponential(f64v x) {
  struct reduced reduced = reduce(x);
  return (1.0 + reduced.less_one) * reduced.half * reduced.rest;
}

/* exp(x) - 1, for x of no more than 700: near 0, where k is 0, to as many digits as x has. */
INLINE f64v exponential_less_one(f64v x) {
  struct reduced reduced = reduce(x);
  f64v power = reduced.half * reduced.rest;
  return reduced.less_one * power + (power - 1.0);
}

/* exp(-d) - 1 + d. Near 0 as d^2/2 (1 - d/3 (1 - d/4 (...))), whose terms left out are below 2^-58 of it. */
INLINE f64v excess_of(f64v d, f64v exponential_of_minus_d) {
  enum {
    TERMS = 20
  };
  f64v series = every(1.0);
  for (int i = TERMS; i >= 3; i--) series = 1.0 - d * (1.0 / i) * series;
  i64v near = (d < 1.0) & (d > -1.0);
  return choose(near, d * d * 0.5 * series, exponential_of_minus_d - 1.0 + d);
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

/* Sums of what term() makes of each value, several at a time. Every sum of lanes that pad the last values is
 * unchanged, as 0 is added. */
typedef void term_function(f64v x, const double *parameters, f64v *terms);

INLINE void sum_terms(term_function *term, int terms, const double *parameters, const double *x, size_t n,
                      double *sums) {
  struct lanes_sum by_lane[3];
  size_t whole = n - n % LANES;
  struct tail tail = tail_of(x + whole, n - whole);
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    struct vector_sum sum[3] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
    f64v value[3];
    for (size_t i = (size_t)lane; i < whole; i += LANES) {
      term(load_f64(x + i), parameters, value);
      for (int s = 0; s < terms; s++) add_to(&sum[s], value[s]);
    }
    term(load_f64(tail.x + lane), parameters, value);
    for (int s = 0; s < terms; s++) {
      add_to(&sum[s], (f64v)((i64v)value[s] & load_i64(tail.counts + lane)));
      store_f64(by_lane[s].high + lane, sum[s].high);
      store_f64(by_lane[s].low + lane, sum[s].low);
    }
  }
  for (int s = 0; s < terms; s++) sums[s] = finish_sum(&by_lane[s]);
}

INLINE void term_value(f64v x, const double *parameters, f64v *terms) {
  (void)parameters;
  terms[0] = x;
}

INLINE void term_exponential(f64v x, const double *parameters, f64v *terms) {
  (void)parameters;
  terms[0] = exponential(x);
}

INLINE void term_less_one(f64v x, const double *parameters, f64v *terms) {
  (void)parameters;
  terms[0] = exponential_less_one(x);
}

INLINE void term_excess(f64v x, const double *parameters, f64v *terms) {
  (void)parameters;
  terms[0] = excess_of(-x, exponential(x));
}

/* kldsel_divergence_term(d, 0) with density = exp(d): density (exp(-d) - 1 + d), or where d is large
 * 1 - density + density d. */
INLINE f64v cross_of(f64v d, f64v density) {
  i64v near = (d < 1.0) & (d > -1.0);
  f64v far = 1.0 - density + choose(density > 0, density * d, every(0.0));
  return choose(near, density * excess_of(d, every(0.0)), far);
}

INLINE void term_uniform(f64v x, const double *parameters, f64v *terms) {
  f64v d = x - parameters[0];
  terms[0] = cross_of(d, exponential(d));
}

INLINE void term_spread(f64v x, const double *parameters, f64v *terms) {
  f64v v = (x - parameters[0]) / parameters[1], density = exponential(v);
  terms[0] = v;
  terms[1] = excess_of(-v, density);
  terms[2] = cross_of(v, density);
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
  size_t whole = n - n % WIDTH;
  for (size_t i = 0; i < whole; i += WIDTH) store_f64(to + i, exponential(load_f64(x + i)));
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
    densities[r] = exponential_less_one(logs[r]);
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
