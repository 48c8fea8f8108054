/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over similarities that need exponentials. One table per CPU level, built from
 * kernels_exponential.c; no fused multiply-add, and all levels give the same bits. Sums run in eight lanes,
 * value i in lane i mod 8, each compensated (sum.h), the lanes then added in order. */
#ifndef KLDSEL_KERNELS_EXPONENTIAL_H
#define KLDSEL_KERNELS_EXPONENTIAL_H

#include <stddef.h>

/* Most rows of one call of row_moments. */
enum {
  MOST_ROWS = 48
};

#define NEAR 0.125

/* What the divergence from uniform of values v is made from: the means of v, of exp(v) - 1 - v and of
 * v exp(v) - exp(v) + 1, the latter two >= 0; each times the count. */
struct spread {
  double values, excess, cross;
};

struct exponential_kernels {
  /* to[i] = exp(x[i]), off by less than 1.25 units in the last place; 0 below the smallest number, infinity
   * above the largest, NaN for NaN. to may be x. */
  void (*exponentials)(const double *x, size_t n, double *to);
  /* The lowest and highest of n > 0 finite values. */
  void (*range)(const double *x, size_t n, double *lowest, double *highest);
  /* to[i] = (x[i] - center) / temperature. */
  void (*scale)(const double *x, size_t n, double center, double temperature, double *to);
  double (*sum)(const double *x, size_t n);
  double (*sum_exponentials)(const double *x, size_t n);
  /* Sum of exp(x) - 1 - x, every term of which is >= 0 and known to a few units in the last place. */
  double (*sum_excess)(const double *x, size_t n);
  /* Sum of kldsel_divergence_term(x - log_mean, 0). */
  double (*sum_uniform_terms)(const double *x, size_t n, double log_mean);
  /* Adds (x[i] - center) / temperature, which must not exceed 700 in magnitude. */
  void (*spread)(const double *x, size_t n, double center, double temperature, struct spread *spread);
  /* The same where none exceeds NEAR in magnitude: shorter series serve. */
  void (*spread_near)(const double *x, size_t n, double center, double temperature, struct spread *spread);
  /* x becomes its log densities: x / temperature less ln(mean(exp(x / temperature))). */
  void (*log_densities)(double *x, size_t n, double temperature);
  /* Over the rows of l[rows][n], row_stride doubles apart, by column: the means of exp(l) - 1 and of l; and
   * the sum over columns and rows of the products of their deviations from these means. */
  double (*row_moments)(const double *l, size_t row_stride, size_t rows, size_t n, double *mean_density,
                        double *mean_log);
};

#endif
