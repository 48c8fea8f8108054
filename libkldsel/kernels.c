/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level; KLDSEL_KERNELS names the table. Vectors are the compiler's, as wide as the level
 * has them: the eight lanes are walked one vector's worth at a time. */
#include "kernels.h"

#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

/* Bytes of the vectors that the level has. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* Vector registers. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

enum {
  LANES = 8,
  WIDTH = VECTOR_BYTES / 8, /* lanes of one vector */
  HELD = REGISTERS / 8      /* lines whose running sums fit in them */
};

typedef double f64v __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t i64v __attribute__((vector_size(VECTOR_BYTES)));
typedef float f32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef int32_t i32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint32_t u32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint16_t u16v __attribute__((vector_size(VECTOR_BYTES / 4)));

#define INLINE static inline __attribute__((always_inline))

INLINE double add_lanes(const double *v) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

INLINE f64v load_f64(const void *at) {
  f64v v;
  memcpy(&v, at, sizeof v);
  return v;
}

INLINE void store_f64(double *at, f64v v) {
  memcpy(at, &v, sizeof v);
}

INLINE f64v widen(f32v v) {
#if defined(__AVX512F__)
  return _mm512_cvtps_pd(v); /* gcc 12 would do it in halves */
#else
  return __builtin_convertvector(v, f64v);
#endif
}

INLINE f64v load_f32(const void *at) {
  f32v v;
  memcpy(&v, at, sizeof v);
  return widen(v);
}

INLINE f64v load_bf16(const void *at) {
  u16v half;
  memcpy(&half, at, sizeof half);
  u32v bits = __builtin_convertvector(half, u32v) << 16;
  return widen((f32v)bits);
}

INLINE f64v load_f16(const void *at) {
  u16v half;
  memcpy(&half, at, sizeof half);
#if defined(__AVX512F__)
  return widen(_mm256_maskz_cvtph_ps(0xff, (__m128i)half));
#else
  u32v wide = __builtin_convertvector(half, u32v);
  u32v magnitude = wide & 0x7fff, sign = (wide & 0x8000) << 16;
  /* The exponent moves to the single's bias; where all its bits are set they stay so. */
  u32v special = (u32v)(magnitude >= 0x7c00) & 0x38000000;
  u32v normal = (magnitude << 13) + 0x38000000 + special;
  /* A subnormal half is an integer times 2^-24, which is a normal single. */
  u32v subnormal = (u32v)(__builtin_convertvector((i32v)magnitude, f32v) * 0x1p-24f);
  u32v is_subnormal = (u32v)(magnitude < 0x0400);
  u32v bits = sign | (subnormal & is_subnormal) | (normal & ~is_subnormal);
  return widen((f32v)bits);
#endif
}

typedef f64v load_function(const void *at);

INLINE int least(int a, int b) {
  return a < b ? a : b;
}

struct parts {
  f64v positive, negative;
};

/* NaN and infinities of either sign end up in the negative part as NaN or infinity: none is lost. */
INLINE struct parts split(f64v x) {
  f64v positive = (f64v)((i64v)x & (x > 0));
  return (struct parts){positive, x - positive};
}

/* The kernels proper, over n elements, a multiple of LANES; what is left comes padded with zeros. */

/* The signs of n elements, from their bits: as an integer of its width a number is > 0 exactly where it is
 * positive, and < 0 where it is negative, but for -0, the lowest integer. */
#define COUNT_SIGNS(bits_type, lowest)                                                                       \
  do {                                                                                                       \
    const unsigned char *bytes = line;                                                                       \
    bits_type positive = 0, negative = 0;                                                                    \
    for (size_t k = 0; k < n; k++) {                                                                         \
      bits_type bits;                                                                                        \
      memcpy(&bits, bytes + k * sizeof bits, sizeof bits);                                                   \
      positive = (bits_type)(positive + (bits > 0));                                                         \
      negative = (bits_type)(negative + (bits < 0) - (bits == (lowest)));                                    \
    }                                                                                                        \
    *positive_count += positive;                                                                             \
    *negative_count += negative;                                                                             \
  } while (0)

INLINE void count_signs(size_t bytes_each, const void *line, size_t n, int64_t *positive_count,
                        int64_t *negative_count) {
  if (bytes_each == sizeof(int16_t))
    COUNT_SIGNS(int16_t, INT16_MIN);
  else if (bytes_each == sizeof(int32_t))
    COUNT_SIGNS(int32_t, INT32_MIN);
  else
    COUNT_SIGNS(int64_t, INT64_MIN);
}

