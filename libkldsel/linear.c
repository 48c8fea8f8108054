/* SPDX-License-Identifier: BSD-3-Clause */
#include "linear.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dtype.h"
#include "linear_channels.h"
#include "linear_job.h"
#include "normalize.h"

/* A chunk has about this many weights: enough to make a task, few enough to stay in the second-level cache.
 * Part of the order of summation, so never a function of the thread count. */
#define CHUNK_WEIGHTS (1 << 18)
#define FEWEST_CHUNK_LINES 16

/* A block of lines and the one after it stay in the second-level cache. */
#define BLOCK_BYTES (192 << 10)

/* A layer of so many bytes is still in the second-level cache when its second pass begins. */
#define STAYS_BYTES (512 << 10)

size_t kldsel_line_element_bytes(const struct job *job) {
  return job->gathered ? sizeof(double) : dtype_bytes(job->tensor->dtype);
}

/* What is to be fetched while a block that begins with a line is worked on. */
static const char *fetched_with(const struct job *job, const struct axes *across, int64_t first,
                                int64_t end) {
  int64_t line_bytes = job->line_length * (int64_t)kldsel_line_element_bytes(job);
  if (job->gathered || across->count != 1 || across->axis[0].stride_bytes != line_bytes) return NULL;
  int64_t next = first + job->block_lines;
  /* Threads take chunks in turn. */
  if (next >= end) next = end + (job->threads - 1) * job->chunk_lines;
  const struct upcoming *upcoming = &job->upcoming;
  if (upcoming->at != NULL && passes_of(job) > 1 && job->lines * line_bytes <= STAYS_BYTES)
    /* What is read is still near: there is time to fetch as much of the next layer. */
    return (uint64_t)(first * line_bytes) < upcoming->bytes ? upcoming->at + first * line_bytes : NULL;
  return next < job->lines ? (const char *)job->tensor->origin + next * line_bytes : upcoming->at;
}

void kldsel_fetch_block(const struct job *job, int64_t first, int64_t end, int32_t slot,
                        struct block *block) {
  static const double zeros[TILE];
  const struct kldsel_tensor *tensor = job->tensor;
  int columns = job->walk == WALK_COLUMNS;
  const struct axes *across = columns ? &job->element_axes : &job->filter_axes;
  const struct axes *along = columns ? &job->filter_axes : &job->element_axes;
  block->count = (int)smaller(job->block_lines, end - first);
  block->padded = (size_t)(block->count + LINES - 1) / LINES * LINES;
  block->next = fetched_with(job, across, first, end);
  for (size_t r = (size_t)block->count; r < block->padded; r++) block->lines[r] = zeros;
  if (!job->gathered && across->count == 1) {
    const unsigned char *base = tensor->origin + first * across->axis[0].stride_bytes;
    for (int r = 0; r < block->count; r++) block->lines[r] = base + r * across->axis[0].stride_bytes;
    return;
  }
  for (int r = 0; r < block->count; r++) {
    const unsigned char *base = tensor->origin + kldsel_axes_offset(across, first + r);
    block->lines[r] = base;
    if (!job->gathered) continue;
    double *line = job->slot_lines + slot * job->slot_lines_size + r * job->line_length;
    kldsel_gather(job->kernels->convert, base, tensor->dtype, along, line);
    if (columns)
      kldsel_dequantize_column(job->kernels->convert, tensor, line);
    else
      kldsel_dequantize_filter(job->kernels->convert, tensor, first + r, line, job->line_length);
    block->lines[r] = line;
  }
}

void kldsel_scan_block(const struct job *job, int32_t slot, const struct block *block) {
  if (!scanned(job)) return;
  for (int r = 0; r < block->count; r++)
    note_found(job, slot, job->kernels->scan(block->lines[r], (size_t)job->line_length));
}

const void *const *kldsel_lines_at(const struct job *job, const struct block *block, int64_t k,
                                   const void **room) {
  if (k == 0) return block->lines;
  size_t bytes = kldsel_line_element_bytes(job);
  for (size_t r = 0; r < block->padded; r++)
    room[r] = r < (size_t)block->count ? (const char *)block->lines[r] + (size_t)k * bytes : block->lines[r];
  return room;
}

void kldsel_count_block(const struct job *job, int32_t slot, const struct block *block) {
  if (!counts_wanted(job)) return;
  size_t bytes = kldsel_line_element_bytes(job);
  for (int r = 0; r < block->count; r++)
    for (int64_t k = 0; k < job->line_length; k += TILE)
      job->line_kernels->count_signs((const char *)block->lines[r] + (size_t)k * bytes, tile_at(job, k),
                                     counts_of(job, slot));
}

