/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels over layers whose filters are contiguous: a line is a filter's elements. All take LINES lines of n
 * elements, a multiple of LANES. */
#ifndef KLDSEL_KERNELS_ROWS_H
#define KLDSEL_KERNELS_ROWS_H

#include "kernels.h"
#include "parts.h"

INLINE void row_norms(split_function *load, size_t bytes, const char *const *lines, const void *ahead,
                      size_t n, struct norms *norms) {
  double squares[LINES][2][LANES], sums[LINES][2];
  for (int first = 0; first < LINES; first += HELD) {
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      f64v positive_squares[HELD] = {{0}}, negative_squares[HELD] = {{0}};
      for (size_t k = (size_t)lane; k < n; k += LANES) {
        if (first == 0 && lane == 0) fetch(ahead, FETCH_HALF, k, bytes);
        for (int r = 0; r < HELD; r++) {
          add_squares(bytes, load(lines[first + r] + k * bytes), &positive_squares[r], &negative_squares[r]);
        }
      }
      for (int r = 0; r < HELD; r++) {
        store_f64(&squares[first + r][0][lane], positive_squares[r]);
        store_f64(&squares[first + r][1][lane], negative_squares[r]);
      }
    }
  }
  add_eight_lanes(squares[0], sums[0]);
  for (int r = 0; r < LINES; r++) {
    norms[r].positive_squares += sums[r][0];
    norms[r].negative_squares += sums[r][1];
  }
}

INLINE void row_accumulate(split_function *load, size_t bytes, int wanted, const char *const *lines,
                           const void *ahead, size_t n, const double (*weights)[SIGN_PARTS],
                           double *const *sums) {
  /* In registers: as far as the compiler knows, storing sums might change what lies in memory. */
  const char *line[LINES];
  f64v weight[LINES][SIGN_PARTS];
  double *to[SIGN_PARTS];
  for (int r = 0; r < LINES; r++) {
    line[r] = lines[r];
    for (int part = 0; part < SIGN_PARTS; part++) weight[r][part] = every(weights[r][part]);
  }
  for (int part = 0; part < SIGN_PARTS; part++) to[part] = sums[part];
  for (size_t k = 0; k < n; k += WIDTH) {
    f64v all = {0}, positive = {0}, negative = {0};
    if (k % LANES == 0) fetch(ahead, FETCH_HALF, k, bytes);
    for (int r = 0; r < LINES; r++) {
      struct parts part = load(line[r] + k * bytes);
      if (wanted & WANTED_ALL) all = fused(bytes, part.x, weight[r][ALL], all);
      if (wanted & WANTED_SPLIT)
        add_parts(bytes, part, weight[r][POSITIVE], weight[r][NEGATIVE], &positive, &negative);
    }
    if (wanted & WANTED_ALL) store_f64(to[ALL] + k, load_f64(to[ALL] + k) + all);
    if (wanted & WANTED_SPLIT) {
      store_f64(to[POSITIVE] + k, load_f64(to[POSITIVE] + k) + positive);
      store_f64(to[NEGATIVE] + k, load_f64(to[NEGATIVE] + k) + negative);
    }
  }
}

INLINE void row_dots(split_function *load, size_t bytes, int wanted, const char *const *lines,
                     const void *ahead, size_t n, const double *const *sums, double (*dots)[SIGNS]) {
  double lanes[LINES][SIGNS][LANES], line_dots[LINES][SIGNS];
  for (int first = 0; first < LINES; first += HELD) {
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      f64v dot[HELD][SIGNS] = {{{0}}};
      for (size_t k = (size_t)lane; k < n; k += LANES) {
        f64v all = load_f64(sums[ALL] + k), positive = load_f64(sums[POSITIVE] + k);
        f64v negative = load_f64(sums[NEGATIVE] + k);
        if (first == 0 && lane == 0) fetch(ahead, FETCH_ALL, k, bytes);
        for (int r = 0; r < HELD; r++) {
          struct parts part = load(lines[first + r] + k * bytes);
          if (wanted & WANTED_ALL) dot[r][ALL] = fused(bytes, part.x, all, dot[r][ALL]);
          if (wanted & WANTED_SPLIT) {
            add_parts(bytes, part, positive, negative, &dot[r][POSITIVE], &dot[r][NEGATIVE]);
            dot[r][POSITIVE_NEGATIVE] = add_positive(bytes, dot[r][POSITIVE_NEGATIVE], part, negative);
          }
        }
      }
      for (int r = 0; r < HELD; r++)
        for (int sign = 0; sign < SIGNS; sign++) store_f64(&lanes[first + r][sign][lane], dot[r][sign]);
    }
  }
  add_eight_lanes(lanes[0], line_dots[0]);
  add_eight_lanes(lanes[2], line_dots[2]);
  for (int r = 0; r < LINES; r++)
    for (int sign = 0; sign < SIGNS; sign++) dots[r][sign] += line_dots[r][sign];
}

#endif
