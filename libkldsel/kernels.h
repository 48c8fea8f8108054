/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over weights, one table of them per CPU level, all built from kernels.c.
 *
 * Order of summation: eight lanes of double, element k in lane k mod 8, each lane in order, the lanes then
 * added as
 * ((0+1)+(2+3))+((4+5)+(6+7)). No fused multiply-add. Elements past the end count as 0. So every level gives
 * the same bits.
 *
 * A line is a run of contiguous elements of one dtype: a filter's elements where rows are contiguous, one
 * element of all filters where columns are. Lines come LINES at a time, the last ones fewer. */
#ifndef KLDSEL_KERNELS_H
#define KLDSEL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
  LINES = 4
};

/* Longest run for one call: its running sums stay in the first-level cache. */
enum {
  TILE = 1024
};

/* What the profile tells apart, in all that comes in threes or fours. */
enum {
  ALL,
  POSITIVE,
  NEGATIVE,
  SIGN_PARTS,
  POSITIVE_NEGATIVE = SIGN_PARTS,
  SIGNS
};

/* The sign parts that a sign compares. */
static inline int x_part_of(int sign) {
  return sign == POSITIVE_NEGATIVE ? POSITIVE : sign;
}

static inline int y_part_of(int sign) {
  return sign == POSITIVE_NEGATIVE ? NEGATIVE : sign;
}

/* Sums over one line or filter: the squares of its sign parts, and how many weights have the sign. A weight
 * that is NaN or infinite makes negative_squares NaN or infinite. */
struct norms {
  double positive_squares;
  double negative_squares;
  int64_t positive_count;
  int64_t negative_count;
};

/* The kernels of one dtype. */
struct line_kernels {
  /* norms[line] += those of n elements. */
  void (*row_norms)(const void *const *lines, int count, size_t n, struct norms *norms);
  /* sums[part][k] += sum over lines of weights[line][part] * part(line[k]). */
  void (*row_accumulate)(const void *const *lines, int count, size_t n, const double (*weights)[SIGN_PARTS],
                         double *const *sums);
  /* dots[line][sign] += <x part of the line, sums of the y part>. */
  void (*row_dots)(const void *const *lines, int count, size_t n, const double *const *sums,
                   double (*dots)[SIGNS]);
  /* positive_squares[j], negative_squares[j] += over lines; counts[0], counts[1] += positive, negative ones.
   */
  void (*column_norms)(const void *const *lines, int count, size_t n, double *const *squares,
                       int64_t *counts);
  /* sums[line][part] += sum over j of weights[part][j] * part(line[j]). */
  void (*column_accumulate)(const void *const *lines, int count, size_t n, const double *const *weights,
                            double (*sums)[SIGN_PARTS]);
  /* dots[sign][j] += sum over lines of x part of line[j] * sums[line][y part]. */
  void (*column_dots)(const void *const *lines, int count, size_t n, const double (*sums)[SIGN_PARTS],
                      double *const *dots);
};

/* What a run of doubles holds; the highest applies. */
enum {
  SCAN_ORDINARY,
  SCAN_EXTREME,
  SCAN_NOT_FINITE
};

struct kernels {
  struct line_kernels f64, f32, f16, bf16;
  double (*dot)(const double *a, const double *b, size_t n);
  /* products[4 * i + j] = <a[i], b[j]>, four by four; sums run over all of n. */
  void (*products)(const double *const *a, const double *const *b, size_t n, double *products);
  /* SCAN_EXTREME: a magnitude below 2^-450 or from 2^450, whose square might be lost. */
  int (*scan)(const void *values, size_t n);
};

extern const struct kernels kldsel_kernels_baseline;
#ifdef KLDSEL_HAVE_X86_LEVELS
extern const struct kernels kldsel_kernels_avx2;
extern const struct kernels kldsel_kernels_avx512;
#endif

/* The kernels of a dtype that has them (the quantised ones are converted first). */
const struct line_kernels *kldsel_line_kernels(const struct kernels *kernels, int32_t dtype);

#endif
