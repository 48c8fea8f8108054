/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the linear path share: one layer, its passes and its scratch. */
#ifndef KLDSEL_LINEAR_JOB_H
#define KLDSEL_LINEAR_JOB_H

#include <math.h>
#include <string.h>

#include "kernels.h"
#include "linear.h"
#include "threads.h"

/* How a layer is walked. Rows: a line is a filter's elements. Columns: a line is one element of all filters.
 * Slices: rows, each slice normalised explicitly, for magnitudes whose squares do not fit. */
enum walk_kind {
  WALK_ROWS,
  WALK_COLUMNS,
  WALK_SLICES
};

/* Most lines that are worked on together, so that running sums stay in the first-level cache meanwhile. */
enum {
  BLOCK = 64
};

struct job {
  const struct kldsel_tensor *tensor;
  const struct kernels *kernels;
  const struct line_kernels *line_kernels;
  struct progress *progress;
  struct similarity *similarity;
  struct team *team;
  int32_t threads;
  int32_t worker;
  struct upcoming upcoming;
  enum walk_kind walk;
  int gathered;             /* lines are converted to doubles first */
  atomic_int_fast64_t told; /* what progress an earlier walk has told; less what has been taken of it */
  int wanted;               /* as the kernels are told */
  struct axes filter_axes;
  struct axes element_axes;
  int64_t filters, elements, slices;
  /* The lines of a chunk are summed on their own, the chunks in order. */
  int64_t lines, line_length, chunk_lines, block_lines;
  int64_t stride;        /* doubles from one array by elements of a line to the next */
  int64_t weight_stride; /* and of those by filters */
  size_t chunks;
  struct turns turns;

  /* Scratch; "slot" is one piece for each thread. */
  double *weights;      /* rows, columns: 1/|x_i| by part [3][M], 0 for a zero row */
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

static inline int32_t worker_of(const struct job *job, int32_t slot) {
  return progress_worker(job->threads, slot, job->worker);
}

/* Bytes per element of a fetched line. */
size_t kldsel_line_element_bytes(const struct job *job);

/* Lines that are worked on together, and zeros up to a multiple of LINES. */
struct block {
  const void *lines[BLOCK];
  int count;
  size_t padded;
  const char *next; /* what is to be fetched next, after the block; NULL for nothing */
};

/* Lines first to end, but no more than make a block; converted to doubles in the slot where they have to be.
 */
void kldsel_fetch_block(const struct job *job, int64_t first, int64_t end, int32_t slot, struct block *block);

/* Notes what a scan of the block's doubles finds. */
void kldsel_scan_block(const struct job *job, int32_t slot, const struct block *block);

/* Where a kernel that reads n elements of each line fetches from; part is its FETCH_ALL or FETCH_HALF.
 * Without anything to come what it reads itself. */
static inline const void *fetch_ahead(const struct job *job, struct block *block, int part, size_t n) {
  if (block->next == NULL) return block->lines[0];
  const char *at = block->next;
  block->next += block->padded * n * kldsel_line_element_bytes(job) / (size_t)part;
  return at;
}

/* Counts the signs of a block. */
void kldsel_count_block(const struct job *job, int32_t slot, const struct block *block);

/* The lines of a block at element k; in room, which has BLOCK places, where they are not the block's own. */
const void *const *kldsel_lines_at(const struct job *job, const struct block *block, int64_t k,
                                   const void **room);

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

/* Elements of a line from k on, no more than a kernel takes. */
static inline size_t tile_at(const struct job *job, int64_t k) {
  return (size_t)smaller(TILE, job->line_length - k);
}

static inline int values_wanted(const struct job *job) {
  return (job->similarity->content & KLDSEL_CONTENT_VALUES) != 0;
}

static inline int counts_wanted(const struct job *job) {
  return (job->similarity->content & KLDSEL_CONTENT_COUNTS) != 0;
}

static inline int means_wanted(const struct job *job) {
  return (job->similarity->content & (KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS)) != 0;
}

static inline int kernels_wanted(int32_t signs) {
  int32_t all = 1 << KLDSEL_SIGN_ALL;
  return (signs & all ? WANTED_ALL : 0) | (signs & ~all ? WANTED_SPLIT : 0);
}

/* The means come of the first pass over rows, of the second over columns. */
static inline int passes_of(const struct job *job) {
  return values_wanted(job) || (job->walk == WALK_COLUMNS && means_wanted(job)) ? 2 : 1;
}

/* What either pass does of the work. */
static inline uint64_t first_pass_share(const struct job *job, int64_t weights) {
  return (uint64_t)(passes_of(job) > 1 ? weights / 2 : weights);
}

static inline uint64_t second_pass_share(int64_t weights) {
  return (uint64_t)(weights - weights / 2);
}

/* What of a share an earlier walk has not told. */
static inline uint64_t not_yet_told(struct job *job, uint64_t share) {
  int64_t whole = (int64_t)share, told = atomic_fetch_sub_explicit(&job->told, whole, memory_order_relaxed);
  if (told >= whole) return 0;
  return (uint64_t)(told > 0 ? whole - told : whole);
}

/* The passes, as task functions over chunks; context is the job, the worker of the run a slot. */
void kldsel_rows_first_pass(void *context, size_t chunk, int32_t slot);
void kldsel_rows_second_pass(void *context, size_t chunk, int32_t slot);
void kldsel_slices_first_pass(void *context, size_t chunk, int32_t slot);
void kldsel_slices_second_pass(void *context, size_t chunk, int32_t slot);
void kldsel_columns_first_pass(void *context, size_t chunk, int32_t slot);
void kldsel_columns_second_pass(void *context, size_t chunk, int32_t slot);

/* Dots of filters begin to end, in the profiles, to similarities. */
void kldsel_finish_profiles(const struct job *job, int64_t begin, int64_t end);

/* Where a chunk of rows adds up s, and how that joins the totals in chunk order. */
double *kldsel_begin_chunk_sums(struct job *job, int32_t slot);
void kldsel_end_chunk_sums(struct job *job, size_t chunk, const double *sums);

#endif
