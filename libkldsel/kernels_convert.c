/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level. */
#include "kernels_convert.h"

#include "dtype.h"
#include "kernels.h"
#include "vector.h"

typedef uint8_t u8v __attribute__((vector_size(WIDTH)));
typedef int8_t i8v __attribute__((vector_size(WIDTH)));

INLINE f64v load_u8(const void *at) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(at)));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_loadu_si32(at)));
#else
  u8v v;
  memcpy(&v, at, sizeof v);
  return __builtin_convertvector(v, f64v);
#endif
}

INLINE f64v load_i8(const void *at) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_pd(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at)));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_pd(_mm_cvtepi8_epi32(_mm_loadu_si32(at)));
#else
  i8v v;
  memcpy(&v, at, sizeof v);
  return __builtin_convertvector(v, f64v);
#endif
}

/* WIDTH vectors, as rows of a square, become its columns. */
INLINE void transpose_square(f64v *v) {
#if defined(__AVX512F__)
  f64v pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
  }
  for (int half = 0; half < 8; half += 4)
    for (int i = 0; i < 2; i++) {
      fours[half + i] = _mm512_shuffle_f64x2(pairs[half + i], pairs[half + i + 2], 0x88);
      fours[half + i + 2] = _mm512_shuffle_f64x2(pairs[half + i], pairs[half + i + 2], 0xdd);
    }
  for (int i = 0; i < 4; i++) {
    v[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);
    v[i + 4] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0xdd);
  }
#elif defined(__AVX2__)
  f64v a = _mm256_unpacklo_pd(v[0], v[1]), b = _mm256_unpackhi_pd(v[0], v[1]);
  f64v c = _mm256_unpacklo_pd(v[2], v[3]), d = _mm256_unpackhi_pd(v[2], v[3]);
  v[0] = _mm256_permute2f128_pd(a, c, 0x20);
  v[1] = _mm256_permute2f128_pd(b, d, 0x20);
  v[2] = _mm256_permute2f128_pd(a, c, 0x31);
  v[3] = _mm256_permute2f128_pd(b, d, 0x31);
#else
  f64v low = {v[0][0], v[1][0]}, high = {v[0][1], v[1][1]};
  v[0] = low;
  v[1] = high;
#endif
}

INLINE void run(load_function *load, int32_t dtype, const unsigned char *from, int64_t stride_bytes,
                size_t ahead, size_t n, double *to) {
  size_t i = 0;
  if (stride_bytes == (int64_t)dtype_bytes(dtype))
    for (; i + WIDTH <= n; i += WIDTH) {
      const unsigned char *at = from + (int64_t)i * stride_bytes;
      if (ahead != 0) prefetch(at, ahead);
      store_f64(to + i, load(at));
    }
  for (; i < n; i++) to[i] = load_as_double(dtype, from + (int64_t)i * stride_bytes);
}

/* WIDTH rows of count < WIDTH columns, where what lies past them is readable. */
INLINE void transpose_over(load_function *load, const unsigned char *from, int64_t row_stride_bytes,
                           size_t count, double *to, size_t to_stride) {
  f64v square[WIDTH];
  for (int i = 0; i < WIDTH; i++) square[i] = load(from + i * row_stride_bytes);
  transpose_square(square);
  for (size_t i = 0; i < WIDTH; i++)
    if (i < count) store_f64(to + i * to_stride, square[i]);
}

INLINE void transpose_scalars(int32_t dtype, const unsigned char *from, int64_t row_stride_bytes, size_t rows,
                              size_t columns, double *to, size_t to_stride) {
  int64_t bytes = (int64_t)dtype_bytes(dtype);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++)
      to[c * to_stride + r] =
          load_as_double(dtype, from + (int64_t)r * row_stride_bytes + (int64_t)c * bytes);
}

INLINE void transpose(load_function *load, int32_t dtype, const unsigned char *from, int64_t row_stride_bytes,
                      size_t ahead, size_t rows, size_t columns, double *to, size_t to_stride) {
  int64_t bytes = (int64_t)dtype_bytes(dtype);
  size_t whole_rows = rows - rows % WIDTH, whole_columns = columns - columns % WIDTH;
  for (size_t r = 0; r < whole_rows; r += WIDTH) {
    const unsigned char *row = from + (int64_t)r * row_stride_bytes;
    for (size_t c = 0; c < whole_columns; c += WIDTH) {
      f64v square[WIDTH];
      for (int i = 0; i < WIDTH; i++) {
        const unsigned char *at = row + i * row_stride_bytes + (int64_t)c * bytes;
        if (ahead != 0) prefetch(at, ahead);
        square[i] = load(at);
      }
      transpose_square(square);
      for (int i = 0; i < WIDTH; i++) store_f64(to + (c + (size_t)i) * to_stride + r, square[i]);
    }
    const unsigned char *rest = row + (int64_t)whole_columns * bytes;
    double *to_rest = to + whole_columns * to_stride + r;
    /* Of rows one after the other all but the last ones have elements past their own. */
    size_t end = (r + WIDTH - 1) * columns + whole_columns + WIDTH;
    if (columns - whole_columns > 1 && row_stride_bytes == (int64_t)columns * bytes && end <= rows * columns)
      transpose_over(load, rest, row_stride_bytes, columns - whole_columns, to_rest, to_stride);
    else
      transpose_scalars(dtype, rest, row_stride_bytes, WIDTH, columns - whole_columns, to_rest, to_stride);
  }
  transpose_scalars(dtype, from + (int64_t)whole_rows * row_stride_bytes, row_stride_bytes, rows - whole_rows,
                    columns, to + whole_rows, to_stride);
}

#define CONVERT_KERNELS(name, dtype)                                                                         \
  static void run_##name(const unsigned char *from, int64_t stride_bytes, size_t ahead, size_t n,            \
                         double *to) {                                                                       \
    run(load_##name, dtype, from, stride_bytes, ahead, n, to);                                               \
  }                                                                                                          \
  static void transpose_##name(const unsigned char *from, int64_t row_stride_bytes, size_t ahead,            \
                               size_t rows, size_t columns, double *to, size_t to_stride) {                  \
    transpose(load_##name, dtype, from, row_stride_bytes, ahead, rows, columns, to, to_stride);              \
  }

CONVERT_KERNELS(f64, KLDSEL_DTYPE_F64)
CONVERT_KERNELS(f32, KLDSEL_DTYPE_F32)
CONVERT_KERNELS(f16, KLDSEL_DTYPE_F16)
CONVERT_KERNELS(bf16, KLDSEL_DTYPE_BF16)
CONVERT_KERNELS(u8, KLDSEL_DTYPE_U8)
CONVERT_KERNELS(i8, KLDSEL_DTYPE_I8)

static void dequantize(double *values, size_t n, double zero, double scale) {
  for (size_t i = 0; i < n; i++) values[i] = (values[i] - zero) * scale;
}

static void dequantize_each(double *values, size_t n, const double *zeros, const double *scales) {
  for (size_t i = 0; i < n; i++) values[i] = (values[i] - zeros[i]) * scales[i];
}

const struct convert_kernels AT_LEVEL(kldsel_convert) = {
    {NULL, run_f64, run_f32, run_f16, run_bf16, run_u8, run_i8},
    {NULL, transpose_f64, transpose_f32, transpose_f16, transpose_bf16, transpose_u8, transpose_i8},
    dequantize,
    dequantize_each};
