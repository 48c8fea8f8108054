/* SPDX-License-Identifier: BSD-3-Clause */
/* The two passes over layers whose filters are contiguous, or gathered to be so. */
#include "linear_job.h"

/* weights[line] of a block: 0 past its end, where lines are zeros. */
static void weigh_block(struct job *job, int32_t slot, struct block *block, double (*weights)[SIGN_PARTS]) {
  struct norms norms[BLOCK] = {{0}};
  const void *room[BLOCK];
  for (int64_t k = 0; k < job->elements; k += TILE) {
    size_t n = tile_at(job, k);
    const void *const *lines = kldsel_lines_at(job, block, k, room);
    job->line_kernels->row_norms(lines, block->padded, fetch_ahead(job, block, FETCH_HALF, n), n, norms);
  }
  memset(weights, 0, BLOCK * sizeof *weights);
  for (int r = 0; r < block->count; r++) {
    weights[r][ALL] = norms[r].positive_squares + norms[r].negative_squares;
    check_squares(job, slot, weights[r][ALL]);
    weights[r][POSITIVE] = norms[r].positive_squares;
    weights[r][NEGATIVE] = norms[r].negative_squares;
  }
  job->kernels->inverse_roots(&weights[0][0], (size_t)block->count * SIGN_PARTS);
}

static void accumulate_block(struct job *job, struct block *block, const double (*weights)[SIGN_PARTS],
                             double *totals) {
  const void *room[BLOCK];
  for (int64_t k = 0; k < job->elements; k += TILE) {
    double *const sums[] = {totals + k, totals + job->stride + k, totals + 2 * job->stride + k};
    size_t n = tile_at(job, k);
    const void *const *lines = kldsel_lines_at(job, block, k, room);
    job->line_kernels->row_accumulate(job->wanted, lines, block->padded,
                                      fetch_ahead(job, block, FETCH_HALF, n), n, weights, sums);
  }
}

void kldsel_rows_first_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  double *chunk_sums = kldsel_begin_chunk_sums(job, slot);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i += job->block_lines) {
    struct block block;
    double weights[BLOCK][SIGN_PARTS];
    kldsel_fetch_block(job, i, end, slot, &block);
    kldsel_scan_block(job, slot, &block);
    weigh_block(job, slot, &block, weights);
    kldsel_count_block(job, slot, &block);
    if (!means_wanted(job)) continue;
    accumulate_block(job, &block, (const double(*)[SIGN_PARTS])weights, chunk_sums);
    for (int part = 0; part < SIGN_PARTS; part++)
      for (int r = 0; r < block.count; r++)
        job->weights[part * job->weight_stride + i + r] = weights[r][part];
  }
  kldsel_end_chunk_sums(job, chunk, chunk_sums);
  progress_add(job->progress, first_pass_share(job, (end - begin) * job->elements), worker_of(job, slot));
}

void kldsel_rows_second_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i += job->block_lines) {
    struct block block;
    const void *room[BLOCK];
    double dots[BLOCK][SIGNS] = {{0}};
    kldsel_fetch_block(job, i, end, slot, &block);
    for (int64_t k = 0; k < job->elements; k += TILE) {
      const double *const sums[] = {job->totals + k, job->totals + job->stride + k,
                                    job->totals + 2 * job->stride + k};
      size_t n = tile_at(job, k);
      const void *const *lines = kldsel_lines_at(job, &block, k, room);
      job->line_kernels->row_dots(job->wanted, lines, block.padded, fetch_ahead(job, &block, FETCH_ALL, n), n,
                                  sums, dots);
    }
    for (int sign = 0; sign < SIGNS; sign++)
      for (int r = 0; job->similarity->profile[sign] != NULL && r < block.count; r++)
        job->similarity->profile[sign][i + r] = dots[r][sign];
  }
  kldsel_finish_profiles(job, begin, end);
  progress_add(job->progress, second_pass_share((end - begin) * job->elements), worker_of(job, slot));
}
