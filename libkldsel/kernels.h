/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over weights, one table of them per CPU level, all built from kernels.c.
 *
 * Order of summation: eight lanes of double, element k in lane k mod 8, each lane in order, the lanes then
 * added as ((0+1)+(2+3))+((4+5)+(6+7)); what is left past the last whole eight, padded with zeros, is a sum
 * of its own. A weight's products are added with one rounding, by a fused operation or what gives the same
 * bits (fused.h); elsewhere nothing is fused. So every level gives the same bits.
 *
 * A line is a run of contiguous elements of one dtype: a filter's elements where rows are contiguous, one
 * element of all filters where columns are. Lines come LINES at a time, zeros for those that are missing. */
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

/* Kernels fetch what will be read next into the second-level cache: while they read LINES lines, as many
 * bytes, or half as many where another kernel fetches the rest. */
enum {
  FETCH_ALL = 1,
  FETCH_HALF = 2
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

/* The range of a sign's similarities; rounding may leave it by a unit in the last place. */
static inline double lowest_similarity(int sign) {
  return sign == ALL || sign == POSITIVE_NEGATIVE ? -1.0 : 0.0;
}

static inline double highest_similarity(int sign) {
  return sign == POSITIVE_NEGATIVE ? 0.0 : 1.0;
}

static inline double clamp_similarity(int sign, double value) {
  double lowest = lowest_similarity(sign), highest = highest_similarity(sign);
  return value < lowest ? lowest : value > highest ? highest : value;
}

/* Which of them are wanted: sign all, and those that split the weights by sign. */
enum {
  WANTED_ALL = 1,
  WANTED_SPLIT = 2
};

/* Sums over one line or filter: the squares of its sign parts. A weight that is NaN or infinite makes one of
 * them so, which one differs by level. */
struct norms {
  double positive_squares;
  double negative_squares;
};

/* The kernels of one dtype, over count lines of n elements, count being a multiple of LINES; ahead is where
 * they fetch from: row_dots and column_norms FETCH_ALL, the others FETCH_HALF. */
struct line_kernels {
  /* norms[line] += those of n elements. */
  void (*row_norms)(const void *const *lines, size_t count, const void *ahead, size_t n, struct norms *norms);
  /* sums[part][k] += sum over lines of weights[line][part] * part(line[k]). */
  void (*row_accumulate)(int wanted, const void *const *lines, size_t count, const void *ahead, size_t n,
                         const double (*weights)[SIGN_PARTS], double *const *sums);
  /* dots[line][sign] += <x part of the line, sums of the y part>. */
  void (*row_dots)(int wanted, const void *const *lines, size_t count, const void *ahead, size_t n,
                   const double *const *sums, double (*dots)[SIGNS]);
  /* positive_squares[j], negative_squares[j] += over lines. */
  void (*column_norms)(const void *const *lines, size_t count, const void *ahead, size_t n,
                       double *const *squares);
  /* sums[line][part] += sum over j of weights[part][j] * part(line[j]). */
  void (*column_accumulate)(int wanted, const void *const *lines, size_t count, const void *ahead, size_t n,
                            const double *const *weights, double (*sums)[SIGN_PARTS]);
  /* dots[sign][j] += sum over lines of x part of line[j] * sums[line][y part]. */
  void (*column_dots)(int wanted, const void *const *lines, size_t count, const void *ahead, size_t n,
                      const double (*sums)[SIGN_PARTS], double *const *dots);
  /* counts[0], counts[1] += positive and negative ones of n <= TILE elements of one line. */
  void (*count_signs)(const void *line, size_t n, int64_t *counts);
};

/* What a run of doubles holds; the highest applies. */
enum {
  SCAN_ORDINARY,
  SCAN_EXTREME,
  SCAN_NOT_FINITE
};

/* The tables of the other kernel files. */
struct convert_kernels;
struct exponential_kernels;
struct product_kernels;
struct slice_kernels;

struct kernels {
  struct line_kernels f64, f32, f16, bf16;
  double (*dot)(const double *a, const double *b, size_t n);
  /* to[i] += from[i] */
  void (*add)(double *to, const double *from, size_t n);
  /* values[i] = 1/sqrt(values[i]); 0 where that is 0. */
  void (*inverse_roots)(double *values, size_t n);
  /* values[i], <x_i, s> so far, becomes clamp_similarity() of (weights[i] values[i] - C_ii) / (filters - 1);
   * C_ii is 1 where the weight is not 0, but 0 by positive-negative. */
  void (*similarities)(int sign, const double *weights, size_t n, int64_t filters, double *values);
  /* SCAN_EXTREME: a magnitude below 2^-200 or from 2^200. Its square might be lost, or bits of its products
   * with unit weights, which fused.h wants whole. */
  int (*scan)(const void *values, size_t n);
  const struct convert_kernels *convert;
  const struct exponential_kernels *exponentials;
  const struct product_kernels *products;
  const struct slice_kernels *slices;
};

/* A kernel file is built once per CPU level; its table's name ends in the level's. */
#ifdef KLDSEL_LEVEL
#define AT_LEVEL(name) AT_LEVEL_OF(name, KLDSEL_LEVEL)
#define AT_LEVEL_OF(name, level) PASTE_LEVEL(name, level)
#define PASTE_LEVEL(name, level) name##_##level
extern const struct convert_kernels AT_LEVEL(kldsel_convert);
extern const struct exponential_kernels AT_LEVEL(kldsel_exponentials);
extern const struct product_kernels AT_LEVEL(kldsel_products);
extern const struct slice_kernels AT_LEVEL(kldsel_slices);
#endif

extern const struct kernels kldsel_kernels_baseline;
#ifdef KLDSEL_HAVE_X86_LEVELS
extern const struct kernels kldsel_kernels_avx2;
extern const struct kernels kldsel_kernels_avx512;
#endif

/* The kernels of a dtype that has them (the quantised ones are converted first). */
const struct line_kernels *kldsel_line_kernels(const struct kernels *kernels, int32_t dtype);

#endif