INLINE void row_norms(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                      struct norms *norms) {
  double squares[LINES][2][LANES];
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    f64v positive_squares[LINES] = {{0}}, negative_squares[LINES] = {{0}};
    for (size_t k = (size_t)lane; k < n; k += LANES) {
      for (int r = 0; r < count; r++) {
        struct parts part = split(load(lines[r] + k * bytes));
        positive_squares[r] += part.positive * part.positive;
        negative_squares[r] += part.negative * part.negative;
      }
    }
    for (int r = 0; r < count; r++) {
      store_f64(&squares[r][0][lane], positive_squares[r]);
      store_f64(&squares[r][1][lane], negative_squares[r]);
    }
  }
  for (int r = 0; r < count; r++) {
    norms[r].positive_squares += add_lanes(squares[r][0]);
    norms[r].negative_squares += add_lanes(squares[r][1]);
    count_signs(bytes, lines[r], n, &norms[r].positive_count, &norms[r].negative_count);
  }
}

INLINE void row_accumulate(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                           const double (*weights)[SIGN_PARTS], double *const *sums) {
  for (size_t k = 0; k < n; k += WIDTH) {
    f64v all = {0}, positive = {0}, negative = {0};
    for (int r = 0; r < count; r++) {
      f64v x = load(lines[r] + k * bytes);
      struct parts part = split(x);
      all += x * weights[r][ALL];
      positive += part.positive * weights[r][POSITIVE];
      negative += part.negative * weights[r][NEGATIVE];
    }
    store_f64(sums[ALL] + k, load_f64(sums[ALL] + k) + all);
    store_f64(sums[POSITIVE] + k, load_f64(sums[POSITIVE] + k) + positive);
    store_f64(sums[NEGATIVE] + k, load_f64(sums[NEGATIVE] + k) + negative);
  }
}

INLINE void row_dots(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                     const double *const *sums, double (*dots)[SIGNS]) {
  double lanes[LINES][SIGNS][LANES];
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    f64v dot[LINES][SIGNS] = {{{0}}};
    for (size_t k = (size_t)lane; k < n; k += LANES) {
      f64v all = load_f64(sums[ALL] + k), positive = load_f64(sums[POSITIVE] + k);
      f64v negative = load_f64(sums[NEGATIVE] + k);
      for (int r = 0; r < count; r++) {
        f64v x = load(lines[r] + k * bytes);
        struct parts part = split(x);
        dot[r][ALL] += x * all;
        dot[r][POSITIVE] += part.positive * positive;
        dot[r][NEGATIVE] += part.negative * negative;
        dot[r][POSITIVE_NEGATIVE] += part.positive * negative;
      }
    }
    for (int r = 0; r < count; r++)
      for (int sign = 0; sign < SIGNS; sign++) store_f64(&lanes[r][sign][lane], dot[r][sign]);
  }
  for (int r = 0; r < count; r++)
    for (int sign = 0; sign < SIGNS; sign++) dots[r][sign] += add_lanes(lanes[r][sign]);
}

INLINE void column_norms(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                         double *const *squares, int64_t *counts) {
  for (size_t j = 0; j < n; j += WIDTH) {
    f64v positive = {0}, negative = {0};
    for (int r = 0; r < count; r++) {
      struct parts part = split(load(lines[r] + j * bytes));
      positive += part.positive * part.positive;
      negative += part.negative * part.negative;
    }
    store_f64(squares[0] + j, load_f64(squares[0] + j) + positive);
    store_f64(squares[1] + j, load_f64(squares[1] + j) + negative);
  }
  for (int r = 0; r < count; r++) count_signs(bytes, lines[r], n, &counts[0], &counts[1]);
}

INLINE void column_accumulate(load_function *load, size_t bytes, const char *const *lines, int count,
                              size_t n, const double *const *weights, double (*sums)[SIGN_PARTS]) {
  double lanes[LINES][SIGN_PARTS][LANES];
  for (int lane = 0; lane < LANES; lane += WIDTH) {
    f64v sum[LINES][SIGN_PARTS] = {{{0}}};
    for (size_t j = (size_t)lane; j < n; j += LANES) {
      f64v all = load_f64(weights[ALL] + j), positive = load_f64(weights[POSITIVE] + j);
      f64v negative = load_f64(weights[NEGATIVE] + j);
      for (int r = 0; r < count; r++) {
        f64v x = load(lines[r] + j * bytes);
        struct parts part = split(x);
        sum[r][ALL] += x * all;
        sum[r][POSITIVE] += part.positive * positive;
        sum[r][NEGATIVE] += part.negative * negative;
      }
    }
    for (int r = 0; r < count; r++)
      for (int part = 0; part < SIGN_PARTS; part++) store_f64(&lanes[r][part][lane], sum[r][part]);
  }
  for (int r = 0; r < count; r++)
    for (int part = 0; part < SIGN_PARTS; part++) sums[r][part] += add_lanes(lanes[r][part]);
}

