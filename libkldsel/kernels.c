/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level; KLDSEL_KERNELS names the table. Vectors of eight doubles are the compiler's: it
 * splits them into what the level has. */
#include "kernels.h"

#include <string.h>

typedef double f64x8 __attribute__((vector_size(64)));
typedef int64_t i64x8 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))

enum {
  LANES = 8
};

INLINE double add_lanes(f64x8 v) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

INLINE int64_t count_lanes(i64x8 v) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

INLINE f64x8 load_f64(const void *at) {
  f64x8 v;
  memcpy(&v, at, sizeof v);
  return v;
}

INLINE void store_f64(double *at, f64x8 v) {
  memcpy(at, &v, sizeof v);
}

INLINE f64x8 load_f32(const void *at) {
  f32x8 v;
  memcpy(&v, at, sizeof v);
  return __builtin_convertvector(v, f64x8);
}

INLINE f64x8 load_bf16(const void *at) {
  u16x8 half;
  memcpy(&half, at, sizeof half);
  u32x8 bits = __builtin_convertvector(half, u32x8) << 16;
  return __builtin_convertvector((f32x8)bits, f64x8);
}

INLINE f64x8 load_f16(const void *at) {
  u16x8 half;
  memcpy(&half, at, sizeof half);
  u32x8 wide = __builtin_convertvector(half, u32x8);
  u32x8 magnitude = wide & 0x7fff, sign = (wide & 0x8000) << 16;
  /* The exponent moves to the single's bias; where all its bits are set they stay so. */
  u32x8 special = (u32x8)(magnitude >= 0x7c00) & 0x38000000;
  u32x8 normal = (magnitude << 13) + 0x38000000 + special;
  /* A subnormal half is an integer times 2^-24, which is a normal single. */
  u32x8 subnormal = (u32x8)(__builtin_convertvector((i32x8)magnitude, f32x8) * 0x1p-24f);
  u32x8 is_subnormal = (u32x8)(magnitude < 0x0400);
  u32x8 bits = sign | (subnormal & is_subnormal) | (normal & ~is_subnormal);
  return __builtin_convertvector((f32x8)bits, f64x8);
}

typedef f64x8 load_function(const void *at);

/* n < LANES elements, the others 0. */
INLINE f64x8 load_tail(load_function *load, size_t bytes, const char *at, size_t n) {
  char padded[LANES * sizeof(double)] = {0};
  memcpy(padded, at, n * bytes);
  return load(padded);
}

INLINE f64x8 load_line(load_function *load, size_t bytes, const void *line, size_t k, size_t n) {
  const char *at = (const char *)line + k * bytes;
  return n - k >= LANES ? load(at) : load_tail(load, bytes, at, n - k);
}

INLINE f64x8 load_sums(const double *sums, size_t k, size_t n) {
  return load_line(load_f64, sizeof(double), sums, k, n);
}

INLINE void store_sums(double *sums, size_t k, size_t n, f64x8 v) {
  if (n - k >= LANES)
    store_f64(sums + k, v);
  else
    memcpy(sums + k, &v, (n - k) * sizeof(double));
}

struct parts {
  f64x8 positive, negative;
};

/* NaN and infinities of either sign end up in the negative part as NaN or infinity: none is lost. */
INLINE struct parts split(f64x8 x) {
  f64x8 positive = (f64x8)((i64x8)x & (x > 0));
  return (struct parts){positive, x - positive};
}

INLINE void row_norms(load_function *load, size_t bytes, const void *const *lines, int count, size_t n,
                      struct norms *norms) {
  f64x8 positive_squares[LINES] = {0}, negative_squares[LINES] = {0};
  i64x8 positive_count[LINES] = {0}, negative_count[LINES] = {0};
  for (size_t k = 0; k < n; k += LANES) {
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], k, n);
      struct parts part = split(x);
      positive_squares[r] += part.positive * part.positive;
      negative_squares[r] += part.negative * part.negative;
      positive_count[r] -= x > 0;
      negative_count[r] -= x < 0;
    }
  }
  for (int r = 0; r < count; r++) {
    norms[r].positive_squares += add_lanes(positive_squares[r]);
    norms[r].negative_squares += add_lanes(negative_squares[r]);
    norms[r].positive_count += count_lanes(positive_count[r]);
    norms[r].negative_count += count_lanes(negative_count[r]);
  }
}

