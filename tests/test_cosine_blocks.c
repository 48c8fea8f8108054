/* SPDX-License-Identifier: BSD-3-Clause */
/* kldsel_pairwise_cosine() goes block by block: every range is whole, progress is told after each block, and
 * cancelled it writes nothing behind what was asked for. */
#include <math.h>

#include "support.h"

struct progress {
  size_t calls, cancel_at;
  uint64_t before, done, total; /* before: at the call before the last */
  bool backwards, total_changed;
};

static int32_t watch(void *user, uint64_t done, uint64_t total) {
  struct progress *seen = user;
  seen->calls++;
  seen->backwards = seen->backwards || done < seen->done || done > total;
  seen->total_changed = seen->total_changed || (seen->calls > 1 && total != seen->total);
  seen->before = seen->done;
  seen->done = done;
  seen->total = total;
  return seen->calls == seen->cancel_at;
}

enum {
  MANY = 300
};

/* Calls of one thread: a block each, of a whole matrix with itself only those up to the diagonal. */
static size_t calls_of(int64_t first, int64_t rows, int64_t block) {
  size_t across = (size_t)((MANY - 1) / block + 1);
  return rows == MANY ? across * (across + 1) / 2
                      : across * (size_t)((first + rows - 1) / block - first / block + 1);
}

/* Check's own assertions take longer than the cosines. */
static void check_cosine(const double *matrix, int64_t i, int64_t j, int64_t columns, double wanted) {
  if (!(fabs(matrix[i * columns + j] - wanted) <= 1e-12))
    ck_abort_msg("C[%d][%d] is %.17g, not %.17g", (int)i, (int)j, matrix[i * columns + j], wanted);
}

static void try_range(const kldsel_tensor *x, int64_t first, int64_t rows, int64_t block) {
  static double matrix[MANY * MANY];
  struct progress seen = {0};
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  poison(matrix, sizeof matrix);
  assert_ok(kldsel_pairwise_cosine(x, NULL, first, rows, test_options, matrix, (size_t)(rows * MANY)));
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < MANY; j++) check_cosine(matrix, i, j, MANY, cos((double)(first + i - j)));
  assert_poisoned(matrix + rows * MANY, sizeof matrix - (size_t)(rows * MANY) * sizeof *matrix);
  ck_assert(!seen.backwards && !seen.total_changed);
  ck_assert_uint_eq(seen.total, (uint64_t)(rows * MANY));
  ck_assert_uint_eq(seen.done, seen.total);
  ck_assert_uint_eq(seen.calls, calls_of(first, rows, block));
  /* All but the last block, of the last columns. */
  int64_t last_rows = (first + rows - 1) % block + 1, last_columns = (MANY - 1) % block + 1;
  if (last_rows > rows) last_rows = rows;
  ck_assert_uint_eq(seen.before, seen.total - (uint64_t)(last_rows * last_columns));
}

static int32_t stop_after_one_block(void *user, uint64_t done, uint64_t total) {
  *(uint64_t *)user = done;
  return done < total;
}

/* Ranges that begin and end inside blocks and between them, each told block by block: rows at angles, so C =
 * cos(i - j). */
START_TEST(ranges_of_many_blocks) {
  static double weights[MANY][2], matrix[MANY * MANY];
  for (int i = 0; i < MANY; i++) {
    weights[i][0] = (1 + i) * cos(i);
    weights[i][1] = (1 + i) * sin(i);
  }
  kldsel_tensor *x = matrix_view(weights[0], MANY, 2);
  set_int(KLDSEL_OPTION_THREADS, 1);
  uint64_t square = 0;
  assert_ok(kldsel_options_set_progress(test_options, stop_after_one_block, &square));
  assert_error(kldsel_pairwise_cosine(x, NULL, 0, MANY, test_options, matrix, MANY * MANY),
               KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
  int64_t block = (int64_t)sqrt((double)square);
  ck_assert_uint_eq((uint64_t)(block * block), square);
  ck_assert_int_lt(2 * block + 12, MANY);
  const int64_t ranges[][2] = {{0, MANY},
                               {0, block},
                               {1, MANY - 1},
                               {block - 1, 2},
                               {block, block},
                               {block + 1, 10},
                               {block + 4, MANY - block - 4},
                               {2 * block - 1, 1},
                               {2 * block, MANY - 2 * block},
                               {block + 34, 20},
                               {2 * block + 9, 3},
                               {MANY - 1, 1},
                               {0, 1}};
  for (size_t r = 0; r < COUNT(ranges); r++) try_range(x, ranges[r][0], ranges[r][1], block);
  kldsel_tensor_free(x);
}
END_TEST

/* Blocks that end where the rows and columns do are followed by none of nothing. */
START_TEST(whole_blocks) {
  enum {
    BLOCK = 96, /* as found above */
    ELEMENTS = 40
  };
  static double weights[2 * BLOCK][ELEMENTS], matrix[4 * BLOCK * BLOCK];
  for (int i = 0; i < 2 * BLOCK; i++) {
    weights[i][0] = cos(i);
    weights[i][1] = sin(i);
  }
  set_int(KLDSEL_OPTION_THREADS, 1);
  struct progress seen;
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  for (int64_t blocks = 1; blocks <= 2; blocks++) {
    int64_t filters = blocks * BLOCK;
    kldsel_tensor *x = matrix_view(weights[0], filters, ELEMENTS);
    for (int64_t first = 0; first <= 1; first++) {
      int64_t rows = filters - first;
      seen = (struct progress){0};
      assert_ok(kldsel_pairwise_cosine(x, NULL, first, rows, test_options, matrix, (size_t)(rows * filters)));
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < filters; j++)
          check_cosine(matrix, i, j, filters, cos((double)(first + i - j)));
      ck_assert_uint_eq(seen.calls, (size_t)(first == 0 ? blocks * (blocks + 1) / 2 : blocks * blocks));
    }
    kldsel_tensor_free(x);
  }
}
END_TEST

