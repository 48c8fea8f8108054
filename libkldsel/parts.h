/* SPDX-License-Identifier: BSD-3-Clause */
/* Weights told apart by sign, and what the kernels add up of them: products, with one rounding each. */
#ifndef KLDSEL_PARTS_H
#define KLDSEL_PARTS_H

#include "fused.h"
#include "vector.h"

/* What a zero of either sign adds does not change a sum that began at +0. */
#if defined(__AVX512F__)
/* With masks, of which each weight is in one, weights need not be taken apart. */
struct parts {
  f64v x;
  __mmask8 positive, negative;
};

INLINE struct parts split(f64v x) {
  __mmask8 negative = _mm512_movepi64_mask((__m512i)x);
  return (struct parts){x, _knot_mask8(negative), negative};
}

/* Of narrow vectors the mask costs half as much. */
INLINE struct parts split_narrow(f32v x) {
  __mmask8 negative = _mm256_movepi32_mask((__m256i)x);
  return (struct parts){widen(x), _knot_mask8(negative), negative};
}

/* sum + max(x, 0) * factor */
INLINE f64v add_positive(size_t bytes, f64v sum, struct parts part, f64v factor) {
  (void)bytes;
  return _mm512_mask3_fmadd_pd(part.x, factor, sum, part.positive);
}

/* sum + min(x, 0) * factor */
INLINE f64v add_negative(size_t bytes, f64v sum, struct parts part, f64v factor) {
  (void)bytes;
  return _mm512_mask3_fmadd_pd(part.x, factor, sum, part.negative);
}

/* Both at once, each with its own factor. */
INLINE void add_parts(size_t bytes, struct parts part, f64v positive_factor, f64v negative_factor,
                      f64v *positive_sum, f64v *negative_sum) {
  *positive_sum = add_positive(bytes, *positive_sum, part, positive_factor);
  *negative_sum = add_negative(bytes, *negative_sum, part, negative_factor);
}

/* Adds the squares of the sign parts. A NaN or an infinity makes one of the sums so. */
INLINE void add_squares(size_t bytes, struct parts part, f64v *positive_sum, f64v *negative_sum) {
  add_parts(bytes, part, part.x, part.x, positive_sum, negative_sum);
}
#else
struct parts {
  f64v x, positive, negative;
};

INLINE struct parts split(f64v x) {
  f64v positive = positive_part(x);
  return (struct parts){x, positive, x - positive};
}

INLINE struct parts split_narrow(f32v x) {
  return split(widen(x));
}

INLINE f64v add_positive(size_t bytes, f64v sum, struct parts part, f64v factor) {
  return fused(bytes, part.positive, factor, sum);
}

INLINE f64v add_negative(size_t bytes, f64v sum, struct parts part, f64v factor) {
  return fused(bytes, part.negative, factor, sum);
}

INLINE void add_parts(size_t bytes, struct parts part, f64v positive_factor, f64v negative_factor,
                      f64v *positive_sum, f64v *negative_sum) {
#if defined(KLDSEL_FUSED_IN_SOFTWARE)
  /* A weight is in one part only: one operation, which costs much here, does for both. */
  i64v negative = part.x < 0;
  f64v sum = fused(bytes, part.x, choose(negative, negative_factor, positive_factor),
                   choose(negative, *negative_sum, *positive_sum));
  *positive_sum = choose(negative, *positive_sum, sum);
  *negative_sum = choose(negative, sum, *negative_sum);
#else
  *positive_sum = add_positive(bytes, *positive_sum, part, positive_factor);
  *negative_sum = add_negative(bytes, *negative_sum, part, negative_factor);
#endif
}

INLINE void add_squares(size_t bytes, struct parts part, f64v *positive_sum, f64v *negative_sum) {
#if defined(KLDSEL_FUSED_IN_SOFTWARE)
  if (bytes < sizeof(double)) { /* squares of narrow weights are exact: rounding them first changes nothing */
    *positive_sum += part.positive * part.positive;
    *negative_sum += part.negative * part.negative;
    return;
  }
#endif
  add_parts(bytes, part, part.x, part.x, positive_sum, negative_sum);
}
#endif

/* Weights as they lie in memory, told apart by sign. */
typedef struct parts split_function(const void *at);

INLINE struct parts split_f64(const void *at) {
  return split(load_f64(at));
}

INLINE struct parts split_f32(const void *at) {
  return split_narrow(read_f32(at));
}

INLINE struct parts split_bf16(const void *at) {
  return split_narrow(read_bf16(at));
}

INLINE struct parts split_f16(const void *at) {
  return split_narrow(read_f16(at));
}

#endif
