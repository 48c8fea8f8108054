/* SPDX-License-Identifier: BSD-3-Clause */
#include "normalize.h"

#include <math.h>

#include "kernels.h"
#include "kernels_products.h"

double kldsel_dot(const struct kernels *kernels, const double *a, const double *b, int64_t n) {
  double sum = 0.0;
  for (int64_t k = 0; k < n; k += TILE)
    sum += kernels->dot(a + k, b + k, (size_t)(n - k < TILE ? n - k : TILE));
  return sum;
}

/* values *= 2^power, exactly but for what becomes subnormal. Two steps: 2^power alone may be out of range. */
static void scale_by_power(double *values, int64_t n, int power) {
  double first = ldexp(1.0, power / 2), second = ldexp(1.0, power - power / 2);
  for (int64_t i = 0; i < n; i++) values[i] = values[i] * first * second;
}

/* To where squares neither overflow nor vanish. */
static void scale_extreme(double *x, int64_t n) {
  double highest = 0.0;
  for (int64_t i = 0; i < n; i++) highest = fmax(highest, fabs(x[i]));
  int exponent;
  frexp(highest, &exponent);
  if (exponent < -400 || exponent > 400) scale_by_power(x, n, -exponent);
}

static int normalize(const struct kernels *kernels, double *x, int64_t n, int extreme) {
  if (extreme) scale_extreme(x, n);
  double squares = kldsel_dot(kernels, x, x, n);
  if (squares == 0) return 0;
  double inverse = 1.0 / sqrt(squares);
  kernels->products->scale(x, (size_t)n, inverse);
  return 1;
}

int64_t kldsel_normalize_slices(const struct kernels *kernels, double *row, int64_t slices, int64_t elements,
                                int found) {
  int64_t slice_elements = elements / slices, not_zero = 0;
  for (int64_t z = 0; z < slices; z++)
    not_zero += normalize(kernels, row + z * slice_elements, slice_elements, found != SCAN_ORDINARY);
  return not_zero;
}
