/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level; KLDSEL_KERNELS names the table. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#include "kernels_columns.h"
#include "kernels_rows.h"
#include "vector.h"

/* ---- what is left of a line past its last whole LANES, padded with zeros ---- */

/* Copies fewer bytes than LANES doubles take, and zeros up to there. */
INLINE void copy_padded(void *to, const void *from, size_t bytes) {
#if defined(__AVX512BW__)
  _mm512_storeu_si512(to, _mm512_maskz_loadu_epi8((UINT64_C(1) << bytes) - 1, from));
#else
  memset(to, 0, LANES * sizeof(double));
  memcpy(to, from, bytes);
#endif
}

struct tail {
  char bytes[LINES][LANES * sizeof(double)];
  const char *at[LINES];
};

INLINE const char *const *pad_lines(struct tail *tail, const char *const *lines, size_t bytes, size_t from,
                                    size_t n) {
  for (int r = 0; r < LINES; r++) {
    copy_padded(tail->bytes[r], lines[r] + from * bytes, (n - from) * bytes);
    tail->at[r] = tail->bytes[r];
  }
  return tail->at;
}

struct tail_sums {
  double values[SIGNS][LANES];
  double *at[SIGNS];
};

INLINE double *const *pad_sums(struct tail_sums *tail, const double *const *sums, int count, size_t from,
                               size_t n) {
  for (int s = 0; s < count; s++) {
    copy_padded(tail->values[s], sums[s] + from, (n - from) * sizeof(double));
    tail->at[s] = tail->values[s];
  }
  return tail->at;
}

INLINE void unpad_sums(const struct tail_sums *tail, double *const *sums, int count, size_t from, size_t n) {
  for (int s = 0; s < count; s++)
    for (size_t i = from; i < n; i++) sums[s][i] = tail->values[s][i - from];
}

/* ---- the kernels: LINES lines at a time, with their tails ---- */

/* Where LINES lines from first on fetch from. */
INLINE const void *ahead_of(const void *ahead, int part, size_t first, size_t n, size_t bytes) {
  uintptr_t there =
      (uintptr_t)ahead + first * n * bytes / (size_t)part; /* may leave its object, as in prefetch() */
  return (const void *)there;                              /* NOLINT(performance-no-int-to-ptr) */
}

INLINE void row_norms_all(split_function *load, size_t bytes, const char *const *lines, size_t count,
                          const void *ahead, size_t n, struct norms *norms) {
  size_t whole = n - n % LANES;
  for (size_t i = 0; i < count; i += LINES) {
    row_norms(load, bytes, lines + i, ahead_of(ahead, FETCH_HALF, i, n, bytes), whole, norms + i);
    if (whole == n) continue;
    struct tail tail;
    row_norms(load, bytes, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES, norms + i);
  }
}

INLINE void row_accumulate_all(split_function *load, size_t bytes, int wanted, const char *const *lines,
                               size_t count, const void *ahead, size_t n, const double (*weights)[SIGN_PARTS],
                               double *const *sums) {
  size_t whole = n - n % LANES;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)sums, SIGN_PARTS, whole, n);
  for (size_t i = 0; i < count; i += LINES) {
    row_accumulate(load, bytes, wanted, lines + i, ahead_of(ahead, FETCH_HALF, i, n, bytes), whole,
                   weights + i, sums);
    if (whole == n) continue;
    struct tail tail;
    row_accumulate(load, bytes, wanted, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES,
                   weights + i, at);
  }
  unpad_sums(&tail_sums, sums, SIGN_PARTS, whole, n);
}

INLINE void row_dots_all(split_function *load, size_t bytes, int wanted, const char *const *lines,
                         size_t count, const void *ahead, size_t n, const double *const *sums,
                         double (*dots)[SIGNS]) {
  size_t whole = n - n % LANES;
  struct tail_sums tail_sums;
  const double *const *at = (const double *const *)pad_sums(&tail_sums, sums, SIGN_PARTS, whole, n);
  for (size_t i = 0; i < count; i += LINES) {
    row_dots(load, bytes, wanted, lines + i, ahead_of(ahead, FETCH_ALL, i, n, bytes), whole, sums, dots + i);
    if (whole == n) continue;
    struct tail tail;
    row_dots(load, bytes, wanted, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES, at,
             dots + i);
  }
}

INLINE void column_norms_all(split_function *load, size_t bytes, const char *const *lines, size_t count,
                             const void *ahead, size_t n, double *const *squares) {
  size_t whole = n - n % LANES;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)squares, 2, whole, n);
  for (size_t i = 0; i < count; i += LINES) {
    column_norms(load, bytes, lines + i, ahead_of(ahead, FETCH_ALL, i, n, bytes), whole, squares);
    if (whole == n) continue;
    struct tail tail;
    column_norms(load, bytes, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES, at);
  }
  unpad_sums(&tail_sums, squares, 2, whole, n);
}

