/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level. */
#include "kernels_slices.h"

#include <math.h>

#include "parts.h"

INLINE double add_all(f64v v) {
  double lanes[LANES] = {0};
  store_f64(lanes, v);
  return add_lanes(lanes);
}

INLINE int64_t add_counts(i64v v) {
  int64_t sum = 0;
  for (int i = 0; i < WIDTH; i++) sum += v[i];
  return sum;
}

/* 1/|x| by lane from squares; 0 for 0. Both operations round correctly, so the bits are the same anywhere. */
INLINE f64v inverse_norms(f64v squares) {
  i64v not_zero = squares > 0;
  f64v safe = (f64v)(((i64v)squares & not_zero) | ((i64v)every(1.0) & ~not_zero));
#if defined(__AVX512F__)
  f64v root = _mm512_sqrt_pd(safe);
#elif defined(__AVX2__)
  f64v root = _mm256_sqrt_pd(safe);
#else
  f64v root = safe;
  for (int i = 0; i < WIDTH; i++) root[i] = sqrt(root[i]);
#endif
  return (f64v)((i64v)(1.0 / root) & not_zero);
}

static double weigh(const struct slice_block *block, double *weights, int64_t *counts) {
  size_t n = block->elements, lanes = block->lanes;
  i64v positives = {0}, negatives = {0};
  f64v total = {0};
  for (size_t i = 0; i < block->filters; i++) {
    const double *x = block->x + i * n * lanes;
    double *to = weights + i * SIGN_PARTS * lanes;
    for (size_t z = 0; z < lanes; z += WIDTH) {
      f64v positive = {0}, negative = {0};
      for (size_t e = 0; e < n; e++) {
        f64v value = load_f64(x + e * lanes + z);
        f64v high = positive_part(value), low = value - high;
        positive += high * high;
        negative += low * low;
        positives -= value > 0;
        negatives -= value < 0;
      }
      store_f64(to + ALL * lanes + z, inverse_norms(positive + negative));
      store_f64(to + POSITIVE * lanes + z, inverse_norms(positive));
      store_f64(to + NEGATIVE * lanes + z, inverse_norms(negative));
      total += negative;
    }
  }
  counts[0] += add_counts(positives);
  counts[1] += add_counts(negatives);
  return add_all(total);
}

static void count_not_zero(const double *weights, size_t lanes, double *not_zero) {
  for (int part = 0; part < SIGN_PARTS; part++) {
    i64v count = {0};
    for (size_t z = 0; z < lanes; z += WIDTH) count -= load_f64(weights + (size_t)part * lanes + z) > 0;
    not_zero[part] = (double)add_counts(count);
  }
}

INLINE void accumulate_filters(int wanted, const struct slice_block *block, size_t first, int count,
                               const double *weights, double *sums) {
  size_t n = block->elements, lanes = block->lanes, row = n * lanes;
  const double *x = block->x + first * row, *weight = weights + first * SIGN_PARTS * lanes;
  for (size_t z = 0; z < lanes; z += WIDTH)
    for (size_t e = 0; e < n; e++) {
      double *to = sums + e * lanes + z;
      f64v all = load_f64(to), positive = load_f64(to + row), negative = load_f64(to + 2 * row);
      for (int r = 0; r < count; r++) {
        const double *w = weight + (size_t)r * SIGN_PARTS * lanes + z;
        f64v value = load_f64(x + (size_t)r * row + e * lanes + z);
        struct parts part = split(value);
        if (wanted & WANTED_ALL) all += value * load_f64(w);
        if (wanted & WANTED_SPLIT)
          add_parts(sizeof(double), part, load_f64(w + lanes), load_f64(w + 2 * lanes), &positive, &negative);
      }
      if (wanted & WANTED_ALL) store_f64(to, all);
      if (wanted & WANTED_SPLIT) {
        store_f64(to + row, positive);
        store_f64(to + 2 * row, negative);
      }
    }
}

INLINE void accumulate_wanted(int wanted, const struct slice_block *block, const double *weights,
                              double *sums) {
  size_t i = 0;
  for (; i + LINES <= block->filters; i += LINES) accumulate_filters(wanted, block, i, LINES, weights, sums);
  for (; i < block->filters; i++) accumulate_filters(wanted, block, i, 1, weights, sums);
}

/* What one value adds to the dots, s being the sums for its element and lane, row apart by part. */
INLINE void add_dots(int wanted, f64v value, const double *s, size_t row, f64v *dot) {
  struct parts part = split(value);
  if (wanted & WANTED_ALL) dot[ALL] += value * load_f64(s);
  if (wanted & WANTED_SPLIT) {
    f64v negative = load_f64(s + 2 * row);
    add_parts(sizeof(double), part, load_f64(s + row), negative, &dot[POSITIVE], &dot[NEGATIVE]);
    dot[POSITIVE_NEGATIVE] = add_positive(sizeof(double), dot[POSITIVE_NEGATIVE], part, negative);
  }
}

INLINE int dot_wanted(int wanted, int sign) {
  return (wanted & (sign == ALL ? WANTED_ALL : WANTED_SPLIT)) != 0;
}

