/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "cpu.h"
#include "kernels_convert.h"
#include "options.h"
#include "progress.h"
#include "threads.h"
#include "unit_rows.h"

/* Rows first .. first + rows of C, block by block; of a whole symmetric matrix only the blocks up to the
 * diagonal are multiplied, and written twice. */
struct matrix {
  const struct unit_rows *x, *y;
  int64_t first, rows;
  int symmetric;
  int64_t first_block, column_blocks;
  double *values;
  double *blocks; /* two for each thread */
  struct progress progress;
};

enum {
  BLOCKS_DOUBLES = 2 * BLOCK_DOUBLES
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t blocks_of(int64_t rows) {
  return (rows - 1) / PRODUCT_BLOCK + 1;
}

/* Where a task is in a triangle of rows of 1, 2, 3, ... blocks. Tasks are fewer than 2^47, as the matrix has
 * to fit in memory: the root is exact where a row begins, and below the next whole number by more than it
 * rounds by elsewhere. */
static void triangle_position(int64_t task, int64_t *row, int64_t *column) {
  int64_t r = (int64_t)((sqrt(8.0 * (double)task + 1.0) - 1.0) / 2.0);
  *row = r;
  *column = task - r * (r + 1) / 2;
}

static void mirror_in_place(double *block, int64_t rows) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = i + 1; j < rows; j++) block[i * PRODUCT_BLOCK + j] = block[j * PRODUCT_BLOCK + i];
}

static void fill_block(void *context, size_t task, int32_t worker) {
  struct matrix *matrix = context;
  if (progress_cancelled(&matrix->progress)) return;
  const struct unit_rows *x = matrix->x, *y = matrix->y;
  int64_t block_row = matrix->first_block + (int64_t)task / matrix->column_blocks;
  int64_t block_column = (int64_t)task % matrix->column_blocks;
  if (matrix->symmetric) triangle_position((int64_t)task, &block_row, &block_column);
  int64_t i = block_row * PRODUCT_BLOCK, j = block_column * PRODUCT_BLOCK;
  int64_t rows = smaller(PRODUCT_BLOCK, x->count - i), columns = smaller(PRODUCT_BLOCK, y->count - j);
  int triangle = matrix->symmetric && i == j;
  double *block = matrix->blocks + (int64_t)worker * BLOCKS_DOUBLES;
  kldsel_cosine_block(x, i, rows, y, j, columns, triangle, block);
  if (triangle) mirror_in_place(block, rows);

  /* The range may begin and end inside the block. */
  int64_t begin = matrix->first > i ? matrix->first - i : 0;
  int64_t end = smaller(rows, matrix->first + matrix->rows - i);
  for (int64_t r = begin; r < end; r++) {
    double *to = matrix->values + (i + r - matrix->first) * y->count + j;
    memcpy(to, block + r * PRODUCT_BLOCK, (size_t)columns * sizeof *to);
  }
  int mirrored = matrix->symmetric && i > j;
  if (mirrored) {
    /* By way of another block: columns of C may be a whole number of pages apart. */
    double *turned = block + BLOCK_DOUBLES;
    x->kernels->convert->transpose[KLDSEL_DTYPE_F64]((const unsigned char *)block,
                                                     PRODUCT_BLOCK * sizeof(double), 0, (size_t)rows,
                                                     (size_t)columns, turned, PRODUCT_BLOCK);
    for (int64_t c = 0; c < columns; c++)
      memcpy(matrix->values + (j + c) * y->count + i, turned + c * PRODUCT_BLOCK,
             (size_t)rows * sizeof *turned);
  }
  progress_add(&matrix->progress, (uint64_t)((end - begin) * columns * (mirrored ? 2 : 1)), worker);
}