/* By kernel, a block's cosines are the mean of its slices': rows at angles i and 2 i. */
START_TEST(whole_blocks_by_kernel) {
  enum {
    FILTERS = 192
  };
  static double weights[FILTERS][2][2], matrix[FILTERS * FILTERS];
  for (int i = 0; i < FILTERS; i++)
    for (int channel = 0; channel < 2; channel++) {
      weights[i][channel][0] = cos((channel + 1) * i);
      weights[i][channel][1] = sin((channel + 1) * i);
    }
  kldsel_tensor *x = view(weights[0][0], 3, (const int64_t[]){FILTERS, 2, 2});
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  for (int64_t first = 0; first <= 1; first++) {
    int64_t rows = FILTERS - first;
    assert_ok(kldsel_pairwise_cosine(x, NULL, first, rows, test_options, matrix, (size_t)(rows * FILTERS)));
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < FILTERS; j++) {
        double angle = (double)(first + i - j);
        check_cosine(matrix, i, j, FILTERS, (cos(angle) + cos(2 * angle)) / 2);
      }
  }
  kldsel_tensor_free(x);
}
END_TEST

/* Each thread has scratch of its own; one block is nothing for a second one. */
START_TEST(one_block_takes_one_thread) {
  const double weights[] = {3, 4, 4, 3};
  kldsel_tensor *x = matrix_view(weights, 2, 2);
  size_t peaks[2];
  double matrix[4];
  for (int many = 0; many < 2; many++) {
    set_int(KLDSEL_OPTION_THREADS, many ? 16 : 1);
    atomic_store(&test_memory.peak, 0);
    assert_ok(kldsel_pairwise_cosine(x, NULL, 0, 2, test_options, matrix, 4));
    peaks[many] = atomic_load(&test_memory.peak);
  }
  ck_assert_uint_eq(peaks[0], peaks[1]);
  kldsel_tensor_free(x);
}
END_TEST

START_TEST(progress_and_cancel) {
  enum {
    ROWS = 300,
    COLUMNS = 4
  };
  static double weights[ROWS * COLUMNS], matrix[ROWS * ROWS + 1];
  for (int i = 0; i < ROWS * COLUMNS; i++) weights[i] = sin(i + 1.0);
  kldsel_tensor *x = matrix_view(weights, ROWS, COLUMNS);
  struct progress seen = {0};
  set_int(KLDSEL_OPTION_THREADS, 1); /* with more, how often it is told depends on timing */
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  assert_ok(kldsel_pairwise_cosine(x, NULL, 0, ROWS, test_options, matrix, ROWS * ROWS));
  ck_assert_uint_ge(seen.calls, 1);
  ck_assert(!seen.backwards && !seen.total_changed);
  ck_assert_uint_eq(seen.done, seen.total);
  size_t calls = seen.calls;
  for (size_t n = 1; n <= calls; n++) {
    seen = (struct progress){.cancel_at = n};
    poison(matrix, sizeof matrix);
    assert_error(kldsel_pairwise_cosine(x, NULL, 0, ROWS, test_options, matrix, ROWS * ROWS),
                 KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
    ck_assert_uint_eq(seen.calls, n);
    /* What was asked for may be partly written, but nothing behind it. */
    assert_poisoned(matrix + ROWS * ROWS, sizeof *matrix);
  }
  kldsel_tensor_free(x);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("cosine_blocks");
  TCase *tests = add_case(suite, "blocks");
  tcase_add_test(tests, ranges_of_many_blocks);
  tcase_add_test(tests, whole_blocks);
  tcase_add_test(tests, whole_blocks_by_kernel);
  tcase_add_test(tests, one_block_takes_one_thread);
  tcase_add_test(tests, progress_and_cancel);
  return suite;
}
