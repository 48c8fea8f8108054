/* SPDX-License-Identifier: BSD-3-Clause */
#include "distribution.h"

#include <math.h>
#include <stdlib.h>

#include "cpu.h"
#include "divergence.h"
#include "kernels_exponential.h"
#include "sum.h"

/* Every level gives the same bits, so the highest serves. */
static const struct exponential_kernels *kernels(void) {
  return kldsel_cpu_highest_kernels()->exponentials;
}

static int is_wide(double lowest, double highest, double temperature) {
  return (highest - lowest) / temperature > 1.0;
}

/* (1 + a) ln(1 + a) - a: near 0 by its series, as what is left of the mean after centring may be all of a,
 * and its square all of the result. What is left out is below 2^-54 of the sum. */
static double entropy_excess(double a) {
  if (fabs(a) > 1e-3) return (1.0 + a) * log1p(a) - a;
  return a * a * 0.5 * (1.0 - a * (1.0 / 3 - a * (1.0 / 6 - a * (1.0 / 10 - a * (1.0 / 15)))));
}

static void take_log_means(struct distribution *p) {
  double length = (double)p->length;
  if (p->wide) {
    p->log_mean = log(kernels()->sum_exponentials(p->values, p->length) / length);
    return;
  }
  /* exp(v) = 1 + v + what is left, and the mean of v is known: that rest is of second order and positive. */
  double excess = kernels()->sum_excess(p->values, p->length) / length;
  double a = kernels()->sum(p->values, p->length) / length + excess;
  p->log_mean = log1p(a);
  /* ln(1 + a) - a, of which a^2 / 2 is to be left of a^2. */
  p->log_mean_excess = excess + (entropy_excess(a) - a * a) / (1.0 + a);
}

struct distribution kldsel_distribution_make(const double *similarities, size_t length, double temperature,
                                             int sorted, double *memory) {
  struct distribution made = {.values = memory, .length = length};
  if (length == 0) return made;
  double highest, lowest;
  kernels()->range(similarities, length, &lowest, &highest);
  made.wide = is_wide(lowest, highest, temperature);
  double center = made.wide ? highest : kernels()->sum(similarities, length) / (double)length;
  kernels()->scale(similarities, length, center, temperature, memory);
  take_log_means(&made);
  if (sorted) qsort(memory, length, sizeof *memory, kldsel_compare_descending);
  return made;
}

double kldsel_uniform_divergence(double count, double values, double excess, double cross) {
  double a = (values + excess) / count; /* mean(exp(v)) - 1 */
  return fmax((cross / count - entropy_excess(a)) / (1.0 + a), 0.0);
}

double kldsel_distribution_uniform(const double *similarities, size_t length, double temperature,
                                   double *memory) {
  if (length == 0) return (double)NAN;
  double highest, lowest;
  kernels()->range(similarities, length, &lowest, &highest);
  if (is_wide(lowest, highest, temperature)) {
    /* Order does not matter here, so it is not sorted. */
    struct distribution p = kldsel_distribution_make(similarities, length, temperature, 0, memory);
    return kernels()->sum_uniform_terms(p.values, length, p.log_mean) / (double)length;
  }
  double center = kernels()->sum(similarities, length) / (double)length;
  int near = fmax(highest - center, center - lowest) / temperature <= NEAR;
  struct spread spread = {0};
  (near ? kernels()->spread_near : kernels()->spread)(similarities, length, center, temperature, &spread);
  return kldsel_uniform_divergence((double)length, spread.values, spread.excess, spread.cross);
}

double kldsel_distribution_divergence(const struct distribution *p, const struct distribution *q) {
  struct sum sum = {0};
  struct overlap overlap = {.a_steps = p->length, .b_steps = q->length};
  double width;
  while ((width = kldsel_overlap_next(&overlap)) > 0)
    sum_add(&sum, width * kldsel_divergence_term(p->values[overlap.a] - p->log_mean,
                                                 q->values[overlap.b] - q->log_mean));
  return sum_value(&sum);
}
