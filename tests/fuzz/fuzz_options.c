/* SPDX-License-Identifier: BSD-3-Clause */
/* Options: what is refused changes nothing, what is taken can be used; softmax, divergence and rank with
 * them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

enum {
  MOST = 24
};

static size_t take_doubles(struct input *input, double *values) {
  size_t n = take_below(input, MOST + 1);
  for (size_t i = 0; i < n; i++) values[i] = take_double(input);
  return n;
}

/* A sum of probabilities that the order of summation moves by little. */
static double sum_of(const double *p, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += p[i];
  return sum;
}

static void try_softmax(const double *values, size_t n, double temperature, double *p) {
  poison(p, MOST * sizeof *p);
  bool finite = true;
  for (size_t i = 0; i < n; i++) finite = finite && isfinite(values[i]);
  bool done = attempt(kldsel_softmax(values, n, temperature, p));
  ck_assert_int_eq(done, n > 0 && finite && isfinite(temperature) && temperature > 0);
  if (!done) {
    assert_poisoned(p, MOST * sizeof *p);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    ck_assert_double_ge(p[i], 0);
    for (size_t j = 0; j < n; j++)
      if (values[i] > values[j]) ck_assert_double_ge(p[i], p[j]);
  }
  ck_assert_double_le(fabs(sum_of(p, n) - 1), 1e-12);
  double in_place[MOST];
  memcpy(in_place, values, n * sizeof *values);
  ck_assert(attempt(kldsel_softmax(in_place, n, temperature, in_place)));
  ck_assert_mem_eq(in_place, p, n * sizeof *p);
}

static void try_divergence(const double *p, size_t n_p, const double *q, size_t n_q) {
  double divergence;
  poison(&divergence, sizeof divergence);
  if (attempt(kldsel_divergence(p, n_p, q, n_q, test_options, &divergence))) {
    ck_assert(divergence >= 0);
    double itself = 1;
    ck_assert(attempt(kldsel_divergence(p, n_p, p, n_p, test_options, &itself)));
    ck_assert_double_eq(itself, 0);
  } else {
    assert_poisoned(&divergence, sizeof divergence);
  }
}

/* By definition: each layer of a group precedes those of a worse score, and of the same one behind it. */
static void check_rank(const double *scores, size_t n, const int32_t *groups, const int64_t *order,
                       const int64_t *ranks, const int32_t *selected) {
  bool seen[MOST] = {false};
  for (size_t place = 0; place < n; place++) {
    ck_assert(order[place] >= 0 && (size_t)order[place] < n && !seen[order[place]]);
    seen[order[place]] = true;
    size_t l = (size_t)order[place], next = place + 1 < n ? (size_t)order[place + 1] : l;
    ck_assert(selected[l] == 0 || (selected[l] == 1 && !isnan(scores[l])));
    if (next == l) continue;
    if (groups != NULL && groups[next] != groups[l]) {
      ck_assert_int_eq(ranks[next], 0);
      continue;
    }
    ck_assert_int_eq(ranks[next], ranks[l] + 1);
    if (isnan(scores[l])) ck_assert(isnan(scores[next]));
    if (scores[next] == scores[l]) ck_assert_uint_gt(next, l);
  }
}

static void try_rank(struct input *input, const double *scores, size_t n) {
  int64_t parameters[MOST], order[MOST], ranks[MOST];
  int32_t groups[MOST], selected[MOST];
  for (size_t i = 0; i < n; i++) parameters[i] = take_integer(input);
  for (size_t i = 0; i < n; i++) groups[i] = (int32_t)take_below(input, 3) - 1;
  const int32_t *by_group = take_below(input, 2) ? groups : NULL;
  poison(order, sizeof order);
  poison(ranks, sizeof ranks);
  poison(selected, sizeof selected);
  if (attempt(kldsel_rank(scores, n, parameters, by_group, test_options, order, ranks, selected))) {
    check_rank(scores, n, by_group, order, ranks, selected);
  } else {
    assert_poisoned(order, sizeof order);
    assert_poisoned(ranks, sizeof ranks);
    assert_poisoned(selected, sizeof selected);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input input = {bytes, size};
  start_options();
  take_options(&input);
  double a[MOST], b[MOST], p[MOST], q[MOST];
  size_t n_a = take_doubles(&input, a), n_b = take_doubles(&input, b);
  double temperature = take_double(&input);
  try_softmax(a, n_a, temperature, p);
  try_divergence(a, n_a, b, n_b);
  for (size_t i = 0; i < n_a; i++) a[i] = isfinite(a[i]) ? a[i] : 0;
  for (size_t i = 0; i < n_b; i++) b[i] = isfinite(b[i]) ? b[i] : 0;
  if (n_a > 0 && n_b > 0) {
    temperature = temperature > 0 && isfinite(temperature) ? temperature : 1;
    try_softmax(a, n_a, temperature, p);
    try_softmax(b, n_b, temperature, q);
    try_divergence(p, n_a, q, n_b);
  }
  try_rank(&input, b, n_b);
  end_options();
  return 0;
}
