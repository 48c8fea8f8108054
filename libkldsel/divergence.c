/* SPDX-License-Identifier: BSD-3-Clause */
#include "divergence.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "options.h"
#include "sum.h"

double kldsel_excess(double d) {
  if (fabs(d) >= 0x1p-4) return expm1(-d) + d;
  /* Taylor's series from d^2/2; the first term left out is below 1e-23 of the sum. */
  double series = 0.0;
  for (int k = 14; k >= 3; k--) series = -d / k * (1.0 + series);
  return 0.5 * d * d * (1.0 + series);
}

double kldsel_divergence_term(double log_a, double log_b) {
  double d = log_a - log_b;
  if (fabs(d) < 1.0) return exp(log_a) * kldsel_excess(d);
  double density_a = exp(log_a), density_b = exp(log_b);
  return density_b - density_a + (density_a > 0 ? density_a * d : 0.0);
}

double kldsel_overlap_next(struct overlap *overlap) {
  uint64_t end = overlap->a_steps * overlap->b_steps;
  if (overlap->at == end) return 0.0;
  overlap->a = overlap->at / overlap->b_steps; /* NOLINT(clang-analyzer-core.DivideZero): no steps, no end */
  overlap->b = overlap->at / overlap->a_steps;
  uint64_t a_end = (overlap->a + 1) * overlap->b_steps, b_end = (overlap->b + 1) * overlap->a_steps;
  uint64_t next = a_end < b_end ? a_end : b_end;
  double width = (double)(next - overlap->at) / (double)end;
  overlap->at = next;
  return width;
}

int kldsel_compare_descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static kldsel_status check_distribution(const double *p, size_t length, const char *name, double *total) {
  REQUIRE(p != NULL, "%s is NULL", name);
  REQUIRE(length > 0, "%s_length is 0", name);
  if (length > LONGEST_DISTRIBUTION)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "%s_length is %zu; at most %" PRIu32, name, length,
                       (uint32_t)LONGEST_DISTRIBUTION);
  struct sum sum = {0};
  for (size_t i = 0; i < length; i++) {
    REQUIRE(p[i] >= 0 && isfinite(p[i]), "%s[%zu] is %g; must be finite and >= 0", name, i, p[i]);
    sum_add(&sum, p[i]);
  }
  *total = sum_value(&sum);
  REQUIRE(fabs(*total - 1.0) <= 1e-6, "%s sums to %.17g; must be 1", name, *total);
  return KLDSEL_OK;
}

/* kldsel_divergence_term() for densities in place of their logarithms. */
static double term_of_densities(double p, double q) {
  if (p == 0) return q;
  if (q == 0) return (double)INFINITY;
  double difference = p - q;
  /* Where the two are near, their difference is exact, the logarithm of their quotient is not. */
  if (fabs(difference) < 0.5 * q) return p * kldsel_excess(log1p(difference / q));
  return p * (log(p) - log(q)) - difference; /* p / q might overflow */
}

/* p_scale and q_scale make densities of probabilities. */
static double integrate(const double *p, size_t p_length, double p_scale, const double *q, size_t q_length,
                        double q_scale) {
  struct sum sum = {0};
  struct overlap overlap = {.a_steps = p_length, .b_steps = q_length};
  double width;
  while ((width = kldsel_overlap_next(&overlap)) > 0) {
    double term = width * term_of_densities(p[overlap.a] * p_scale, q[overlap.b] * q_scale);
    if (isinf(term)) return (double)INFINITY;
    sum_add(&sum, term);
  }
  return sum_value(&sum);
}

kldsel_status kldsel_divergence(const double *p, size_t p_length, const double *q, size_t q_length,
                                const kldsel_options *options, double *divergence) {
  double p_total, q_total;
  TRY(check_distribution(p, p_length, "p", &p_total));
  TRY(check_distribution(q, q_length, "q", &q_total));
  REQUIRE_NOT_NULL(divergence);
  double p_scale = (double)p_length / p_total, q_scale = (double)q_length / q_total;
  struct kldsel_options chosen = kldsel_options_or_default(options);
  if (kldsel_alignment_of(&chosen) == KLDSEL_ALIGNMENT_INDEX) {
    if (p_length != q_length)
      return kldsel_fail(KLDSEL_ERROR_MISMATCH,
                         "p_length is %zu and q_length %zu; by index they must be equal", p_length, q_length);
    *divergence = integrate(p, p_length, p_scale, q, q_length, q_scale);
    return KLDSEL_OK;
  }
  void *memory;
  TRY(kldsel_allocate(&chosen.allocator, p_length + q_length, sizeof(double), "divergence", &memory));
  double *p_sorted = memory, *q_sorted = p_sorted + p_length;
  memcpy(p_sorted, p, p_length * sizeof *p);
  memcpy(q_sorted, q, q_length * sizeof *q);
  qsort(p_sorted, p_length, sizeof *p, kldsel_compare_descending);
  qsort(q_sorted, q_length, sizeof *q, kldsel_compare_descending);
  *divergence = integrate(p_sorted, p_length, p_scale, q_sorted, q_length, q_scale);
  kldsel_release(&chosen.allocator, memory);
  return KLDSEL_OK;
}