INLINE void column_dots(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                        const double (*sums)[SIGN_PARTS], double *const *dots) {
  for (size_t j = 0; j < n; j += WIDTH) {
    f64v dot[SIGNS] = {{0}};
    for (int r = 0; r < count; r++) {
      f64v x = load(lines[r] + j * bytes);
      struct parts part = split(x);
      dot[ALL] += x * sums[r][ALL];
      dot[POSITIVE] += part.positive * sums[r][POSITIVE];
      dot[NEGATIVE] += part.negative * sums[r][NEGATIVE];
      dot[POSITIVE_NEGATIVE] += part.positive * sums[r][NEGATIVE];
    }
    for (int sign = 0; sign < SIGNS; sign++) store_f64(dots[sign] + j, load_f64(dots[sign] + j) + dot[sign]);
  }
}

/* The last n mod LANES elements of lines or of running sums, padded with zeros. */
struct tail {
  char bytes[LINES][LANES * sizeof(double)];
  const char *at[LINES];
};

INLINE const char *const *pad_lines(struct tail *tail, const char *const *lines, int count, size_t bytes,
                                    size_t from, size_t n) {
  memset(tail->bytes, 0, sizeof tail->bytes);
  for (int r = 0; r < count; r++) {
    memcpy(tail->bytes[r], lines[r] + from * bytes, (n - from) * bytes);
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
  memset(tail->values, 0, sizeof tail->values);
  for (int s = 0; s < count; s++) {
    memcpy(tail->values[s], sums[s] + from, (n - from) * sizeof(double));
    tail->at[s] = tail->values[s];
  }
  return tail->at;
}

INLINE void unpad_sums(const struct tail_sums *tail, double *const *sums, int count, size_t from, size_t n) {
  for (int s = 0; s < count; s++) memcpy(sums[s] + from, tail->values[s], (n - from) * sizeof(double));
}

/* Kernels as the table has them: whole lanes, then the tail; HELD lines at a time where their sums are held.
 */

INLINE void row_norms_lines(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                            struct norms *norms) {
  size_t whole = n - n % LANES;
  for (int r = 0; r < count; r += HELD)
    row_norms(load, bytes, lines + r, least(HELD, count - r), whole, norms + r);
  if (whole == n) return;
  struct tail tail;
  row_norms(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, norms);
}

INLINE void row_accumulate_lines(load_function *load, size_t bytes, const char *const *lines, int count,
                                 size_t n, const double (*weights)[SIGN_PARTS], double *const *sums) {
  size_t whole = n - n % LANES;
  row_accumulate(load, bytes, lines, count, whole, weights, sums);
  if (whole == n) return;
  struct tail tail;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)sums, SIGN_PARTS, whole, n);
  row_accumulate(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, weights, at);
  unpad_sums(&tail_sums, sums, SIGN_PARTS, whole, n);
}

INLINE void row_dots_lines(load_function *load, size_t bytes, const char *const *lines, int count, size_t n,
                           const double *const *sums, double (*dots)[SIGNS]) {
  size_t whole = n - n % LANES;
  for (int r = 0; r < count; r += HELD)
    row_dots(load, bytes, lines + r, least(HELD, count - r), whole, sums, dots + r);
  if (whole == n) return;
  struct tail tail;
  struct tail_sums tail_sums;
  const double *const *at = (const double *const *)pad_sums(&tail_sums, sums, SIGN_PARTS, whole, n);
  row_dots(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, at, dots);
}

INLINE void column_norms_lines(load_function *load, size_t bytes, const char *const *lines, int count,
                               size_t n, double *const *squares, int64_t *counts) {
  size_t whole = n - n % LANES;
  column_norms(load, bytes, lines, count, whole, squares, counts);
  if (whole == n) return;
  struct tail tail;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)squares, 2, whole, n);
  column_norms(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, at, counts);
  unpad_sums(&tail_sums, squares, 2, whole, n);
}

INLINE void column_accumulate_lines(load_function *load, size_t bytes, const char *const *lines, int count,
                                    size_t n, const double *const *weights, double (*sums)[SIGN_PARTS]) {
  size_t whole = n - n % LANES;
  for (int r = 0; r < count; r += HELD)
    column_accumulate(load, bytes, lines + r, least(HELD, count - r), whole, weights, sums + r);
  if (whole == n) return;
  struct tail tail;
  struct tail_sums tail_sums;
  const double *const *at = (const double *const *)pad_sums(&tail_sums, weights, SIGN_PARTS, whole, n);
  column_accumulate(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, at, sums);
}

