/* SPDX-License-Identifier: BSD-3-Clause */
/* Compensated sums (two-sum) for the short vectors that scores are made from. */
#ifndef KLDSEL_SUM_H
#define KLDSEL_SUM_H

struct sum {
  double high;
  double low;
};

static inline void sum_add(struct sum *sum, double value) {
  double total = sum->high + value;
  double shadow = total - sum->high;
  sum->low += (sum->high - (total - shadow)) + (value - shadow);
  sum->high = total;
}

static inline double sum_value(const struct sum *sum) {
  return sum->high + sum->low;
}

/* a - b for two running sums, without losing what their low parts know. */
static inline double sum_difference(const struct sum *a, const struct sum *b) {
  return (a->high - b->high) + (a->low - b->low);
}

#endif
