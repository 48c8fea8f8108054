/* SPDX-License-Identifier: BSD-3-Clause */
#include "distribution.h"

#include <math.h>
#include <stdlib.h>

#include "divergence.h"
#include "sum.h"

static double mean(const double *values, size_t length) {
  struct sum sum = {0};
  for (size_t i = 0; i < length; i++) sum_add(&sum, values[i]);
  return sum_value(&sum) / (double)length;
}

/* ln(mean(exp(values))). */
static double log_mean_exp(const struct distribution *p) {
  struct sum sum = {0};
  if (p->wide) {
    for (size_t i = 0; i < p->length; i++) sum_add(&sum, exp(p->values[i]));
    return log(sum_value(&sum) / (double)p->length);
  }
  /* exp(v) = 1 + v + excess(-v), and the mean of v is known: what is left is of second order and positive. */
  for (size_t i = 0; i < p->length; i++) sum_add(&sum, kldsel_excess(-p->values[i]));
  return log1p(p->residual + sum_value(&sum) / (double)p->length);
}

struct distribution kldsel_distribution_make(const double *similarities, size_t length, double temperature,
                                             int sorted, double *memory) {
  struct distribution made = {.values = memory, .length = length};
  if (length == 0) return made;
  double highest = similarities[0], lowest = similarities[0];
  for (size_t i = 1; i < length; i++) {
    highest = fmax(highest, similarities[i]);
    lowest = fmin(lowest, similarities[i]);
  }
  made.wide = (highest - lowest) / temperature > 1.0;
  double center = made.wide ? highest : mean(similarities, length);
  for (size_t i = 0; i < length; i++) memory[i] = (similarities[i] - center) / temperature;
  made.residual = mean(memory, length);
  made.log_mean = log_mean_exp(&made);
  if (sorted) qsort(memory, length, sizeof *memory, kldsel_compare_descending);
  return made;
}

double kldsel_distribution_uniform(const struct distribution *p) {
  struct sum sum = {0};
  for (size_t i = 0; i < p->length; i++)
    sum_add(&sum, kldsel_divergence_term(p->values[i] - p->log_mean, 0.0));
  return sum_value(&sum) / (double)p->length;
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
