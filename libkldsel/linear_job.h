/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the linear path share: one layer, its passes and its scratch. */
#ifndef KLDSEL_LINEAR_JOB_H
#define KLDSEL_LINEAR_JOB_H

#include <math.h>

#include "kernels.h"
#include "linear.h"
#include "threads.h"

/* How a layer is walked. Rows: a line is a filter's elements. Columns: a line is one element of all filters.
 * Slices: rows, each slice normalised explicitly, for granularity kernel and for magnitudes whose squares do
 * not fit. */
enum walk_kind {
  WALK_ROWS,
  WALK_COLUMNS,
  WALK_SLICES
};

struct job {
  const struct kldsel_tensor *tensor;
  const struct kernels *kernels;
  const struct line_kernels *line_kernels;
  struct progress *progress;
  struct similarity *similarity;
  int32_t threads;
  int32_t worker;
  enum walk_kind walk;
  int gathered; /* lines are converted to doubles first */
  int again;    /* the first pass was made before, by another walk */
  struct axes filter_axes;
  struct axes element_axes;
  int64_t filters, elements, slices;
  /* The lines of a chunk are summed on their own, the chunks in order. */
  int64_t lines, chunk_lines;
  size_t chunks;
  struct turns turns;

  /* Scratch; "slot" is one piece for each thread. */
  double *weights;      /* 1/|x_i|, 0 for a zero row: rows [M][3], columns [3][M] */
  double *diagonal;     /* slices: C_ii by part [M][3] */
  double *totals;       /* rows, slices: s by part [3][K]; columns: squares [2][M] */
  double *slot_sums;    /* as totals, or for the second pass over columns [4][M] */
  double *slot_lines;   /* gathered lines; for slices the row's parts [3][K] */
  int64_t *slot_counts; /* positive, negative */
  int *slot_found;      /* highest scan result */
  int64_t slot_sums_size, slot_lines_size;
  double mean_dots[SIGNS]; /* <s_x, s_y> */
};

static inline int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The slot of a worker: in a job that runs on one thread there is one slot, whatever the worker's number. */
static inline int32_t slot_of(const struct job *job, int32_t task_worker) {
  return job->threads > 1 ? task_worker : 0;
}

static inline int32_t worker_of(const struct job *job, int32_t task_worker) {
  return job->threads > 1 ? task_worker : job->worker;
}

/* Where lines go on at element k. */
static inline void advance_lines(const void *const *lines, int count, int64_t k, size_t bytes,
                                 const void **at) {
  for (int r = 0; r < count; r++) at[r] = (const char *)lines[r] + (size_t)k * bytes;
}

/* Bytes per element of what kldsel_fetch_lines points at. */
size_t kldsel_line_element_bytes(const struct job *job);

/* Pointers to lines first .. first + count, converted to doubles in the slot where they have to be; notes
 * what a scan of doubles finds. */
void kldsel_fetch_lines(const struct job *job, int64_t first, int count, int32_t slot, const void **lines);

/* Raises what was found in a slot. */
static inline void note_found(const struct job *job, int32_t slot, int found) {
  if (found > job->slot_found[slot]) job->slot_found[slot] = found;
}

/* A slot's counts of positive and negative weights. */
static inline int64_t *counts_of(const struct job *job, int32_t slot) {
  return job->slot_counts + 2 * (ptrdiff_t)slot;
}

/* The squares of doubles are scanned for before they are taken, so theirs overflow; those of narrower types
 * fit, so theirs come of weights that are not finite. */
static inline int scanned(const struct job *job) {
  return job->tensor->dtype == KLDSEL_DTYPE_F64 || job->tensor->scale_count > 0;
}

static inline void check_squares(const struct job *job, int32_t slot, double squares) {
  if (!scanned(job) && !isfinite(squares)) note_found(job, slot, SCAN_NOT_FINITE);
}

/* 1/|x| from squares; 0 for 0. */
static inline double inverse_norm(double squares) {
  return squares > 0 ? 1.0 / sqrt(squares) : 0.0;
}

/* A similarity in the range that its sign has; rounding may leave it by a unit in the last place. */
double kldsel_clamp_similarity(int sign, double value);

/* The passes, as task functions over chunks; context is the job. */
void kldsel_rows_first_pass(void *context, size_t chunk, int32_t worker);
void kldsel_rows_second_pass(void *context, size_t chunk, int32_t worker);
void kldsel_slices_first_pass(void *context, size_t chunk, int32_t worker);
void kldsel_slices_second_pass(void *context, size_t chunk, int32_t worker);
void kldsel_columns_first_pass(void *context, size_t chunk, int32_t worker);
void kldsel_columns_second_pass(void *context, size_t chunk, int32_t worker);

/* Where a chunk of rows adds up s, and how that joins the totals in chunk order. */
double *kldsel_begin_chunk_sums(struct job *job, int32_t slot);
void kldsel_end_chunk_sums(struct job *job, size_t chunk, const double *sums);

#endif
