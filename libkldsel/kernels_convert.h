/* SPDX-License-Identifier: BSD-3-Clause */
/* Weights of any dtype to doubles, exactly. One table per CPU level, built from kernels_convert.c. */
#ifndef KLDSEL_KERNELS_CONVERT_H
#define KLDSEL_KERNELS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

enum {
  DTYPES_END = KLDSEL_DTYPE_I8 + 1
};

/* Indexed by ::kldsel_dtype; data may be unaligned, strides have any sign. What lies so many bytes ahead of
 * what is read is fetched into the cache; 0 for nothing. */
struct convert_kernels {
  /* to[i] = element i, stride_bytes apart. */
  void (*run[DTYPES_END])(const unsigned char *from, int64_t stride_bytes, size_t ahead, size_t n,
                          double *to);
  /* to[c * to_stride + r] = from[r][c]: rows row_stride_bytes apart, their elements contiguous. */
  void (*transpose[DTYPES_END])(const unsigned char *from, int64_t row_stride_bytes, size_t ahead,
                                size_t rows, size_t columns, double *to, size_t to_stride);
  /* values[i] = (values[i] - zero) * scale. */
  void (*dequantize)(double *values, size_t n, double zero, double scale);
  /* The same with a zero and a scale for each. */
  void (*dequantize_each)(double *values, size_t n, const double *zeros, const double *scales);
};

#endif