static kldsel_status fill_matrix(struct matrix *matrix, const struct kldsel_options *options,
                                 struct team *team, double *values) {
  matrix->values = values;
  int64_t columns = matrix->y->count;
  matrix->symmetric = matrix->x == matrix->y && matrix->rows == matrix->x->count;
  matrix->first_block = matrix->first / PRODUCT_BLOCK;
  matrix->column_blocks = blocks_of(columns);
  int64_t row_blocks = blocks_of(matrix->first + matrix->rows) - matrix->first_block;
  size_t tasks =
      (size_t)(matrix->symmetric ? row_blocks * (row_blocks + 1) / 2 : row_blocks * matrix->column_blocks);
  int32_t threads = kldsel_team_threads(team);
  if ((size_t)threads > tasks) threads = (int32_t)tasks;
  void *blocks;
  TRY(kldsel_allocate(&options->allocator, (size_t)threads * BLOCKS_DOUBLES, sizeof(double),
                      "pairwise cosine", &blocks));
  matrix->blocks = blocks;
  progress_begin(&matrix->progress, options, (uint64_t)(matrix->rows * columns));
  kldsel_team_run(team, threads, tasks, fill_block, matrix);
  progress_end(&matrix->progress);
  kldsel_release(&options->allocator, blocks);
  if (progress_cancelled(&matrix->progress))
    return kldsel_fail(KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
  return KLDSEL_OK;
}

static kldsel_status check_operands(const kldsel_tensor *x, const kldsel_tensor *y, int64_t first_row,
                                    int64_t rows, int32_t granularity, size_t count) {
  if (y->elements != x->elements)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "y has filters of %" PRId64 " elements, x of %" PRId64,
                       y->elements, x->elements);
  if (granularity == KLDSEL_GRANULARITY_KERNEL && y->channels != x->channels)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "y has filters of %" PRId64 " channels, x of %" PRId64,
                       y->channels, x->channels);
  REQUIRE(first_row >= 0 && first_row < x->filters, "first_row is %" PRId64 "; must be 0 to %" PRId64,
          first_row, x->filters - 1);
  REQUIRE(rows > 0 && rows <= x->filters - first_row, "rows is %" PRId64 "; must be 1 to %" PRId64, rows,
          x->filters - first_row);
  size_t needed;
  if (__builtin_mul_overflow((size_t)rows, (size_t)y->filters, &needed))
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "rows is %" PRId64 ", times %" PRId64 " filters overflows",
                       rows, y->filters);
  if (count != needed)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "count is %zu; %" PRId64 " rows of %" PRId64 " need %zu", count,
                       rows, y->filters, needed);
  return KLDSEL_OK;
}

static kldsel_status compute(const kldsel_tensor *x, const kldsel_tensor *y, int64_t first_row, int64_t rows,
                             const struct kldsel_options *options, struct team *team, double *values) {
  const struct kernels *kernels;
  TRY(kldsel_cpu_kernels(options->cpu_level, &kernels));
  int32_t granularity = kldsel_granularity_of(options);
  struct unit_rows x_rows, y_rows;
  TRY(kldsel_unit_rows_create(x, KLDSEL_PART_ALL, granularity, kernels, team, &options->allocator, "x",
                              &x_rows));
  struct matrix matrix = {.x = &x_rows, .y = &x_rows, .first = first_row, .rows = rows};
  kldsel_status status = KLDSEL_OK;
  if (y != x) {
    status = kldsel_unit_rows_create(y, KLDSEL_PART_ALL, granularity, kernels, team, &options->allocator, "y",
                                     &y_rows);
    matrix.y = &y_rows;
  }
  if (status == KLDSEL_OK) {
    status = fill_matrix(&matrix, options, team, values);
    if (y != x) kldsel_unit_rows_release(&y_rows);
  }
  kldsel_unit_rows_release(&x_rows);
  return status;
}

kldsel_status kldsel_pairwise_cosine(const kldsel_tensor *x, const kldsel_tensor *y, int64_t first_row,
                                     int64_t rows, const kldsel_options *options, double *matrix,
                                     size_t count) {
  REQUIRE_NOT_NULL(x);
  REQUIRE_NOT_NULL(matrix);
  if (y == NULL) y = x;
  struct kldsel_options chosen = kldsel_options_or_default(options);
  TRY(check_operands(x, y, first_row, rows, kldsel_granularity_of(&chosen), count));
  struct team team;
  kldsel_team_begin(&team, kldsel_thread_count(chosen.threads));
  kldsel_status status = compute(x, y, first_row, rows, &chosen, &team, matrix);
  kldsel_team_end(&team);
  return status;
}