double *kldsel_begin_chunk_sums(struct job *job, int32_t slot) {
  double *sums = job->chunks == 1 ? job->totals : job->slot_sums + slot * job->slot_sums_size;
  memset(sums, 0, (size_t)(SIGN_PARTS * job->stride) * sizeof *sums);
  return sums;
}

void kldsel_end_chunk_sums(struct job *job, size_t chunk, const double *sums) {
  if (job->chunks == 1) return;
  kldsel_turns_wait(&job->turns, chunk);
  job->kernels->add(job->totals, sums, (size_t)(SIGN_PARTS * job->stride));
  kldsel_turns_advance(&job->turns);
}

enum {
  CACHE_LINE = 64,
  LINE_DOUBLES = CACHE_LINE / sizeof(double)
};

/* Whole cache lines, so that no vector lies across two. */
static int64_t whole_lines(int64_t doubles) {
  return (doubles + LINE_DOUBLES - 1) / LINE_DOUBLES * LINE_DOUBLES;
}

static int contiguous(const struct axes *axes, size_t element_bytes) {
  return axes->count == 1 && axes->axis[0].stride_bytes == (int64_t)element_bytes;
}

static int64_t innermost_stride(const struct axes *axes) {
  return llabs(axes->axis[axes->count - 1].stride_bytes);
}

static void choose_walk(struct job *job, int sliced) {
  const struct kldsel_tensor *tensor = job->tensor;
  size_t bytes = dtype_bytes(tensor->dtype);
  int has_kernels = tensor->dtype != KLDSEL_DTYPE_U8 && tensor->dtype != KLDSEL_DTYPE_I8;
  int rows = contiguous(&job->element_axes, bytes), columns = contiguous(&job->filter_axes, bytes);
  job->gathered = !has_kernels || (!rows && !columns);
  if (sliced)
    job->walk = WALK_SLICES;
  else if (rows || columns)
    job->walk = rows ? WALK_ROWS : WALK_COLUMNS;
  else
    job->walk =
        innermost_stride(&job->filter_axes) < innermost_stride(&job->element_axes) ? WALK_COLUMNS : WALK_ROWS;
  job->line_kernels = job->gathered ? &job->kernels->f64 : kldsel_line_kernels(job->kernels, tensor->dtype);

  columns = job->walk == WALK_COLUMNS;
  if (columns) job->element_axes = kldsel_element_axes_in_memory(tensor);
  job->line_length = columns ? job->filters : job->elements;
  job->stride = whole_lines(job->line_length);
  job->weight_stride = whole_lines(job->filters);
  job->lines = columns ? job->elements : job->filters;
  job->chunk_lines = CHUNK_WEIGHTS / job->line_length / LINES * LINES;
  if (job->chunk_lines < FEWEST_CHUNK_LINES) job->chunk_lines = FEWEST_CHUNK_LINES;
  int64_t line_bytes = job->line_length * (int64_t)kldsel_line_element_bytes(job);
  /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): every dtype of a tensor takes bytes */
  job->block_lines = BLOCK_BYTES / line_bytes / LINES * LINES;
  if (job->block_lines < LINES || job->gathered) job->block_lines = LINES;
  if (job->block_lines > BLOCK) job->block_lines = BLOCK;
  job->chunks = (size_t)((job->lines - 1) / job->chunk_lines + 1);
  if ((size_t)job->threads > job->chunks) job->threads = (int32_t)job->chunks;
}

/* Room for a piece of scratch in so many doubles: where it begins. Extents are at most 2^48 (profiles.c) and
 * threads 2^10, so all pieces together are below 2^63. */
static uint64_t reserve(uint64_t *room, int64_t a, int64_t b) {
  uint64_t at = *room;
  *room += (uint64_t)whole_lines(a * b);
  return at;
}