INLINE void column_dots_lines(load_function *load, size_t bytes, const char *const *lines, int count,
                              size_t n, const double (*sums)[SIGN_PARTS], double *const *dots) {
  size_t whole = n - n % LANES;
  column_dots(load, bytes, lines, count, whole, sums, dots);
  if (whole == n) return;
  struct tail tail;
  struct tail_sums tail_sums;
  double *const *at = pad_sums(&tail_sums, (const double *const *)dots, SIGNS, whole, n);
  column_dots(load, bytes, pad_lines(&tail, lines, count, bytes, whole, n), count, LANES, sums, at);
  unpad_sums(&tail_sums, dots, SIGNS, whole, n);
}

/* A constant number of lines lets the compiler keep the running sums in registers. */
#define BY_COUNT(kernel, load, bytes, ...)                                                                   \
  switch (count) {                                                                                           \
  case 1:                                                                                                    \
    kernel(load, bytes, at, 1, n, __VA_ARGS__);                                                              \
    break;                                                                                                   \
  case 2:                                                                                                    \
    kernel(load, bytes, at, 2, n, __VA_ARGS__);                                                              \
    break;                                                                                                   \
  case 3:                                                                                                    \
    kernel(load, bytes, at, 3, n, __VA_ARGS__);                                                              \
    break;                                                                                                   \
  default:                                                                                                   \
    kernel(load, bytes, at, LINES, n, __VA_ARGS__);                                                          \
  }

#define LINE_KERNELS(dtype, bytes)                                                                           \
  static void row_norms_##dtype(const void *const *lines, int count, size_t n, struct norms *norms) {        \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(row_norms_lines, load_##dtype, bytes, norms)                                                    \
  }                                                                                                          \
  static void row_accumulate_##dtype(const void *const *lines, int count, size_t n,                          \
                                     const double(*weights)[SIGN_PARTS], double *const *sums) {              \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(row_accumulate_lines, load_##dtype, bytes, weights, sums)                                       \
  }                                                                                                          \
  static void row_dots_##dtype(const void *const *lines, int count, size_t n, const double *const *sums,     \
                               double(*dots)[SIGNS]) {                                                       \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(row_dots_lines, load_##dtype, bytes, sums, dots)                                                \
  }                                                                                                          \
  static void column_norms_##dtype(const void *const *lines, int count, size_t n, double *const *squares,    \
                                   int64_t *counts) {                                                        \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(column_norms_lines, load_##dtype, bytes, squares, counts)                                       \
  }                                                                                                          \
  static void column_accumulate_##dtype(const void *const *lines, int count, size_t n,                       \
                                        const double *const *weights, double(*sums)[SIGN_PARTS]) {           \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(column_accumulate_lines, load_##dtype, bytes, weights, sums)                                    \
  }                                                                                                          \
  static void column_dots_##dtype(const void *const *lines, int count, size_t n,                             \
                                  const double(*sums)[SIGN_PARTS], double *const *dots) {                    \
    const char *const *at = (const char *const *)lines;                                                      \
    BY_COUNT(column_dots_lines, load_##dtype, bytes, sums, dots)                                             \
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

INLINE void products_whole(const double *const *a, const double *const *b, size_t n, double *products) {
  for (int i = 0; i < LINES; i += HELD) {
    double lanes[HELD][LINES][LANES];
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      f64v sum[HELD][LINES] = {{{0}}};
      for (size_t k = (size_t)lane; k < n; k += LANES)
        for (int r = 0; r < HELD; r++)
          for (int j = 0; j < LINES; j++) sum[r][j] += load_f64(a[i + r] + k) * load_f64(b[j] + k);
      for (int r = 0; r < HELD; r++)
        for (int j = 0; j < LINES; j++) store_f64(&lanes[r][j][lane], sum[r][j]);
    }
    for (int r = 0; r < HELD; r++)
      for (int j = 0; j < LINES; j++) products[LINES * (i + r) + j] += add_lanes(lanes[r][j]);
  }
}

static void products(const double *const *a, const double *const *b, size_t n, double *sums) {
  size_t whole = n - n % LANES;
  memset(sums, 0, sizeof(double[LINES * LINES]));
  products_whole(a, b, whole, sums);
  if (whole == n) return;
  struct tail_sums a_tail, b_tail;
  products_whole((const double *const *)pad_sums(&a_tail, a, LINES, whole, n),
                 (const double *const *)pad_sums(&b_tail, b, LINES, whole, n), LANES, sums);
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