INLINE void row_accumulate(load_function *load, size_t bytes, const void *const *lines, int count, size_t n,
                           const double (*weights)[SIGN_PARTS], double *const *sums) {
  for (size_t k = 0; k < n; k += LANES) {
    f64x8 all = {0}, positive = {0}, negative = {0};
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], k, n);
      struct parts part = split(x);
      all += x * weights[r][ALL];
      positive += part.positive * weights[r][POSITIVE];
      negative += part.negative * weights[r][NEGATIVE];
    }
    store_sums(sums[ALL], k, n, load_sums(sums[ALL], k, n) + all);
    store_sums(sums[POSITIVE], k, n, load_sums(sums[POSITIVE], k, n) + positive);
    store_sums(sums[NEGATIVE], k, n, load_sums(sums[NEGATIVE], k, n) + negative);
  }
}

INLINE void row_dots(load_function *load, size_t bytes, const void *const *lines, int count, size_t n,
                     const double *const *sums, double (*dots)[SIGNS]) {
  f64x8 dot[LINES][SIGNS] = {{{0}}};
  for (size_t k = 0; k < n; k += LANES) {
    f64x8 all = load_sums(sums[ALL], k, n);
    f64x8 positive = load_sums(sums[POSITIVE], k, n);
    f64x8 negative = load_sums(sums[NEGATIVE], k, n);
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], k, n);
      struct parts part = split(x);
      dot[r][ALL] += x * all;
      dot[r][POSITIVE] += part.positive * positive;
      dot[r][NEGATIVE] += part.negative * negative;
      dot[r][POSITIVE_NEGATIVE] += part.positive * negative;
    }
  }
  for (int r = 0; r < count; r++)
    for (int sign = 0; sign < SIGNS; sign++) dots[r][sign] += add_lanes(dot[r][sign]);
}

INLINE void column_norms(load_function *load, size_t bytes, const void *const *lines, int count, size_t n,
                         double *positive_squares, double *negative_squares, int64_t *counts) {
  i64x8 positive_count = {0}, negative_count = {0};
  for (size_t j = 0; j < n; j += LANES) {
    f64x8 positive = {0}, negative = {0};
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], j, n);
      struct parts part = split(x);
      positive += part.positive * part.positive;
      negative += part.negative * part.negative;
      positive_count -= x > 0;
      negative_count -= x < 0;
    }
    store_sums(positive_squares, j, n, load_sums(positive_squares, j, n) + positive);
    store_sums(negative_squares, j, n, load_sums(negative_squares, j, n) + negative);
  }
  counts[0] += count_lanes(positive_count);
  counts[1] += count_lanes(negative_count);
}

INLINE void column_accumulate(load_function *load, size_t bytes, const void *const *lines, int count,
                              size_t n, const double *const *weights, double (*sums)[SIGN_PARTS]) {
  f64x8 sum[LINES][SIGN_PARTS] = {{{0}}};
  for (size_t j = 0; j < n; j += LANES) {
    f64x8 all = load_sums(weights[ALL], j, n);
    f64x8 positive = load_sums(weights[POSITIVE], j, n);
    f64x8 negative = load_sums(weights[NEGATIVE], j, n);
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], j, n);
      struct parts part = split(x);
      sum[r][ALL] += x * all;
      sum[r][POSITIVE] += part.positive * positive;
      sum[r][NEGATIVE] += part.negative * negative;
    }
  }
  for (int r = 0; r < count; r++)
    for (int part = 0; part < SIGN_PARTS; part++) sums[r][part] += add_lanes(sum[r][part]);
}

INLINE void column_dots(load_function *load, size_t bytes, const void *const *lines, int count, size_t n,
                        const double (*sums)[SIGN_PARTS], double *const *dots) {
  for (size_t j = 0; j < n; j += LANES) {
    f64x8 dot[SIGNS] = {{0}};
    for (int r = 0; r < count; r++) {
      f64x8 x = load_line(load, bytes, lines[r], j, n);
      struct parts part = split(x);
      dot[ALL] += x * sums[r][ALL];
      dot[POSITIVE] += part.positive * sums[r][POSITIVE];
      dot[NEGATIVE] += part.negative * sums[r][NEGATIVE];
      dot[POSITIVE_NEGATIVE] += part.positive * sums[r][NEGATIVE];
    }
    for (int sign = 0; sign < SIGNS; sign++)
      store_sums(dots[sign], j, n, load_sums(dots[sign], j, n) + dot[sign]);
  }
}