static kldsel_status allocate_scratch(struct job *job, const struct allocator *allocator, void **scratch) {
  int columns = job->walk == WALK_COLUMNS, sliced = job->walk == WALK_SLICES;
  int64_t slots = job->threads;
  job->slot_sums_size = columns ? SIGNS * job->stride : job->chunks > 1 ? SIGN_PARTS * job->stride : 0;
  job->slot_lines_size = sliced           ? SIGN_PARTS * job->elements
                         : !job->gathered ? 0
                         : columns        ? LINES * job->filters
                                          : LINES * job->elements;
  uint64_t room = 0;
  /* For slices the weights are the diagonal. */
  uint64_t weights = reserve(&room, job->weight_stride, SIGN_PARTS);
  uint64_t totals = reserve(&room, job->stride, columns ? 2 : SIGN_PARTS);
  uint64_t slot_sums = reserve(&room, slots, job->slot_sums_size);
  uint64_t slot_lines = reserve(&room, slots, job->slot_lines_size);
  uint64_t slot_counts = reserve(&room, slots, 2);
  uint64_t slot_found = reserve(&room, slots, 1);
  TRY(kldsel_allocate(allocator, room + LINE_DOUBLES, sizeof(double), "profile", scratch));
  uintptr_t past = (uintptr_t)*scratch % CACHE_LINE;
  double *base = (double *)(void *)((char *)*scratch + (past > 0 ? CACHE_LINE - past : 0));
  job->weights = base + weights;
  job->diagonal = job->weights;
  job->totals = base + totals;
  job->slot_sums = base + slot_sums;
  job->slot_lines = base + slot_lines;
  job->slot_counts = (int64_t *)(void *)(base + slot_counts);
  job->slot_found = (int *)(void *)(base + slot_found);
  memset(job->totals, 0, (size_t)(slot_sums - totals) * sizeof(double));
  memset(job->slot_counts, 0, (size_t)(room - slot_counts) * sizeof(double));
  return KLDSEL_OK;
}

static void run_pass(struct job *job, task_function pass) {
  kldsel_turns_begin(&job->turns);
  kldsel_team_run(job->team, job->threads, job->chunks, pass, job);
  kldsel_turns_end(&job->turns);
}

static int highest_found(const struct job *job) {
  int found = SCAN_ORDINARY;
  for (int32_t slot = 0; slot < job->threads; slot++)
    if (job->slot_found[slot] > found) found = job->slot_found[slot];
  return found;
}

static void add_counts(const struct job *job, struct similarity *similarity) {
  similarity->positive = similarity->negative = 0;
  if (!counts_wanted(job)) return; /* slices are counted all the same */
  for (int32_t slot = 0; slot < job->threads; slot++) {
    similarity->positive += counts_of(job, slot)[0];
    similarity->negative += counts_of(job, slot)[1];
  }
}

/* Column squares to weights by part; finds what is not finite. */
static void weigh_columns(struct job *job) {
  for (int64_t j = 0; j < job->filters; j++) {
    double positive = job->totals[j], negative = job->totals[job->stride + j];
    check_squares(job, 0, positive + negative);
    job->weights[ALL * job->weight_stride + j] = positive + negative;
    job->weights[POSITIVE * job->weight_stride + j] = positive;
    job->weights[NEGATIVE * job->weight_stride + j] = negative;
  }
  for (int part = 0; part < SIGN_PARTS; part++)
    job->kernels->inverse_roots(job->weights + part * job->weight_stride, (size_t)job->filters);
}

/* The profiles are where the second pass over columns adds up its dots. */
static void clear_profiles(struct job *job) {
  for (int sign = 0; sign < SIGNS; sign++)
    if (job->similarity->profile[sign] != NULL)
      memset(job->similarity->profile[sign], 0, (size_t)job->filters * sizeof(double));
}

void kldsel_finish_profiles(const struct job *job, int64_t begin, int64_t end) {
  for (int sign = 0; sign < SIGNS; sign++)
    if (job->similarity->profile[sign] != NULL)
      job->kernels->similarities(sign, job->weights + x_part_of(sign) * job->weight_stride + begin,
                                 (size_t)(end - begin), job->filters, job->similarity->profile[sign] + begin);
}

static void dot_row_totals(struct job *job) {
  const double *all = job->totals, *positive = all + job->stride, *negative = positive + job->stride;
  job->mean_dots[ALL] = kldsel_dot(job->kernels, all, all, job->elements);
  job->mean_dots[POSITIVE] = kldsel_dot(job->kernels, positive, positive, job->elements);
  job->mean_dots[NEGATIVE] = kldsel_dot(job->kernels, negative, negative, job->elements);
  job->mean_dots[POSITIVE_NEGATIVE] = kldsel_dot(job->kernels, positive, negative, job->elements);
}

/* Sum of C_ii over the filters. */
static double diagonal_sum(const struct job *job, int part) {
  double sum = 0.0;
  int64_t not_zero = 0;
  if (job->walk == WALK_SLICES)
    for (int64_t i = 0; i < job->filters; i++) sum += job->diagonal[i * SIGN_PARTS + part];
  else
    for (int64_t i = 0; i < job->filters; i++) not_zero += job->weights[part * job->weight_stride + i] > 0;
  return sum + (double)not_zero;
}

