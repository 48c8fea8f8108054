/* SPDX-License-Identifier: BSD-3-Clause */
/* The two passes over layers whose filters are contiguous, or gathered to be so. */
#include "linear_job.h"

static void weights_of_norms(const struct norms *norms, double *weights) {
  weights[ALL] = inverse_norm(norms->positive_squares + norms->negative_squares);
  weights[POSITIVE] = inverse_norm(norms->positive_squares);
  weights[NEGATIVE] = inverse_norm(norms->negative_squares);
}

void kldsel_rows_first_pass(void *context, size_t chunk, int32_t task_worker) {
  struct job *job = context;
  int32_t slot = slot_of(job, task_worker);
  size_t bytes = kldsel_line_element_bytes(job);
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  double *chunk_sums = kldsel_begin_chunk_sums(job, slot);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i += LINES) {
    int count = (int)smaller(LINES, end - i);
    const void *lines[LINES], *at[LINES];
    struct norms norms[LINES] = {{0}};
    kldsel_fetch_lines(job, i, count, slot, lines);
    for (int64_t k = 0; k < job->elements; k += TILE) {
      advance_lines(lines, count, k, bytes, at);
      job->line_kernels->row_norms(at, count, (size_t)smaller(TILE, job->elements - k), norms);
    }
    double(*weights)[SIGN_PARTS] = (double(*)[SIGN_PARTS])(job->weights + i * SIGN_PARTS);
    for (int r = 0; r < count; r++) {
      check_squares(job, slot, norms[r].negative_squares);
      weights_of_norms(&norms[r], weights[r]);
      counts_of(job, slot)[0] += norms[r].positive_count;
      counts_of(job, slot)[1] += norms[r].negative_count;
    }
    for (int64_t k = 0; k < job->elements; k += TILE) {
      advance_lines(lines, count, k, bytes, at);
      double *const sums[] = {chunk_sums + k, chunk_sums + job->elements + k,
                              chunk_sums + 2 * job->elements + k};
      job->line_kernels->row_accumulate(at, count, (size_t)smaller(TILE, job->elements - k),
                                        (const double(*)[SIGN_PARTS])weights, sums);
    }
  }
  kldsel_end_chunk_sums(job, chunk, chunk_sums);
  progress_add(job->progress, (uint64_t)((end - begin) * job->elements / 2), worker_of(job, task_worker));
}

void kldsel_rows_second_pass(void *context, size_t chunk, int32_t task_worker) {
  struct job *job = context;
  int32_t slot = slot_of(job, task_worker);
  size_t bytes = kldsel_line_element_bytes(job);
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i += LINES) {
    int count = (int)smaller(LINES, end - i);
    const void *lines[LINES], *at[LINES];
    double dots[LINES][SIGNS] = {{0}};
    kldsel_fetch_lines(job, i, count, slot, lines);
    for (int64_t k = 0; k < job->elements; k += TILE) {
      advance_lines(lines, count, k, bytes, at);
      const double *const sums[] = {job->totals + k, job->totals + job->elements + k,
                                    job->totals + 2 * job->elements + k};
      job->line_kernels->row_dots(at, count, (size_t)smaller(TILE, job->elements - k), sums, dots);
    }
    for (int r = 0; r < count; r++) {
      for (int sign = 0; sign < SIGNS; sign++) {
        double weight = job->weights[(i + r) * SIGN_PARTS + x_part_of(sign)];
        double diagonal = sign != POSITIVE_NEGATIVE && weight > 0 ? 1.0 : 0.0;
        job->similarity->profile[sign][i + r] =
            kldsel_clamp_similarity(sign, (weight * dots[r][sign] - diagonal) / (double)(job->filters - 1));
      }
    }
  }
  int64_t weights = (end - begin) * job->elements;
  progress_add(job->progress, (uint64_t)(weights - weights / 2), worker_of(job, task_worker));
}