/* A constant number of lines lets the compiler keep the running sums in registers. */
#define BY_COUNT(kernel, load, type, ...)                                                                    \
  switch (count) {                                                                                           \
  case 1:                                                                                                    \
    kernel(load, sizeof(type), lines, 1, n, __VA_ARGS__);                                                    \
    break;                                                                                                   \
  case 2:                                                                                                    \
    kernel(load, sizeof(type), lines, 2, n, __VA_ARGS__);                                                    \
    break;                                                                                                   \
  case 3:                                                                                                    \
    kernel(load, sizeof(type), lines, 3, n, __VA_ARGS__);                                                    \
    break;                                                                                                   \
  default:                                                                                                   \
    kernel(load, sizeof(type), lines, LINES, n, __VA_ARGS__);                                                \
  }

#define LINE_KERNELS(dtype, type)                                                                            \
  static void row_norms_##dtype(const void *const *lines, int count, size_t n, struct norms *norms) {        \
    BY_COUNT(row_norms, load_##dtype, type, norms)                                                           \
  }                                                                                                          \
  static void row_accumulate_##dtype(const void *const *lines, int count, size_t n,                          \
                                     const double(*weights)[SIGN_PARTS], double *const *sums) {              \
    BY_COUNT(row_accumulate, load_##dtype, type, weights, sums)                                              \
  }                                                                                                          \
  static void row_dots_##dtype(const void *const *lines, int count, size_t n, const double *const *sums,     \
                               double(*dots)[SIGNS]) {                                                       \
    BY_COUNT(row_dots, load_##dtype, type, sums, dots)                                                       \
  }                                                                                                          \
  static void column_norms_##dtype(const void *const *lines, int count, size_t n, double *positive_squares,  \
                                   double *negative_squares, int64_t *counts) {                              \
    BY_COUNT(column_norms, load_##dtype, type, positive_squares, negative_squares, counts)                   \
  }                                                                                                          \
  static void column_accumulate_##dtype(const void *const *lines, int count, size_t n,                       \
                                        const double *const *weights, double(*sums)[SIGN_PARTS]) {           \
    BY_COUNT(column_accumulate, load_##dtype, type, weights, sums)                                           \
  }                                                                                                          \
  static void column_dots_##dtype(const void *const *lines, int count, size_t n,                             \
                                  const double(*sums)[SIGN_PARTS], double *const *dots) {                    \
    BY_COUNT(column_dots, load_##dtype, type, sums, dots)                                                    \
  }

LINE_KERNELS(f64, double)
LINE_KERNELS(f32, float)
LINE_KERNELS(f16, uint16_t)
LINE_KERNELS(bf16, uint16_t)

static double dot(const double *a, const double *b, size_t n) {
  f64x8 sum = {0};
  for (size_t k = 0; k < n; k += LANES) sum += load_sums(a, k, n) * load_sums(b, k, n);
  return add_lanes(sum);
}

static void products(const double *const *a, const double *const *b, size_t n, double *out) {
  f64x8 sum[LINES][LINES] = {{{0}}};
  for (size_t k = 0; k < n; k += LANES)
    for (int i = 0; i < LINES; i++)
      for (int j = 0; j < LINES; j++) sum[i][j] += load_sums(a[i], k, n) * load_sums(b[j], k, n);
  for (int i = 0; i < LINES; i++)
    for (int j = 0; j < LINES; j++) out[LINES * i + j] = add_lanes(sum[i][j]);
}

static int scan(const void *values, size_t n) {
  int found = SCAN_ORDINARY;
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, (const char *)values + i * sizeof bits, sizeof bits);
    uint64_t exponent = bits >> 52 & 0x7ff;
    int zero = (bits & INT64_MAX) == 0;
    int extreme = !zero && exponent - (1023 - 450) >= 900;
    int here = exponent == 0x7ff ? SCAN_NOT_FINITE : extreme ? SCAN_EXTREME : SCAN_ORDINARY;
    found = here > found ? here : found;
  }
  return found;
}

#define TABLE(dtype)                                                                                         \
  {                                                                                                          \
    row_norms_##dtype, row_accumulate_##dtype, row_dots_##dtype, column_norms_##dtype,                       \
        column_accumulate_##dtype, column_dots_##dtype                                                       \
  }

const struct kernels KLDSEL_KERNELS = {TABLE(f64), TABLE(f32), TABLE(f16), TABLE(bf16), dot, products, scan};
