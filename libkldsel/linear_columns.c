/* SPDX-License-Identifier: BSD-3-Clause */
/* The two passes over layers in which one element of all filters is contiguous (HWIO), or gathered to be so.
 */
#include <string.h>

#include "linear_job.h"

void kldsel_columns_first_pass(void *context, size_t chunk, int32_t task_worker) {
  struct job *job = context;
  int32_t slot = slot_of(job, task_worker);
  size_t bytes = kldsel_line_element_bytes(job);
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->elements);
  double *squares = job->slot_sums + slot * job->slot_sums_size;
  memset(squares, 0, (size_t)(2 * job->filters) * sizeof *squares);
  for (int64_t k = begin; k < end && !progress_cancelled(job->progress); k += LINES) {
    int count = (int)smaller(LINES, end - k);
    const void *lines[LINES], *at[LINES];
    kldsel_fetch_lines(job, k, count, slot, lines);
    for (int64_t j = 0; j < job->filters; j += TILE) {
      advance_lines(lines, count, j, bytes, at);
      double *const here[] = {squares + j, squares + job->filters + j};
      job->line_kernels->column_norms(at, count, (size_t)smaller(TILE, job->filters - j), here,
                                      counts_of(job, slot));
    }
  }
  kldsel_turns_wait(&job->turns, chunk);
  for (int64_t j = 0; j < 2 * job->filters; j++) job->totals[j] += squares[j];
  kldsel_turns_advance(&job->turns);
  progress_add(job->progress, (uint64_t)((end - begin) * job->filters / 2), worker_of(job, task_worker));
}

void kldsel_columns_second_pass(void *context, size_t chunk, int32_t task_worker) {
  struct job *job = context;
  int32_t slot = slot_of(job, task_worker);
  size_t bytes = kldsel_line_element_bytes(job);
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->elements);
  double *chunk_dots = job->slot_sums + slot * job->slot_sums_size, mean_dots[SIGNS] = {0};
  memset(chunk_dots, 0, (size_t)(SIGNS * job->filters) * sizeof *chunk_dots);
  for (int64_t k = begin; k < end && !progress_cancelled(job->progress); k += LINES) {
    int count = (int)smaller(LINES, end - k);
    const void *lines[LINES], *at[LINES];
    double sums[LINES][SIGN_PARTS] = {{0}};
    kldsel_fetch_lines(job, k, count, slot, lines);
    for (int64_t j = 0; j < job->filters; j += TILE) {
      const double *const weights[] = {job->weights + j, job->weights + job->filters + j,
                                       job->weights + 2 * job->filters + j};
      advance_lines(lines, count, j, bytes, at);
      job->line_kernels->column_accumulate(at, count, (size_t)smaller(TILE, job->filters - j), weights, sums);
    }
    for (int r = 0; r < count; r++) {
      for (int part = 0; part < SIGN_PARTS; part++) mean_dots[part] += sums[r][part] * sums[r][part];
      mean_dots[POSITIVE_NEGATIVE] += sums[r][POSITIVE] * sums[r][NEGATIVE];
    }
    for (int64_t j = 0; j < job->filters; j += TILE) {
      double *const dots[] = {chunk_dots + j, chunk_dots + job->filters + j,
                              chunk_dots + 2 * job->filters + j, chunk_dots + 3 * job->filters + j};
      advance_lines(lines, count, j, bytes, at);
      job->line_kernels->column_dots(at, count, (size_t)smaller(TILE, job->filters - j),
                                     (const double(*)[SIGN_PARTS])sums, dots);
    }
  }
  kldsel_turns_wait(&job->turns, chunk);
  for (int sign = 0; sign < SIGNS; sign++) {
    double *profile = job->similarity->profile[sign];
    for (int64_t j = 0; j < job->filters; j++) profile[j] += chunk_dots[sign * job->filters + j];
    job->mean_dots[sign] += mean_dots[sign];
  }
  kldsel_turns_advance(&job->turns);
  int64_t weights = (end - begin) * job->filters;
  progress_add(job->progress, (uint64_t)(weights - weights / 2), worker_of(job, task_worker));
}