INLINE void column_accumulate_all(split_function *load, size_t bytes, int wanted, const char *const *lines,
                                  size_t count, const void *ahead, size_t n, const double *const *weights,
                                  double (*sums)[SIGN_PARTS]) {
  size_t whole = n - n % LANES;
  struct tail_sums tail_sums;
  const double *const *at = (const double *const *)pad_sums(&tail_sums, weights, SIGN_PARTS, whole, n);
  for (size_t i = 0; i < count; i += LINES) {
    column_accumulate(load, bytes, wanted, lines + i, ahead_of(ahead, FETCH_HALF, i, n, bytes), whole,
                      weights, sums + i);
    if (whole == n) continue;
    struct tail tail;
    column_accumulate(load, bytes, wanted, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES, at,
                      sums + i);
  }
}

INLINE void column_dots_all(split_function *load, size_t bytes, int wanted, const char *const *lines,
                            size_t count, const void *ahead, size_t n, const double (*sums)[SIGN_PARTS],
                            double *const *dots) {
  size_t whole = n - n % LANES;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)dots, SIGNS, whole, n);
  for (size_t i = 0; i < count; i += LINES) {
    column_dots(load, bytes, wanted, lines + i, ahead_of(ahead, FETCH_HALF, i, n, bytes), whole, sums + i,
                dots);
    if (whole == n) continue;
    struct tail tail;
    column_dots(load, bytes, wanted, pad_lines(&tail, lines + i, bytes, whole, n), lines[i], LANES, sums + i,
                at);
  }
  unpad_sums(&tail_sums, dots, SIGNS, whole, n);
}

/* ---- counting signs: as an integer of its width a number is > 0 exactly where it is positive; with its sign
 * bit turned round, exactly where it is negative and not -0 ---- */

_Static_assert(TILE <= INT16_MAX, "the narrowest count must hold a tile's");

#define COUNT_SIGNS(name, bits_type, sign_bit)                                                               \
  static void name(const void *line, size_t n, int64_t *counts) {                                            \
    bits_type positive = 0, negative = 0;                                                                    \
    for (size_t k = 0; k < n; k++) {                                                                         \
      bits_type bits;                                                                                        \
      memcpy(&bits, (const char *)line + k * sizeof bits, sizeof bits);                                      \
      positive = (bits_type)(positive + (bits > 0));                                                         \
      negative = (bits_type)(negative + ((bits_type)(bits ^ (sign_bit)) > 0));                               \
    }                                                                                                        \
    counts[0] += positive;                                                                                   \
    counts[1] += negative;                                                                                   \
  }

COUNT_SIGNS(count_signs_16, int16_t, INT16_MIN)
COUNT_SIGNS(count_signs_32, int32_t, INT32_MIN)
COUNT_SIGNS(count_signs_64, int64_t, INT64_MIN)

/* ---- by dtype ---- */

/* What is wanted is a constant in each copy of a kernel. */
#define BY_WANTED(kernel, load, bytes, ...)                                                                  \
  switch (wanted) {                                                                                          \
  case WANTED_ALL:                                                                                           \
    kernel(load, bytes, WANTED_ALL, (const char *const *)lines, count, ahead, n, __VA_ARGS__);               \
    break;                                                                                                   \
  case WANTED_SPLIT:                                                                                         \
    kernel(load, bytes, WANTED_SPLIT, (const char *const *)lines, count, ahead, n, __VA_ARGS__);             \
    break;                                                                                                   \
  default:                                                                                                   \
    kernel(load, bytes, WANTED_ALL | WANTED_SPLIT, (const char *const *)lines, count, ahead, n,              \
           __VA_ARGS__);                                                                                     \
  }

