/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "check.h"
#include "cpu.h"
#include "kernels_exponential.h"

/* (value - highest) / temperature, also where the difference overflows. */
static double scaled_difference(double value, double highest, double temperature) {
  double difference = value - highest;
  if (!isinf(difference)) return difference / temperature;
  return (0.5 * value - 0.5 * highest) / temperature * 2.0;
}

kldsel_status kldsel_softmax(const double *values, size_t n, double temperature, double *probabilities) {
  REQUIRE_NOT_NULL(values);
  REQUIRE(n > 0, "n is 0");
  REQUIRE(temperature > 0 && isfinite(temperature), "temperature is %g; must be finite and > 0", temperature);
  REQUIRE_NOT_NULL(probabilities);
  double highest = -(double)INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(values[i])) return kldsel_fail(KLDSEL_ERROR_NOT_FINITE, "values[%zu] is %g", i, values[i]);
    if (values[i] > highest) highest = values[i];
  }
  for (size_t i = 0; i < n; i++) probabilities[i] = scaled_difference(values[i], highest, temperature);
  const struct exponential_kernels *exponentials = kldsel_cpu_highest_kernels()->exponentials;
  exponentials->exponentials(probabilities, n, probabilities);
  double total = exponentials->sum(probabilities, n);
  for (size_t i = 0; i < n; i++) probabilities[i] /= total;
  return KLDSEL_OK;
}
