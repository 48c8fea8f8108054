/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels over layers in which one element of all filters is contiguous: that is a line. All take LINES lines
 * of n elements, a multiple of LANES. */
#ifndef KLDSEL_KERNELS_COLUMNS_H
#define KLDSEL_KERNELS_COLUMNS_H

#include "kernels.h"
#include "parts.h"

INLINE void column_norms(split_function *load, size_t bytes, const char *const *lines, const void *ahead,
                         size_t n, double *const *squares) {
  for (size_t j = 0; j < n; j += WIDTH) {
    f64v positive = {0}, negative = {0};
    if (j % LANES == 0) fetch(ahead, FETCH_ALL, j, bytes);
    for (int r = 0; r < LINES; r++) {
      add_squares(bytes, load(lines[r] + j * bytes), &positive, &negative);
    }
    store_f64(squares[0] + j, load_f64(squares[0] + j) + positive);
    store_f64(squares[1] + j, load_f64(squares[1] + j) + negative);
  }
}

INLINE void column_accumulate(split_function *load, size_t bytes, int wanted, const char *const *lines,
                              const void *ahead, size_t n, const double *const *weights,
                              double (*sums)[SIGN_PARTS]) {
  double lanes[SIGN_PARTS][LINES][LANES], line_sums[SIGN_PARTS][LINES];
  for (int first = 0; first < LINES; first += HELD) {
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      f64v sum[HELD][SIGN_PARTS] = {{{0}}};
      for (size_t j = (size_t)lane; j < n; j += LANES) {
        f64v all = load_f64(weights[ALL] + j), positive = load_f64(weights[POSITIVE] + j);
        f64v negative = load_f64(weights[NEGATIVE] + j);
        if (first == 0 && lane == 0) fetch(ahead, FETCH_HALF, j, bytes);
        for (int r = 0; r < HELD; r++) {
          struct parts part = load(lines[first + r] + j * bytes);
          if (wanted & WANTED_ALL) sum[r][ALL] = fused(bytes, part.x, all, sum[r][ALL]);
          if (wanted & WANTED_SPLIT)
            add_parts(bytes, part, positive, negative, &sum[r][POSITIVE], &sum[r][NEGATIVE]);
        }
      }
      for (int r = 0; r < HELD; r++)
        for (int part = 0; part < SIGN_PARTS; part++) store_f64(&lanes[part][first + r][lane], sum[r][part]);
    }
  }
  if (wanted & WANTED_ALL)
    for (int r = 0; r < LINES; r++) line_sums[ALL][r] = add_lanes(lanes[ALL][r]);
  if (wanted & WANTED_SPLIT) add_eight_lanes(lanes[POSITIVE], line_sums[POSITIVE]);
  for (int r = 0; r < LINES; r++)
    for (int part = 0; part < SIGN_PARTS; part++)
      if (part == ALL ? wanted & WANTED_ALL : wanted & WANTED_SPLIT) sums[r][part] += line_sums[part][r];
}

INLINE void column_dots(split_function *load, size_t bytes, int wanted, const char *const *lines,
                        const void *ahead, size_t n, const double (*sums)[SIGN_PARTS], double *const *dots) {
  /* In registers: as far as the compiler knows, storing dots might change what lies in memory. */
  const char *line[LINES];
  f64v sum[LINES][SIGN_PARTS];
  double *to[SIGNS];
  for (int r = 0; r < LINES; r++) {
    line[r] = lines[r];
    for (int part = 0; part < SIGN_PARTS; part++) sum[r][part] = every(sums[r][part]);
  }
  for (int sign = 0; sign < SIGNS; sign++) to[sign] = dots[sign];
  for (size_t j = 0; j < n; j += WIDTH) {
    f64v dot[SIGNS] = {{0}};
    if (j % LANES == 0) fetch(ahead, FETCH_HALF, j, bytes);
    for (int r = 0; r < LINES; r++) {
      struct parts part = load(line[r] + j * bytes);
      if (wanted & WANTED_ALL) dot[ALL] = fused(bytes, part.x, sum[r][ALL], dot[ALL]);
      if (wanted & WANTED_SPLIT) {
        add_parts(bytes, part, sum[r][POSITIVE], sum[r][NEGATIVE], &dot[POSITIVE], &dot[NEGATIVE]);
        dot[POSITIVE_NEGATIVE] = add_positive(bytes, dot[POSITIVE_NEGATIVE], part, sum[r][NEGATIVE]);
      }
    }
    for (int sign = 0; sign < SIGNS; sign++)
      if (sign == ALL ? wanted & WANTED_ALL : wanted & WANTED_SPLIT)
        store_f64(to[sign] + j, load_f64(to[sign] + j) + dot[sign]);
  }
}

#endif