#define LINE_KERNELS(dtype, bytes)                                                                           \
  static void row_norms_##dtype(const void *const *lines, size_t count, const void *ahead, size_t n,         \
                                struct norms *norms) {                                                       \
    row_norms_all(split_##dtype, bytes, (const char *const *)lines, count, ahead, n, norms);                 \
  }                                                                                                          \
  static void row_accumulate_##dtype(int wanted, const void *const *lines, size_t count, const void *ahead,  \
                                     size_t n, const double(*weights)[SIGN_PARTS], double *const *sums) {    \
    BY_WANTED(row_accumulate_all, split_##dtype, bytes, weights, sums)                                       \
  }                                                                                                          \
  static void row_dots_##dtype(int wanted, const void *const *lines, size_t count, const void *ahead,        \
                               size_t n, const double *const *sums, double(*dots)[SIGNS]) {                  \
    BY_WANTED(row_dots_all, split_##dtype, bytes, sums, dots)                                                \
  }                                                                                                          \
  static void column_norms_##dtype(const void *const *lines, size_t count, const void *ahead, size_t n,      \
                                   double *const *squares) {                                                 \
    column_norms_all(split_##dtype, bytes, (const char *const *)lines, count, ahead, n, squares);            \
  }                                                                                                          \
  static void column_accumulate_##dtype(int wanted, const void *const *lines, size_t count,                  \
                                        const void *ahead, size_t n, const double *const *weights,           \
                                        double(*sums)[SIGN_PARTS]) {                                         \
    BY_WANTED(column_accumulate_all, split_##dtype, bytes, weights, sums)                                    \
  }                                                                                                          \
  static void column_dots_##dtype(int wanted, const void *const *lines, size_t count, const void *ahead,     \
                                  size_t n, const double(*sums)[SIGN_PARTS], double *const *dots) {          \
    BY_WANTED(column_dots_all, split_##dtype, bytes, sums, dots)                                             \
  }

LINE_KERNELS(f64, 8)
LINE_KERNELS(f32, 4)
LINE_KERNELS(f16, 2)
LINE_KERNELS(bf16, 2)

INLINE double dot_whole(const double *a, const double *b, size_t n) {
  double lanes[LANES];
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    f64v sum = {0};
    for (size_t k = (size_t)lane; k < n; k += LANES) sum += load_f64(a + k) * load_f64(b + k);
    store_f64(&lanes[lane], sum);
  }
  return add_lanes(lanes);
}

static double dot(const double *a, const double *b, size_t n) {
  size_t whole = n - n % LANES;
  double sum = dot_whole(a, b, whole);
  if (whole == n) return sum;
  struct tail_sums tail;
  const double *const operands[] = {a, b};
  double *const *at = pad_sums(&tail, operands, 2, whole, n);
  return sum + dot_whole(at[0], at[1], LANES);
}

static void add(double *to, const double *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += from[i];
}

static void inverse_roots(double *values, size_t n) {
  for (size_t i = 0; i < n; i++) values[i] = values[i] > 0 ? 1.0 / sqrt(values[i]) : 0.0;
}

INLINE f64v similarities_of(int sign, f64v weights, f64v dots, double others) {
  f64v own = (f64v)((i64v)every(sign == POSITIVE_NEGATIVE ? 0.0 : 1.0) & (weights > 0));
  f64v value = (weights * dots - own) / others;
  f64v lowest = every(lowest_similarity(sign)), highest = every(highest_similarity(sign));
  return choose(value < lowest, lowest, choose(value > highest, highest, value));
}

static void similarities(int sign, const double *weights, size_t n, int64_t filters, double *values) {
  double others = (double)(filters - 1);
  size_t whole = n - n % WIDTH;
  for (size_t i = 0; i < whole; i += WIDTH)
    store_f64(values + i, similarities_of(sign, load_f64(weights + i), load_f64(values + i), others));
  for (size_t i = whole; i < n; i++)
    values[i] = similarities_of(sign, every(weights[i]), every(values[i]), others)[0];
}

static int scan(const void *values, size_t n) {
  int found = SCAN_ORDINARY;
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, (const char *)values + i * sizeof bits, sizeof bits);
    uint64_t exponent = bits >> 52 & 0x7ff;
    int zero = (bits & INT64_MAX) == 0;
    int extreme = !zero && exponent - (1023 - 200) >= 400;
    int here = exponent == 0x7ff ? SCAN_NOT_FINITE : extreme ? SCAN_EXTREME : SCAN_ORDINARY;
    found = here > found ? here : found;
  }
  return found;
}

#define TABLE(dtype, bits)                                                                                   \
  {                                                                                                          \
    row_norms_##dtype, row_accumulate_##dtype, row_dots_##dtype, column_norms_##dtype,                       \
        column_accumulate_##dtype, column_dots_##dtype, count_signs_##bits                                   \
  }

const struct kernels KLDSEL_KERNELS = {TABLE(f64, 64),
                                       TABLE(f32, 32),
                                       TABLE(f16, 16),
                                       TABLE(bf16, 16),
                                       dot,
                                       add,
                                       inverse_roots,
                                       similarities,
                                       scan,
                                       &AT_LEVEL(kldsel_convert),
                                       &AT_LEVEL(kldsel_exponentials),
                                       &AT_LEVEL(kldsel_products),
                                       &AT_LEVEL(kldsel_slices)};
