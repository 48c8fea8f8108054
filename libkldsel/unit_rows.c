/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit_rows.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "blas.h"
#include "check.h"
#include "cpu.h"
#include "kernels_convert.h"
#include "normalize.h"
#include "threads.h"

enum {
  GROUP = 8,        /* rows that are normalised before they go to their panel */
  ALIGNMENT = 64,   /* of panels in bytes: a vector of any level does not cross a cache line */
  LONGEST_RUN = 512 /* of k: a block of each operand stays in the second-level cache */
};

struct making {
  const struct kldsel_tensor *tensor;
  int32_t part;
  struct axes filter_axes, element_axes;
  struct unit_rows *made;
  double *buffers; /* [threads][GROUP][elements], for panels */
  atomic_int not_finite;
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void make_row(struct making *making, int64_t i, double *row) {
  const struct unit_rows *made = making->made;
  const struct kernels *kernels = made->kernels;
  kldsel_gather_filter(kernels->convert, making->tensor, &making->filter_axes, &making->element_axes, i, row);
  int found = kernels->scan(row, (size_t)made->elements);
  if (found == SCAN_NOT_FINITE) {
    atomic_store_explicit(&making->not_finite, 1, memory_order_relaxed);
    return;
  }
  kernels->products->take_part(row, (size_t)made->elements, making->part);
  kldsel_normalize_slices(kernels, row, made->slices, made->elements, found);
}

/* Rows group * GROUP on, into their place. */
static void make_group(void *context, size_t group, int32_t worker) {
  struct making *making = context;
  const struct unit_rows *made = making->made;
  int64_t first = (int64_t)group * GROUP, rows = smaller(GROUP, made->count - first), k = made->elements;
  double *buffer = made->panel > 0 ? making->buffers + (int64_t)worker * GROUP * k : made->rows + first * k;
  for (int64_t r = 0; r < rows; r++) make_row(making, first + r, buffer + r * k);
  int64_t panel = (int64_t)made->panel;
  /* A group may begin and end inside a panel. */
  for (int64_t r = 0; r < rows && panel > 0;) {
    int64_t in_panel = (first + r) % panel, count = smaller(panel - in_panel, rows - r);
    double *to = made->rows + (first + r - in_panel) * k + in_panel;
    made->kernels->convert->transpose[KLDSEL_DTYPE_F64]((const unsigned char *)(buffer + r * k),
                                                        k * (int64_t)sizeof(double), 0, (size_t)count,
                                                        (size_t)k, to, made->panel);
    r += count;
  }
}

/* Zeros in the last panel past the last row. */
static void clear_rest(const struct unit_rows *made) {
  int64_t panel = (int64_t)made->panel, rest = made->count % panel;
  if (rest == 0) return;
  double *last = made->rows + (made->count - rest) * made->elements;
  for (int64_t k = 0; k < made->elements; k++)
    memset(last + k * panel + rest, 0, (size_t)(panel - rest) * sizeof *last);
}

static kldsel_status allocate_rows(struct unit_rows *made, const char *label) {
  int64_t panel = made->panel > 0 ? (int64_t)made->panel : 1,
          rows = (made->count + panel - 1) / panel * panel;
  int64_t doubles;
  if (__builtin_mul_overflow(rows, made->elements, &doubles) ||
      doubles > (PTRDIFF_MAX - ALIGNMENT) / (int64_t)sizeof(double))
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                       "%s: %" PRId64 " elements of %zu bytes are more than can be addressed", label,
                       made->count * made->elements, sizeof(double));
  TRY(kldsel_allocate(&made->allocator, (uint64_t)doubles + ALIGNMENT / sizeof(double), sizeof(double), label,
                      &made->memory));
  made->rows = (double *)made->memory;
  while ((uintptr_t)made->rows % ALIGNMENT != 0) made->rows++;
  return KLDSEL_OK;
}

kldsel_status kldsel_unit_rows_create(const struct kldsel_tensor *tensor, int32_t part, int32_t granularity,
                                      const struct kernels *kernels, struct team *team,
                                      const struct allocator *allocator, const char *label,
                                      struct unit_rows *rows) {
  struct unit_rows made = {.allocator = *allocator,
                           .kernels = kernels,
                           .blas = kldsel_blas_for(kernels),
                           .panel = kernels->products->panel,
                           .count = tensor->filters,
                           .elements = tensor->elements,
                           .slices = granularity == KLDSEL_GRANULARITY_KERNEL ? tensor->channels : 1};
  if (made.blas != NULL) {
    TRY(made.blas->check(made.count > made.elements ? made.count : made.elements));
    made.panel = 0;
  }
  size_t groups = (size_t)((made.count - 1) / GROUP + 1);
  int32_t threads = kldsel_team_threads(team);
  if ((size_t)threads > groups) threads = (int32_t)groups;
  TRY(allocate_rows(&made, label));
  struct making making = {.tensor = tensor,
                          .part = part,
                          .filter_axes = kldsel_axes_of(tensor, tensor->filter_axes),
                          .element_axes = kldsel_element_axes(tensor),
                          .made = &made};
  void *buffers = NULL;
  if (made.panel > 0) {
    kldsel_status status = kldsel_allocate(allocator, (size_t)threads * GROUP * (size_t)made.elements,
                                           sizeof(double), label, &buffers);
    if (status != KLDSEL_OK) {
      kldsel_unit_rows_release(&made);
      return status;
    }
    making.buffers = buffers;
    clear_rest(&made);
  }
  atomic_init(&making.not_finite, 0);
  kldsel_team_run(team, threads, groups, make_group, &making);
  kldsel_release(allocator, buffers);
  if (atomic_load(&making.not_finite)) {
    kldsel_unit_rows_release(&made);
    return kldsel_tensor_not_finite(tensor, label);
  }
  *rows = made;
  return KLDSEL_OK;
}

void kldsel_unit_rows_release(struct unit_rows *rows) {
  kldsel_release(&rows->allocator, rows->memory);
}

void kldsel_cosine_block(const struct unit_rows *x, int64_t i, int64_t rows, const struct unit_rows *y,
                         int64_t j, int64_t columns, int triangle, double *c) {
  int64_t elements = x->elements;
  const double *a = x->rows + i * elements, *b = y->rows + j * elements;
  const struct product_kernels *products = x->kernels->products;
  if (x->blas != NULL) {
    x->blas->products(rows, columns, elements, a, b, c, PRODUCT_BLOCK);
  } else {
    int64_t panel = (int64_t)x->panel, runs = (elements - 1) / LONGEST_RUN + 1,
            run = (elements - 1) / runs + 1;
    int64_t a_panels = (rows - 1) / panel + 1, b_panels = (columns - 1) / panel + 1;
    for (int64_t k = 0; k < elements; k += run)
      products->block(a + k * panel, b + k * panel, (size_t)(panel * elements),
                      (size_t)smaller(run, elements - k), (size_t)a_panels, (size_t)b_panels, triangle, k > 0,
                      c);
  }
  for (int64_t r = 0; r < rows; r++)
    products->finish(c + r * PRODUCT_BLOCK, (size_t)(triangle ? r + 1 : columns), (double)x->slices);
}
