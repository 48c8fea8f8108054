/* SPDX-License-Identifier: BSD-3-Clause */
/* A weight's product is added with one rounding at every level: as by the C library's fma(), in the order
 * that kernels.h tells. */
#include <math.h>
#include <string.h>

#include "kernel_levels.h"
#include "layers.h"
#include "support.h"

enum {
  N = 67, /* with a tail */
  LANES = 8,
  ROUNDS = 200
};

/* Weights as the kernels read them, the same as doubles, and what they are multiplied with: by line, and
 * along the lines. */
static float narrow[LINES][N];
static double x[LINES][N], by_line[LINES][SIGN_PARTS], along[SIGN_PARTS][N];

/* Numbers of few bits, of whose products many lie half way between two doubles; of all bits; of many
 * magnitudes, though none whose products lose bits. */
static double draw(struct generator *g, int kind) {
  double value = next_gaussian(g);
  if (kind == 0) return rint(4 * value) * 0.125 * (1 + 0x1p-23 * (double)(next_bits(g) % 3));
  if (kind == 1) return value;
  return ldexp(value, (int)fmin(fmax(30 * next_gaussian(g), -60), 60));
}

static void draw_all(struct generator *g, int kind) {
  for (int r = 0; r < LINES; r++) {
    for (int k = 0; k < N; k++) narrow[r][k] = (float)draw(g, kind);
    for (int part = 0; part < SIGN_PARTS; part++) by_line[r][part] = draw(g, kind);
  }
  /* Sums that all but cancel. */
  for (int k = 0; k < N; k += 2) narrow[1][k] = -narrow[0][k];
  for (int part = 0; part < SIGN_PARTS; part++) {
    by_line[1][part] = by_line[0][part] * (1 + 0x1p-52);
    for (int k = 0; k < N; k++) along[part][k] = draw(g, kind);
  }
}

/* 9151209 x 4128299535390041 = 2^75 + 1 and 8430481 x 4481230888600207 = 2^75 - 1: half a unit in the last
 * place of 1, but for the last of the product's bits, which decides where 1, or the double after it, goes to.
 */
static void draw_halves(int round) {
  static const double weights[] = {9151209 * 0x1p-23, 8430481 * 0x1p-23};
  static const double factors[] = {4128299535390041 * 0x1p-105, 4481230888600207 * 0x1p-105};
  /* As they are, and where half a unit is more than 2, whose exponent has another first bit. */
  const double scale = round & 4 ? 0x1p60 : 1, half = scale * factors[round & 1];
  const double weight = weights[round & 1], sum = scale * (round & 2 ? 1 + 0x1p-52 : 1);
  memset(narrow, 0, sizeof narrow);
  for (int k = 0; k < N; k++) {
    narrow[0][k] = k & 1 ? -1 : 1;
    narrow[1][k] = (float)(k & 1 ? -weight : weight);
    for (int r = 2; r < LINES; r++) narrow[r][k] = (float)(k < LANES ? 1 : k < 2 * LANES ? weight : 0);
  }
  for (int part = 0; part < SIGN_PARTS; part++) {
    for (int r = 0; r < LINES; r++) by_line[r][part] = r == 0 ? sum : r == 1 ? half : 0;
    for (int k = 0; k < N; k++) along[part][k] = k < LANES ? sum : half;
  }
}

/* One step of a sum: x's part by the sign, times the factor of the sign's other part. */
static double add(int sign, double weight, const double *factors, double sum) {
  int part = x_part_of(sign);
  double of_part = part == ALL || (weight < 0) == (part == NEGATIVE) ? weight : 0;
  return fma(of_part, factors[y_part_of(sign)], sum);
}

/* The sum over the lines at element k, added to what was there. */
static double over_lines(int sign, int k, double before) {
  double sum = 0;
  for (int r = 0; r < LINES; r++) sum = add(sign, x[r][k], by_line[r], sum);
  return before + sum;
}

static double lanes_sum(const double *lanes) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static double over_lanes(int sign, int line, int begin, int end) {
  double lanes[LANES] = {0};
  for (int k = begin; k < end; k++) {
    const double factors[] = {along[ALL][k], along[POSITIVE][k], along[NEGATIVE][k]};
    lanes[k % LANES] = add(sign, x[line][k], factors, lanes[k % LANES]);
  }
  return lanes_sum(lanes);
}

/* The sum along a line: whole lanes, then the rest, each added to what was there. */
static double over_elements(int sign, int line, double before) {
  return before + over_lanes(sign, line, 0, N - N % LANES) + over_lanes(sign, line, N - N % LANES, N);
}

/* A sign part's squares over the lines at element k, added to what was there. */
static double squares_over_lines(int negative, int k, double before) {
  double sum = 0;
  for (int r = 0; r < LINES; r++)
    if ((x[r][k] < 0) == negative) sum = fma(x[r][k], x[r][k], sum);
  return before + sum;
}

