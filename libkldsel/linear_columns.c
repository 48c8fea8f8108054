/* SPDX-License-Identifier: BSD-3-Clause */
/* The two passes over layers in which one element of all filters is contiguous (HWIO), or gathered to be so.
 */
#include "linear_job.h"

void kldsel_columns_first_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->elements);
  double *squares = job->slot_sums + slot * job->slot_sums_size;
  memset(squares, 0, (size_t)(2 * job->stride) * sizeof *squares);
  for (int64_t k = begin; k < end && !progress_cancelled(job->progress); k += job->block_lines) {
    struct block block;
    const void *room[BLOCK];
    kldsel_fetch_block(job, k, end, slot, &block);
    kldsel_scan_block(job, slot, &block);
    for (int64_t j = 0; j < job->filters; j += TILE) {
      double *const here[] = {squares + j, squares + job->stride + j};
      size_t n = tile_at(job, j);
      const void *const *lines = kldsel_lines_at(job, &block, j, room);
      job->line_kernels->column_norms(lines, block.padded, fetch_ahead(job, &block, FETCH_ALL, n), n, here);
    }
    kldsel_count_block(job, slot, &block);
  }
  kldsel_turns_wait(&job->turns, chunk);
  job->kernels->add(job->totals, squares, (size_t)(2 * job->stride));
  kldsel_turns_advance(&job->turns);
  progress_add(job->progress, first_pass_share(job, (end - begin) * job->filters), worker_of(job, slot));
}

/* sums[line] of a block: s at one element each. */
static void accumulate_block(struct job *job, struct block *block, double (*sums)[SIGN_PARTS]) {
  const void *room[BLOCK];
  for (int64_t j = 0; j < job->filters; j += TILE) {
    const double *const weights[] = {job->weights + j, job->weights + job->weight_stride + j,
                                     job->weights + 2 * job->weight_stride + j};
    size_t n = tile_at(job, j);
    const void *const *lines = kldsel_lines_at(job, block, j, room);
    job->line_kernels->column_accumulate(job->wanted, lines, block->padded,
                                         fetch_ahead(job, block, FETCH_HALF, n), n, weights, sums);
  }
}

static void add_block_dots(struct job *job, struct block *block, const double (*sums)[SIGN_PARTS],
                           double *chunk_dots) {
  const void *room[BLOCK];
  for (int64_t j = 0; j < job->filters; j += TILE) {
    double *const dots[] = {chunk_dots + j, chunk_dots + job->stride + j, chunk_dots + 2 * job->stride + j,
                            chunk_dots + 3 * job->stride + j};
    size_t n = tile_at(job, j);
    const void *const *lines = kldsel_lines_at(job, block, j, room);
    job->line_kernels->column_dots(job->wanted, lines, block->padded, fetch_ahead(job, block, FETCH_HALF, n),
                                   n, sums, dots);
  }
}

/* <s_x, s_y> of the lines of a block, line i in lane i mod LINES: no sum waits for the one before. */
static void add_mean_dots(const struct block *block, const double (*sums)[SIGN_PARTS],
                          double (*lanes)[LINES]) {
  for (size_t i = 0; i < block->padded; i += LINES)
    for (size_t lane = 0; lane < LINES; lane++) {
      const double *s = sums[i + lane];
      for (int part = 0; part < SIGN_PARTS; part++) lanes[part][lane] += s[part] * s[part];
      lanes[POSITIVE_NEGATIVE][lane] += s[POSITIVE] * s[NEGATIVE];
    }
}

static void end_chunk_dots(struct job *job, size_t chunk, const double *chunk_dots,
                           const double (*mean_dots)[LINES]) {
  kldsel_turns_wait(&job->turns, chunk);
  for (int sign = 0; sign < SIGNS; sign++) {
    double *profile = job->similarity->profile[sign];
    const double *lanes = mean_dots[sign];
    job->mean_dots[sign] += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    if (profile != NULL) job->kernels->add(profile, chunk_dots + sign * job->stride, (size_t)job->filters);
  }
  kldsel_turns_advance(&job->turns);
}

void kldsel_columns_second_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->elements);
  double *chunk_dots = job->slot_sums + slot * job->slot_sums_size, mean_dots[SIGNS][LINES] = {{0}};
  memset(chunk_dots, 0, (size_t)(SIGNS * job->stride) * sizeof *chunk_dots);
  for (int64_t k = begin; k < end && !progress_cancelled(job->progress); k += job->block_lines) {
    struct block block;
    double sums[BLOCK][SIGN_PARTS] = {{0}};
    kldsel_fetch_block(job, k, end, slot, &block);
    accumulate_block(job, &block, sums);
    add_mean_dots(&block, (const double(*)[SIGN_PARTS])sums, mean_dots);
    if (values_wanted(job)) add_block_dots(job, &block, (const double(*)[SIGN_PARTS])sums, chunk_dots);
  }
  end_chunk_dots(job, chunk, chunk_dots, (const double(*)[LINES])mean_dots);
  progress_add(job->progress, second_pass_share((end - begin) * job->filters), worker_of(job, slot));
}