INLINE void dots_wanted(int wanted, const struct slice_block *block, const double *weights,
                        const double *sums, double (*to)[SIGNS]) {
  size_t n = block->elements, lanes = block->lanes, row = n * lanes;
  for (size_t i = 0; i < block->filters; i++) {
    const double *x = block->x + i * row, *weight = weights + i * SIGN_PARTS * lanes;
    double by_lane[SIGNS][LANES];
    for (size_t lane = 0; lane < LANES; lane += WIDTH) {
      f64v total[SIGNS] = {{0}};
      for (size_t z = lane; z < lanes; z += LANES) {
        f64v dot[SIGNS] = {{0}};
        for (size_t e = 0; e < n; e++)
          add_dots(wanted, load_f64(x + e * lanes + z), sums + e * lanes + z, row, dot);
        for (int sign = 0; sign < SIGNS; sign++)
          if (dot_wanted(wanted, sign))
            total[sign] += dot[sign] * load_f64(weight + (size_t)x_part_of(sign) * lanes + z);
      }
      for (int sign = 0; sign < SIGNS; sign++) store_f64(&by_lane[sign][lane], total[sign]);
    }
    for (int sign = 0; sign < SIGNS; sign++)
      to[i][sign] = dot_wanted(wanted, sign) ? add_lanes(by_lane[sign]) : 0.0;
  }
}

static double take_signs(const struct slice_block *block, double *x, double (*not_zero)[SIGN_PARTS]) {
  size_t lanes = block->lanes;
  i64v one = (i64v)every(1.0), minus_one = (i64v)every(-1.0);
  f64v finite = {0};
  for (size_t i = 0; i < block->filters; i++) {
    i64v positives = {0}, negatives = {0};
    for (size_t z = 0; z < lanes; z += WIDTH) {
      f64v value = load_f64(x + i * lanes + z);
      i64v positive = value > 0, negative = value < 0;
      finite += value * 0.0;
      positives -= positive;
      negatives -= negative;
      store_f64(x + i * lanes + z, (f64v)((one & positive) | (minus_one & negative)));
    }
    not_zero[i][POSITIVE] = (double)add_counts(positives);
    not_zero[i][NEGATIVE] = (double)add_counts(negatives);
    not_zero[i][ALL] = not_zero[i][POSITIVE] + not_zero[i][NEGATIVE];
  }
  return add_all(finite);
}

static void accumulate_signs(const struct slice_block *block, double *sums) {
  size_t lanes = block->lanes;
  for (size_t z = 0; z < lanes; z += WIDTH) {
    f64v positive = load_f64(sums + lanes + z), negative = load_f64(sums + 2 * lanes + z);
    for (size_t i = 0; i < block->filters; i++) {
      f64v value = load_f64(block->x + i * lanes + z), high = positive_part(value);
      positive += high;
      negative += value - high;
    }
    store_f64(sums + z, positive + negative);
    store_f64(sums + lanes + z, positive);
    store_f64(sums + 2 * lanes + z, negative);
  }
}

INLINE void dot_signs_wanted(int wanted, const struct slice_block *block, const double *sums,
                             double (*to)[SIGNS]) {
  size_t lanes = block->lanes;
  for (size_t i = 0; i < block->filters; i++) {
    const double *x = block->x + i * lanes;
    f64v dot[SIGNS] = {{0}};
    for (size_t z = 0; z < lanes; z += WIDTH) add_dots(wanted, load_f64(x + z), sums + z, lanes, dot);
    for (int sign = 0; sign < SIGNS; sign++)
      to[i][sign] = dot_wanted(wanted, sign) ? add_all(dot[sign]) : 0.0;
  }
}

/* A constant mask lets the compiler leave out what is not wanted. */
#define BY_WANTED(kernel, ...)                                                                               \
  do {                                                                                                       \
    if (wanted == WANTED_ALL)                                                                                \
      kernel(WANTED_ALL, __VA_ARGS__);                                                                       \
    else if (wanted == WANTED_SPLIT)                                                                         \
      kernel(WANTED_SPLIT, __VA_ARGS__);                                                                     \
    else                                                                                                     \
      kernel(WANTED_ALL | WANTED_SPLIT, __VA_ARGS__);                                                        \
  } while (0)

static void accumulate(int wanted, const struct slice_block *block, const double *weights, double *sums) {
  BY_WANTED(accumulate_wanted, block, weights, sums);
}

static void dots(int wanted, const struct slice_block *block, const double *weights, const double *sums,
                 double (*to)[SIGNS]) {
  BY_WANTED(dots_wanted, block, weights, sums, to);
}

static void dot_signs(int wanted, const struct slice_block *block, const double *sums, double (*to)[SIGNS]) {
  BY_WANTED(dot_signs_wanted, block, sums, to);
}

const struct slice_kernels AT_LEVEL(kldsel_slices) = {weigh,      count_not_zero,   accumulate, dots,
                                                      take_signs, accumulate_signs, dot_signs};