static void finish_means(const struct job *job, struct similarity *similarity) {
  double pairs = (double)job->filters * (double)(job->filters - 1);
  double slices = job->walk == WALK_SLICES ? (double)job->slices : 1.0;
  for (int sign = 0; sign < SIGNS; sign++) {
    if (!sign_wanted(similarity->signs, sign)) continue;
    double diagonal = sign == POSITIVE_NEGATIVE ? 0.0 : diagonal_sum(job, sign);
    similarity->mean[sign] = clamp_similarity(sign, (job->mean_dots[sign] / slices - diagonal) / pairs);
  }
}

/* lossy: squares might be lost, and with them similarities that are wanted. */
static kldsel_status run_job(struct job *job, struct similarity *similarity, int *lossy) {
  static const task_function first_pass[] = {kldsel_rows_first_pass, kldsel_columns_first_pass,
                                             kldsel_slices_first_pass};
  static const task_function second_pass[] = {kldsel_rows_second_pass, kldsel_columns_second_pass,
                                              kldsel_slices_second_pass};
  const struct upcoming upcoming = job->upcoming, none = {0};
  if (passes_of(job) > 1) job->upcoming = none; /* the layer's own second pass is */
  run_pass(job, first_pass[job->walk]);
  job->upcoming = upcoming;
  if (job->walk == WALK_COLUMNS) weigh_columns(job);
  int found = highest_found(job);
  if (progress_cancelled(job->progress)) return KLDSEL_ERROR_CANCELLED;
  if (found == SCAN_NOT_FINITE) return KLDSEL_ERROR_NOT_FINITE;
  add_counts(job, similarity);
  if (job->filters < 2 || !means_wanted(job)) return KLDSEL_OK;
  *lossy = found == SCAN_EXTREME;
  if (*lossy) return KLDSEL_OK;
  if (job->walk == WALK_COLUMNS)
    clear_profiles(job);
  else
    dot_row_totals(job);
  if (passes_of(job) > 1) run_pass(job, second_pass[job->walk]);
  if (progress_cancelled(job->progress)) return KLDSEL_ERROR_CANCELLED;
  if (job->walk == WALK_COLUMNS) kldsel_finish_profiles(job, 0, job->filters);
  finish_means(job, similarity);
  return KLDSEL_OK;
}

/* What the first pass has told of its progress. */
static uint64_t first_pass_told(const struct job *job) {
  uint64_t told = 0;
  for (int64_t line = 0; line < job->lines; line += job->chunk_lines)
    told += first_pass_share(job, smaller(job->chunk_lines, job->lines - line) * job->line_length);
  return told;
}

kldsel_status kldsel_linear_profile(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                    int32_t granularity, struct team *team, const struct allocator *allocator,
                                    struct progress *progress, int32_t worker, struct upcoming upcoming,
                                    struct similarity *similarity) {
  int by_kernel = granularity == KLDSEL_GRANULARITY_KERNEL && tensor->channels > 1;
  int sliced = 0;
  uint64_t told = 0; /* of progress */
  for (int sign = 0; sign < SIGNS; sign++) similarity->mean[sign] = (double)NAN;
  if (by_kernel) {
    int lossy = 0, means = (similarity->content & (KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS)) != 0;
    kldsel_status status = kldsel_channels_profile(tensor, kernels, team, allocator, progress, worker,
                                                   similarity, &lossy, &told);
    if (status != KLDSEL_OK || !lossy || !means) return status;
    sliced = 1; /* once more, with care */
  }
  for (;;) {
    struct job job = {.tensor = tensor,
                      .kernels = kernels,
                      .progress = progress,
                      .similarity = similarity,
                      .team = team,
                      .threads = kldsel_team_threads(team),
                      .worker = worker,
                      .upcoming = upcoming,
                      .filter_axes = kldsel_axes_of(tensor, tensor->filter_axes),
                      .element_axes = kldsel_element_axes(tensor),
                      .filters = tensor->filters,
                      .elements = tensor->elements,
                      .slices = by_kernel ? tensor->channels : 1,
                      .wanted = kernels_wanted(similarity->signs)};
    atomic_init(&job.told, (int64_t)told);
    choose_walk(&job, sliced);
    void *scratch;
    TRY(allocate_scratch(&job, allocator, &scratch));
    int lossy = 0;
    kldsel_status status = run_job(&job, similarity, &lossy);
    kldsel_release(allocator, scratch);
    if (status != KLDSEL_OK || !lossy) return status;
    sliced = 1; /* once more, with care */
    told = first_pass_told(&job);
  }
}
