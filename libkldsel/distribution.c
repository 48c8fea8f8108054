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

/* ln(mean(exp(values))). */
static double log_mean_exp(const struct distribution *p) {
  double length = (double)p->length;
  if (p->wide) return log(kernels()->sum_exponentials(p->values, p->length) / length);
  /* exp(v) = 1 + v + what is left, and the mean of v is known: that rest is of second order and positive. */
  return log1p(p->residual + kernels()->sum_excess(p->values, p->length) / length);
}

struct distribution kldsel_distribution_make(const double *similarities, size_t length, double temperature,
                                             int sorted, double *memory) {
  struct distribution made = {.values = memory, .length = length};
  if (length == 0) return made;
  double highest, lowest;
  kernels()->range(similarities, length, &lowest, &highest);
  made.wide = (highest - lowest) / temperature > 1.0;
  double center = made.wide ? highest : kernels()->sum(similarities, length) / (double)length;
  kernels()->scale(similarities, length, center, temperature, memory);
  made.residual = kernels()->sum(memory, length) / (double)length;
  made.log_mean = log_mean_exp(&made);
  if (sorted) qsort(memory, length, sizeof *memory, kldsel_compare_descending);
  return made;
}

double kldsel_distribution_uniform(const struct distribution *p) {
  return kernels()->sum_uniform_terms(p->values, p->length, p->log_mean) / (double)p->length;
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
