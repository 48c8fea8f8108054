/* SPDX-License-Identifier: BSD-3-Clause */
#include "cosine.h"

#include <inttypes.h>
#include <math.h>

#include "blas.h"
#include "check.h"
#include "cpu.h"
#include "normalize.h"
#include "progress.h"

/* A tile of C stays in the caches between its product and its use. */
#define TILE_VALUES (1 << 18)

int64_t kldsel_cosine_tile_rows(int64_t columns) {
  int64_t rows = TILE_VALUES / columns;
  return rows > 0 ? rows : 1;
}

kldsel_status kldsel_unit_rows_create(const struct kldsel_tensor *tensor, int32_t part, int32_t granularity,
                                      const struct kernels *kernels, const struct allocator *allocator,
                                      const char *label, struct unit_rows *rows) {
  void *memory;
  TRY(kldsel_allocate(allocator, (size_t)(tensor->filters * tensor->elements), sizeof(double), label,
                      &memory));
  struct unit_rows made = {.allocator = *allocator,
                           .rows = memory,
                           .count = tensor->filters,
                           .elements = tensor->elements,
                           .slices = granularity == KLDSEL_GRANULARITY_KERNEL ? tensor->channels : 1};
  struct axes filter_axes = kldsel_axes_of(tensor, tensor->filter_axes);
  struct axes element_axes = kldsel_element_axes(tensor);
  for (int64_t i = 0; i < made.count; i++) {
    double *row = made.rows + i * made.elements;
    kldsel_gather_filter(tensor, &filter_axes, &element_axes, i, row);
    if (kernels->scan(row, (size_t)made.elements) == SCAN_NOT_FINITE) {
      kldsel_unit_rows_release(&made);
      (void)kldsel_tensor_require_finite(tensor, label); /* for its text */
      return KLDSEL_ERROR_NOT_FINITE;
    }
    for (int64_t k = 0; k < made.elements; k++)
      if ((part == KLDSEL_PART_POSITIVE && row[k] < 0) || (part == KLDSEL_PART_NEGATIVE && row[k] > 0))
        row[k] = 0.0;
    kldsel_normalize_slices(kernels, row, made.slices, made.elements);
  }
  *rows = made;
  return KLDSEL_OK;
}

void kldsel_unit_rows_release(struct unit_rows *rows) {
  kldsel_release(&rows->allocator, rows->rows);
}

static void finish_cosines(double *c, int64_t count, double slices) {
  for (int64_t i = 0; i < count; i++) c[i] = fmin(fmax(c[i] / slices, -1.0), 1.0);
}

kldsel_status kldsel_cosine_rows(const struct unit_rows *x, const struct unit_rows *y, int64_t first,
                                 int64_t rows, double *c) {
  TRY(kldsel_blas_products(rows, y->count, x->elements, x->rows + first * x->elements, y->rows, c, y->count));
  finish_cosines(c, rows * y->count, (double)x->slices);
  return KLDSEL_OK;
}

/* Rows of a symmetric matrix up to the diagonal, and the same as columns. */
static kldsel_status symmetric_rows(const struct unit_rows *x, int64_t first, int64_t rows, double *matrix) {
  int64_t columns = x->count;
  double *c = matrix + first * columns;
  const double *x_rows = x->rows + first * x->elements;
  if (first > 0) TRY(kldsel_blas_products(rows, first, x->elements, x_rows, x->rows, c, columns));
  TRY(kldsel_blas_gram(rows, x->elements, x_rows, c + first, columns));
  for (int64_t i = 0; i < rows; i++) {
    finish_cosines(c + i * columns, first + rows, (double)x->slices);
    for (int64_t j = 0; j < first; j++) matrix[j * columns + first + i] = c[i * columns + j];
  }
  return KLDSEL_OK;
}

static kldsel_status fill_matrix(const struct unit_rows *x, const struct unit_rows *y, int64_t first,
                                 int64_t rows, const struct kldsel_options *options, double *matrix) {
  struct progress progress;
  progress_begin(&progress, options, (uint64_t)(rows * y->count));
  int symmetric = x->rows == y->rows && rows == x->count;
  int64_t tile_rows = kldsel_cosine_tile_rows(y->count);
  for (int64_t i = 0; i < rows && !progress_cancelled(&progress); i += tile_rows) {
    int64_t count = i + tile_rows < rows ? tile_rows : rows - i;
    if (symmetric)
      TRY(symmetric_rows(x, i, count, matrix));
    else
      TRY(kldsel_cosine_rows(x, y, first + i, count, matrix + i * y->count));
    progress_add(&progress, (uint64_t)(count * y->count), 0);
  }
  progress_end(&progress);
  if (progress_cancelled(&progress))
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

kldsel_status kldsel_pairwise_cosine(const kldsel_tensor *x, const kldsel_tensor *y, int64_t first_row,
                                     int64_t rows, const kldsel_options *options, double *matrix,
                                     size_t count) {
  REQUIRE_NOT_NULL(x);
  REQUIRE_NOT_NULL(matrix);
  if (y == NULL) y = x;
  struct kldsel_options chosen = kldsel_options_or_default(options);
  int32_t granularity = kldsel_granularity_of(&chosen);
  TRY(check_operands(x, y, first_row, rows, granularity, count));
  const struct kernels *kernels;
  TRY(kldsel_cpu_kernels(chosen.cpu_level, &kernels));
  struct unit_rows x_rows, y_rows;
  TRY(kldsel_unit_rows_create(x, KLDSEL_PART_ALL, granularity, kernels, &chosen.allocator, "x", &x_rows));
  if (y == x) {
    kldsel_status status = fill_matrix(&x_rows, &x_rows, first_row, rows, &chosen, matrix);
    kldsel_unit_rows_release(&x_rows);
    return status;
  }
  kldsel_status status =
      kldsel_unit_rows_create(y, KLDSEL_PART_ALL, granularity, kernels, &chosen.allocator, "y", &y_rows);
  if (status == KLDSEL_OK) {
    status = fill_matrix(&x_rows, &y_rows, first_row, rows, &chosen, matrix);
    kldsel_unit_rows_release(&y_rows);
  }
  kldsel_unit_rows_release(&x_rows);
  return status;
}
