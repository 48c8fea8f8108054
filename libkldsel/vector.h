/* SPDX-License-Identifier: BSD-3-Clause */
/* Vectors for the kernels, as wide as the level that is being built has them, and how weights get into them.
 * The eight lanes of the kernels are walked one vector's worth at a time. */
#ifndef KLDSEL_VECTOR_H
#define KLDSEL_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
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
typedef uint64_t u64v __attribute__((vector_size(VECTOR_BYTES)));
typedef float f32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef int32_t i32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint32_t u32v __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint16_t u16v __attribute__((vector_size(VECTOR_BYTES / 4)));

#ifdef KLDSEL_NO_INLINE
#define INLINE static inline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

INLINE double add_lanes(const double *v) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/* sums[i] = add_lanes(lanes[i]) for eight at a time. */
INLINE void add_eight_lanes(double (*lanes)[LANES], double *sums) {
#if defined(__AVX512F__)
  __m512d quarters[4], halves[2];
  for (size_t i = 0; i < 4; i++) {
    __m512d a = _mm512_loadu_pd(lanes[2 * i]), b = _mm512_loadu_pd(lanes[2 * i + 1]);
    quarters[i] = _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
  }
  const __m512i low = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0),
                high = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
  for (size_t i = 0; i < 2; i++)
    halves[i] = _mm512_add_pd(_mm512_permutex2var_pd(quarters[2 * i], low, quarters[2 * i + 1]),
                              _mm512_permutex2var_pd(quarters[2 * i], high, quarters[2 * i + 1]));
  _mm512_storeu_pd(sums, _mm512_add_pd(_mm512_shuffle_f64x2(halves[0], halves[1], 0x44),
                                       _mm512_shuffle_f64x2(halves[0], halves[1], 0xee)));
#else
  for (int i = 0; i < 8; i++) sums[i] = add_lanes(lanes[i]);
#endif
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

/* Narrow weights as singles. */
INLINE f32v read_f32(const void *at) {
  f32v v;
  memcpy(&v, at, sizeof v);
  return v;
}

INLINE f32v read_bf16(const void *at) {
#if defined(__AVX512F__)
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(at)); /* gcc 12 would do it in halves */
  return (f32v)_mm256_slli_epi32(wide, 16);
#else
  u16v half;
  memcpy(&half, at, sizeof half);
  return (f32v)(__builtin_convertvector(half, u32v) << 16);
#endif
}

INLINE f32v read_f16(const void *at) {
#if defined(__AVX512F__)
  return _mm256_cvtph_ps(_mm_loadu_si128(at));
#elif defined(__F16C__)
  return _mm_cvtph_ps(_mm_loadl_epi64(at));
#else
  u16v half;
  memcpy(&half, at, sizeof half);
  u32v wide = __builtin_convertvector(half, u32v);
  u32v magnitude = wide & 0x7fff, sign = (wide & 0x8000) << 16;
  /* The exponent moves to the single's bias; where all its bits are set they stay so. */
  u32v special = (u32v)(magnitude >= 0x7c00) & 0x38000000;
  u32v normal = (magnitude << 13) + 0x38000000 + special;
  /* A subnormal half is an integer times 2^-24, which is a normal single. */
  u32v subnormal = (u32v)(__builtin_convertvector((i32v)magnitude, f32v) * 0x1p-24f);
  u32v is_subnormal = (u32v)(magnitude < 0x0400);
  return (f32v)(sign | (subnormal & is_subnormal) | (normal & ~is_subnormal));
#endif
}

/* Weights as doubles. */
typedef f64v load_function(const void *at);

INLINE f64v load_f32(const void *at) {
  return widen(read_f32(at));
}

INLINE f64v load_bf16(const void *at) {
  return widen(read_bf16(at));
}

INLINE f64v load_f16(const void *at) {
  return widen(read_f16(at));
}

/* Brings what lies so many bytes ahead into the second-level cache; no address is too far. */
INLINE void prefetch(const void *at, size_t ahead) {
  /* Pointers must not leave their object, this may. */
  uintptr_t there = (uintptr_t)at + ahead;
  __builtin_prefetch((const void *)there, 0, 2); /* NOLINT(performance-no-int-to-ptr) */
}

/* At elements k to k + LANES of LINES lines, fetches their share of what lies ahead into the second-level
 * cache; no address is too far. */
INLINE void fetch(const void *ahead, int part, size_t k, size_t bytes) {
  size_t share = LINES * bytes / (size_t)part, at = k * share;
  for (size_t line = 0; line < share * LANES; line += 64) prefetch(ahead, at + line);
}

/* value in every lane */
INLINE f64v every(double value) {
  return value - (f64v){0};
}

INLINE f64v choose(i64v condition, f64v yes, f64v no) {
  return (f64v)(((i64v)yes & condition) | ((i64v)no & ~condition));
}

/* max(x, 0), which is +0 for -0 and for NaN. */
INLINE f64v positive_part(f64v x) {
#if defined(__AVX512F__)
  return _mm512_max_pd(x, (f64v){0}); /* of a NaN and a number the second */
#elif defined(__AVX2__)
  return _mm256_max_pd(x, (f64v){0});
#elif defined(__x86_64__)
  return _mm_max_pd(x, (f64v){0});
#else
  return (f64v)((i64v)x & (x > 0));
#endif
}

#endif
