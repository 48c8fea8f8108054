/* SPDX-License-Identifier: BSD-3-Clause */
#include "expected.h"

#include <math.h>
#include <stdlib.h>

#include "support.h"
#include "tolerance.h"

static double *rounded_copy(const wide *values, size_t n) {
  double *rounded = calloc(n > 0 ? n : 1, sizeof *rounded);
  require_memory(rounded != NULL);
  for (size_t i = 0; i < n; i++) rounded[i] = (double)values[i];
  return rounded;
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static struct similarities similarities_create(const struct known_layer *known, int32_t sign,
                                               int32_t granularity, int32_t distribution) {
  struct similarities s = {0};
  const wide *matrix = known->matrix[sign];
  int64_t m = known->layer->filters;
  if (distribution == KLDSEL_DISTRIBUTION_PAIRS) {
    s.values = wide_array((size_t)(m * (m - 1)));
    s.n = define_pairs(matrix, m, sign, s.values);
  } else {
    s.values = wide_array((size_t)m);
    s.n = (size_t)m;
    define_profile(matrix, m, s.values);
  }
  s.p = wide_array(s.n);
  s.rounded = rounded_copy(s.values, s.n);
  s.sorted = rounded_copy(s.values, s.n);
  qsort(s.sorted, s.n, sizeof *s.sorted, descending);
  s.bounds = bound_similarities(known->layer, sign, granularity, distribution, s.rounded, s.n);
  return s;
}

struct known_layer known_create(const struct layer *layer, int32_t granularity) {
  struct known_layer known = {.layer = layer, .granularity = granularity};
  for (int32_t sign = 1; sign < SIGNS && layer->filters >= 2; sign++) {
    known.matrix[sign] = wide_array((size_t)(layer->filters * layer->filters));
    define_matrix(layer, sign, granularity, known.matrix[sign]);
    for (int32_t distribution = 1; distribution < DISTRIBUTIONS; distribution++)
      known.similarities[sign][distribution] = similarities_create(&known, sign, granularity, distribution);
  }
  return known;
}

static struct expected within(const struct known_layer *known, int32_t sign) {
  int64_t m = known->layer->filters;
  const wide *matrix = known->matrix[sign];
  double *rounded = rounded_copy(matrix, (size_t)(m * m));
  double e = known->similarities[sign][KLDSEL_DISTRIBUTION_PAIRS].bounds.value;
  struct expected expected = {define_within(matrix, m, known->temperature),
                              bound_within(rounded, m, e, known->temperature), KLDSEL_REASON_NONE};
  free(rounded);
  return expected;
}

static struct expected uniform(const struct similarities *s, double temperature) {
  double flat = 0; /* the uniform distribution as a step function of one step */
  return (struct expected){define_uniform(s->p, s->n),
                           bound_divergence(s->rounded, s->n, s->bounds.value, &flat, 1, 0, temperature),
                           KLDSEL_REASON_NONE};
}

void known_set_temperature(struct known_layer *known, double temperature) {
  known->temperature = temperature;
  for (int32_t sign = 1; sign < SIGNS && known->layer->filters >= 2; sign++) {
    known->within[sign] = within(known, sign);
    for (int32_t distribution = 1; distribution < DISTRIBUTIONS; distribution++) {
      struct similarities *s = &known->similarities[sign][distribution];
      steps_free(&s->steps);
      s->steps = define_steps(s->values, s->n, temperature);
      define_softmax(s->values, s->n, temperature, s->p);
      known->uniform[sign][distribution] = uniform(s, temperature);
    }
  }
}

void known_free(struct known_layer *known) {
  for (int32_t sign = 1; sign < SIGNS; sign++) {
    free(known->matrix[sign]);
    for (int32_t distribution = 1; distribution < DISTRIBUTIONS; distribution++) {
      struct similarities *s = &known->similarities[sign][distribution];
      free(s->values);
      free(s->rounded);
      free(s->sorted);
      free(s->p);
      steps_free(&s->steps);
    }
  }
}

/* ---- who is compared with whom ---- */

static bool same_group(const int32_t *groups, size_t a, size_t b) {
  return !groups || groups[a] == groups[b];
}

/* The nearest layer of l's group in a direction, -1 for none. */
static int64_t neighbour(size_t l, size_t count, const int32_t *groups, int step) {
  for (int64_t m = (int64_t)l + step; m >= 0 && m < (int64_t)count; m += step)
    if (same_group(groups, l, (size_t)m)) return m;
  return -1;
}

int64_t given_layer(size_t l, size_t count, const int32_t *groups) {
  if (l % 5 == 4) return -1;
  for (size_t step = 1; step <= count; step++)
    if (same_group(groups, l, (l + step) % count)) return (int64_t)((l + step) % count);
  return -1;
}

/* ---- scores ---- */

static struct expected undefined(int32_t reason) {
  return (struct expected){0, 0, reason};
}

static struct expected cosine(const struct known_layer *known, const struct question *q) {
  const struct similarities *s = &known->similarities[q->sign][q->distribution];
  return (struct expected){define_mean(s->values, s->n), s->bounds.mean, KLDSEL_REASON_NONE};
}

/* The count is exact, one division rounds. */
static struct expected share(const struct known_layer *known, const struct question *q) {
  wide value = define_share(known->layer, q->sign);
  return (struct expected){value, (double)value * DBL_EPSILON / 2, KLDSEL_REASON_NONE};
}

static struct expected between(const struct known_layer *a, const struct known_layer *b,
                               const struct question *q) {
  const struct similarities *s_a = &a->similarities[q->sign][q->distribution];
  const struct similarities *s_b = &b->similarities[q->sign][q->distribution];
  double e_a = s_a->bounds.value, e_b = s_b->bounds.value, t = a->temperature;
  struct expected expected = {0};
  if (q->alignment == KLDSEL_ALIGNMENT_QUANTILE) {
    expected.value = define_by_quantile(&s_a->steps, &s_b->steps);
    expected.bound = bound_divergence(s_a->sorted, s_a->n, e_a, s_b->sorted, s_b->n, e_b, t);
  } else {
    ck_assert_uint_eq(s_a->n, s_b->n);
    expected.value = define_by_index(s_a->p, s_b->p, s_a->n);
    expected.bound = bound_divergence(s_a->rounded, s_a->n, e_a, s_b->rounded, s_b->n, e_b, t);
  }
  return expected;
}

/* Divergence from one other layer; -1 is none, for the reason told. */
static struct expected from(const struct known_layer *known, size_t l, int64_t other, int32_t none,
                            const struct question *q) {
  if (other < 0) return undefined(none);
  if (known[other].layer->filters < 2) return undefined(KLDSEL_REASON_NEIGHBOUR_TOO_SMALL);
  return between(&known[l], &known[other], q);
}

static double spread(const struct known_layer *known, const struct question *q) {
  const struct similarities *s = &known->similarities[q->sign][q->distribution];
  return s->sorted[0] - s->sorted[s->n - 1];
}

static struct expected others(const struct known_layer *known, size_t l, size_t count, const int32_t *groups,
                              const struct question *q) {
  struct expected sum = {0};
  double widest = spread(&known[l], q);
  size_t n = 0;
  for (size_t m = 0; m < count; m++)
    if (m != l && same_group(groups, l, m) && known[m].layer->filters >= 2) {
      struct expected one = between(&known[l], &known[m], q);
      sum.value += one.value;
      sum.bound += one.bound;
      widest = fmax(widest, spread(&known[m], q));
      n++;
    }
  if (n == 0) return undefined(KLDSEL_REASON_NO_NEIGHBOUR);
  double bound = sum.bound / (double)n + bound_shared_sum(widest, known[l].temperature);
  return (struct expected){sum.value / (wide)n, bound, KLDSEL_REASON_NONE};
}

static struct expected divergence(const struct known_layer *known, size_t l, size_t count,
                                  const int32_t *groups, const struct question *q) {
  switch (q->reference) {
  case KLDSEL_REFERENCE_UNIFORM:
    return known[l].uniform[q->sign][q->distribution];
  case KLDSEL_REFERENCE_OTHERS:
    return others(known, l, count, groups, q);
  case KLDSEL_REFERENCE_PREVIOUS:
    return from(known, l, neighbour(l, count, groups, -1), KLDSEL_REASON_NO_NEIGHBOUR, q);
  case KLDSEL_REFERENCE_NEXT:
    return from(known, l, neighbour(l, count, groups, 1), KLDSEL_REASON_NO_NEIGHBOUR, q);
  case KLDSEL_REFERENCE_WITHIN:
    return known[l].within[q->sign];
  default:
    return from(known, l, given_layer(l, count, groups), KLDSEL_REASON_NOT_GIVEN, q);
  }
}

void expected_scores(const struct known_layer *known, size_t count, const int32_t *groups,
                     const struct question *question, struct expected *scores) {
  for (size_t l = 0; l < count; l++) {
    if (question->measure == KLDSEL_MEASURE_SHARE)
      scores[l] = share(&known[l], question);
    else if (known[l].layer->filters < 2)
      scores[l] = undefined(KLDSEL_REASON_TOO_FEW_FILTERS);
    else if (question->measure == KLDSEL_MEASURE_COSINE)
      scores[l] = cosine(&known[l], question);
    else
      scores[l] = divergence(known, l, count, groups, question);
  }
}
