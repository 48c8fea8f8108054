/* SPDX-License-Identifier: BSD-3-Clause */
#include "tolerance.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "support.h"

static const double U = DBL_EPSILON / 2;
static const double PROMISE = 1e-12;
/* Products of tiny unit weights may vanish; what is lost stays below this. */
static const double UNDERFLOW_FLOOR = 0x1p-1000;

static double largest(const double *values, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(values[i]));
  return most;
}

/* d u of the text above, or its like with fewer roundings. */
static double accumulated(double roundings, bool ordinary) {
  double depth = ordinary ? fmin(roundings, 6 * sqrt(roundings)) : roundings;
  return fmin(depth * U, PROMISE);
}

/* ---- similarities ---- */

static double magnitude(double weight, bool negative, bool all) {
  return all || (weight < 0) == negative ? fabs(weight) : 0;
}

/* |x^|: magnitudes of one sign part, each slice divided by its norm. */
static double *unit_magnitudes(const struct layer *layer, int32_t sign, bool second, int64_t length) {
  bool all = sign == KLDSEL_SIGN_ALL;
  bool negative = sign == KLDSEL_SIGN_NEGATIVE || (second && sign == KLDSEL_SIGN_POSITIVE_NEGATIVE);
  int64_t n = layer->filters * layer_elements(layer);
  double *unit = malloc((size_t)n * sizeof *unit);
  require_memory(unit != NULL);
  for (int64_t start = 0; start < n; start += length) {
    double *slice = unit + start, most = 0, square = 0;
    for (int64_t e = 0; e < length; e++)
      most = fmax(most, slice[e] = magnitude(layer->weights[start + e], negative, all));
    for (int64_t e = 0; e < length && most > 0; e++) {
      slice[e] /= most;
      square += slice[e] * slice[e];
    }
    for (int64_t e = 0; e < length && most > 0; e++) slice[e] /= sqrt(square);
  }
  return unit;
}

/* The A_i: largest and mean. */
static void conditions(const struct layer *layer, int32_t sign, int32_t granularity, double *most,
                       double *mean) {
  int64_t k = layer_elements(layer);
  int64_t slices = granularity == KLDSEL_GRANULARITY_KERNEL ? layer->channels : 1;
  double *x = unit_magnitudes(layer, sign, false, k / slices);
  double *y = unit_magnitudes(layer, sign, true, k / slices);
  double *s = calloc((size_t)k, sizeof *s);
  require_memory(s != NULL);
  for (int64_t j = 0; j < layer->filters; j++)
    for (int64_t e = 0; e < k; e++) s[e] += y[j * k + e];
  *most = *mean = 0;
  for (int64_t i = 0; i < layer->filters; i++) {
    double sum = 0;
    for (int64_t e = 0; e < k; e++) sum += x[i * k + e] * s[e];
    *most = fmax(*most, sum / (double)slices);
    *mean += sum / (double)(slices * layer->filters);
  }
  free(x);
  free(y);
  free(s);
}

struct similarity_bounds bound_similarities(const struct layer *layer, int32_t sign, int32_t granularity,
                                            int32_t distribution, const double *values, size_t n) {
  double k = (double)layer_elements(layer), m = (double)layer->filters;
  double error = accumulated(2 * k + 2 * m + 16, layer->ordinary);
  double most, mean;
  conditions(layer, sign, granularity, &most, &mean);
  double mean_bound = error * mean / (m - 1);
  if (distribution == KLDSEL_DISTRIBUTION_PAIRS)
    most = sign == KLDSEL_SIGN_ALL ? 1 : largest(values, n);
  else
    most /= m - 1;
  return (struct similarity_bounds){error * most + UNDERFLOW_FLOOR, mean_bound + UNDERFLOW_FLOOR};
}

/* ---- divergences ---- */

/* A list divided by the temperature, and z = ln(mean(exp)). */
struct logits {
  double *values, z;
};

static struct logits logits_create(const double *values, size_t n, double temperature) {
  struct logits logits = {malloc(n * sizeof *values), 0};
  require_memory(logits.values != NULL);
  double shift = largest(values, n) / temperature, sum = 0;
  for (size_t i = 0; i < n; i++) {
    logits.values[i] = values[i] / temperature;
    sum += exp(logits.values[i] - shift);
  }
  logits.z = shift + log(sum / (double)n);
  return logits;
}

double bound_divergence(const double *a, size_t n_a, double e_a, const double *b, size_t n_b, double e_b,
                        double temperature) {
  struct logits l_a = logits_create(a, n_a, temperature), l_b = logits_create(b, n_b, temperature);
  double u_d = 4 * U * (largest(l_a.values, n_a) + largest(l_b.values, n_b));
  e_a /= temperature;
  e_b = e_b / temperature + u_d;
  struct overlay overlay = overlay_create(n_a, n_b);
  double *p = malloc(overlay.pieces * sizeof *p), *d = malloc(overlay.pieces * sizeof *d);
  require_memory(p != NULL);
  require_memory(d != NULL);
  double kl = 0, distance = 0, low = HUGE_VAL, high = -HUGE_VAL;
  for (size_t s = 0; s < overlay.pieces; s++) {
    struct piece piece = overlay.piece[s];
    double log_a = l_a.values[piece.in_a] - l_a.z, log_b = l_b.values[piece.in_b] - l_b.z;
    d[s] = log_a - log_b;
    p[s] = (double)piece.width * exp(log_a);
    kl += p[s] * (expm1(-d[s]) + d[s]);
    distance += p[s] * fabs(expm1(-d[s]));
    low = fmin(low, d[s]);
    high = fmax(high, d[s]);
  }
  double deviation = 0;
  for (size_t s = 0; s < overlay.pieces; s++) deviation += p[s] * fabs(d[s] - kl);
  double roundings = (double)overlay.pieces + 32;
  double curvature = 1 + (high - low) + 2 * (e_a + e_b);
  double bound = e_a * deviation + e_b * distance + (e_a * e_a * curvature + 2 * e_a * e_b + e_b * e_b) / 2 +
                 fmin(roundings * U, PROMISE) * fabs(kl) + 64 * roundings * 0x1p-113;
  free(overlay.piece);
  free(p);
  free(d);
  free(l_a.values);
  free(l_b.values);
  return bound;
}

double bound_shared_sum(double spread, double temperature) {
  double s = spread / temperature;
  return 16 * U * (s * fmin(expm1(s), 2) + U / temperature);
}

double bound_within(const double *matrix, int64_t filters, double e, double temperature) {
  size_t m = (size_t)filters;
  double sum = 0;
  for (size_t x = 0; x < m; x++)
    for (size_t y = 0; y < m; y++)
      if (y != x) sum += bound_divergence(matrix + x * m, m, e, matrix + y * m, m, e, temperature);
  return sum / (double)(m * (m - 1));
}
