/* SPDX-License-Identifier: BSD-3-Clause */
/* sum + x * factor with one rounding, x being a weight of so many bytes: by the processor, or where it
 * cannot, by sums and products that give the same bits. */
#ifndef KLDSEL_FUSED_H
#define KLDSEL_FUSED_H

#include "vector.h"

#if defined(__AVX512F__)
INLINE f64v fused(size_t bytes, f64v x, f64v factor, f64v sum) {
  (void)bytes;
  return _mm512_fmadd_pd(x, factor, sum);
}
#elif defined(__AVX2__)
INLINE f64v fused(size_t bytes, f64v x, f64v factor, f64v sum) {
  (void)bytes;
  return _mm256_fmadd_pd(x, factor, sum);
}
#elif defined(__aarch64__)
INLINE f64v fused(size_t bytes, f64v x, f64v factor, f64v sum) {
  (void)bytes;
  return vfmaq_f64(sum, x, factor);
}
#elif defined(__FP_FAST_FMA)
INLINE f64v fused(size_t bytes, f64v x, f64v factor, f64v sum) {
  (void)bytes;
  for (int i = 0; i < WIDTH; i++) sum[i] = __builtin_fma(x[i], factor[i], sum[i]);
  return sum;
}
#else
#define KLDSEL_FUSED_IN_SOFTWARE

/* a + b = sum + error, exactly. */
INLINE f64v two_sum(f64v a, f64v b, f64v *error) {
  f64v sum = a + b, b_part = sum - a;
  *error = (a - (sum - b_part)) + (b - b_part);
  return sum;
}

/* a + b, rounded to the neighbour whose last bit is 1 unless it is exact: what is rounded once more is then
 * as if it had been rounded once. */
INLINE f64v add_to_odd(f64v a, f64v b) {
  f64v error, sum = two_sum(a, b, &error);
  u64v bits = (u64v)sum, towards_zero = (bits ^ (u64v)error) >> 63;
  return choose(error != 0, (f64v)((bits - towards_zero) | 1), sum);
}

/* value = high + low, of 26 bits each; T. J. Dekker, "A floating-point technique for extending the available
 * precision", Numer. Math. 18, 1971. */
INLINE f64v halve(f64v value, f64v *low) {
  f64v scaled = value * 0x1.0000002p27, high = scaled - (scaled - value);
  *low = value - high;
  return high;
}

/* a * b = product + error, exactly. */
INLINE f64v two_product(f64v a, f64v b, f64v *error) {
  f64v a_low, b_low, a_high = halve(a, &a_low), b_high = halve(b, &b_low), product = a * b;
  *error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  return product;
}

/* The same of a with 24 bits at most: 29 bits of b, and what is left of it, make exact products with it. */
INLINE f64v two_product_narrow(f64v a, f64v b, f64v *error) {
  f64v b_high = (f64v)((u64v)b & ~UINT64_C(0xffffff)), b_low = b - b_high;
  f64v high = a * b_high, low = a * b_low, product = high + low;
  *error = low - (product - high);
  return product;
}

/* S. Boldo, G. Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to
 * odd", IEEE Trans. Comput. 57(4), 2008. Nothing may overflow, nor the error of the product underflow. */
INLINE f64v fused(size_t bytes, f64v x, f64v factor, f64v sum) {
  f64v product_error, sum_error, error;
  f64v product = bytes < sizeof(double) ? two_product_narrow(x, factor, &product_error)
                                        : two_product(x, factor, &product_error);
  f64v small = two_sum(sum, product_error, &sum_error), total = two_sum(product, small, &error);
  return total + add_to_odd(sum_error, error);
}
#endif

#endif