static double squares_over_lanes(int negative, int line, int begin, int end) {
  double lanes[LANES] = {0};
  for (int k = begin; k < end; k++)
    if ((x[line][k] < 0) == negative) lanes[k % LANES] = fma(x[line][k], x[line][k], lanes[k % LANES]);
  return lanes_sum(lanes);
}

/* The same along a line. */
static double squares_over_elements(int negative, int line, double before) {
  return before + squares_over_lanes(negative, line, 0, N - N % LANES) +
         squares_over_lanes(negative, line, N - N % LANES, N);
}

static void assert_same(double got, double want, const char *what, int32_t level) {
  ck_assert_msg(got == want, "%s at level %d: got %a, expected %a", what, level, got, want);
}

static void check_kernels(const struct line_kernels *kernels, const void *const *lines, int32_t level) {
  const int wanted = WANTED_ALL | WANTED_SPLIT;
  double rows[SIGN_PARTS][N], columns[SIGNS][N], along_rows[LINES][SIGNS], along_columns[LINES][SIGN_PARTS];
  for (int k = 0; k < N; k++)
    for (int sign = 0; sign < SIGNS; sign++) columns[sign][k] = 0.1;
  memcpy(rows, columns, sizeof rows);
  for (int r = 0; r < LINES; r++)
    for (int sign = 0; sign < SIGNS; sign++) along_rows[r][sign] = 0.1;
  for (int r = 0; r < LINES; r++) memcpy(along_columns[r], along_rows[r], sizeof along_columns[r]);
  kernels->row_accumulate(wanted, lines, LINES, lines[0], N, (const double(*)[SIGN_PARTS])by_line,
                          (double *const[]){rows[0], rows[1], rows[2]});
  kernels->column_dots(wanted, lines, LINES, lines[0], N, (const double(*)[SIGN_PARTS])by_line,
                       (double *const[]){columns[0], columns[1], columns[2], columns[3]});
  const double *const factors[] = {along[0], along[1], along[2]};
  kernels->row_dots(wanted, lines, LINES, lines[0], N, factors, along_rows);
  kernels->column_accumulate(wanted, lines, LINES, lines[0], N, factors, along_columns);
  for (int sign = 0; sign < SIGNS; sign++) {
    for (int k = 0; k < N; k++) {
      double want = over_lines(sign, k, 0.1);
      if (sign < SIGN_PARTS) assert_same(rows[sign][k], want, "row_accumulate", level);
      assert_same(columns[sign][k], want, "column_dots", level);
    }
    for (int r = 0; r < LINES; r++) {
      double want = over_elements(sign, r, 0.1);
      assert_same(along_rows[r][sign], want, "row_dots", level);
      if (sign < SIGN_PARTS) assert_same(along_columns[r][sign], want, "column_accumulate", level);
    }
  }
}

static void check_norms(const struct line_kernels *kernels, const void *const *lines, int32_t level) {
  struct norms rows[LINES];
  double columns[2][N];
  for (int r = 0; r < LINES; r++) rows[r] = (struct norms){0.1, 0.1};
  for (int k = 0; k < N; k++) columns[0][k] = columns[1][k] = 0.1;
  kernels->row_norms(lines, LINES, lines[0], N, rows);
  kernels->column_norms(lines, LINES, lines[0], N, (double *const[]){columns[0], columns[1]});
  for (int negative = 0; negative < 2; negative++) {
    for (int k = 0; k < N; k++)
      assert_same(columns[negative][k], squares_over_lines(negative, k, 0.1), "column_norms", level);
    for (int r = 0; r < LINES; r++)
      assert_same(negative ? rows[r].negative_squares : rows[r].positive_squares,
                  squares_over_elements(negative, r, 0.1), "row_norms", level);
  }
}

static void check_level(const struct line_kernels *kernels, const void *const *lines, int32_t level) {
  check_kernels(kernels, lines, level);
  check_norms(kernels, lines, level);
}

START_TEST(products_are_rounded_once) {
  struct generator g = {241};
  for (int round = 0; round < (test_quick() ? ROUNDS / 4 : ROUNDS); round++) {
    if (round % 4 == 3)
      draw_halves(round / 4);
    else
      draw_all(&g, round % 4);
    for (int r = 0; r < LINES; r++)
      for (int k = 0; k < N; k++) x[r][k] = (double)narrow[r][k];
    for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++)
      check_level(&kernels_at(level)->f32, (const void *[]){narrow[0], narrow[1], narrow[2], narrow[3]},
                  level);
    for (int r = 0; r < LINES; r++)
      for (int k = 0; k < N && round % 4 != 3; k++) x[r][k] *= 1 + 0x1p-30 * next_uniform(&g);
    for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++)
      check_level(&kernels_at(level)->f64, (const void *[]){x[0], x[1], x[2], x[3]}, level);
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("kernels_lines");
  TCase *tests = add_case(suite, "lines");
  tcase_add_test(tests, products_are_rounded_once);
  return suite;
}
