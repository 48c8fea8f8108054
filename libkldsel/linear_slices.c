/* SPDX-License-Identifier: BSD-3-Clause */
/* The two passes where every slice of every filter is normalised explicitly: slower, but for any magnitudes.
 * A filter has one slice or, by granularity kernel, one for each input channel. */
#include "linear_job.h"
#include "normalize.h"

/* A filter's sign parts, normalised, [3][K] in the slot; diagonal[part] becomes C_ii. */
static const double *fetch_parts(const struct job *job, int64_t filter, int32_t slot, double *diagonal) {
  double *all = job->slot_lines + slot * job->slot_lines_size;
  double *positive = all + job->elements, *negative = positive + job->elements;
  kldsel_gather_filter(job->kernels->convert, job->tensor, &job->filter_axes, &job->element_axes, filter,
                       all);
  /* What is not finite the walk before has found. */
  int found = job->kernels->scan(all, (size_t)job->elements);
  int64_t *counts = counts_of(job, slot);
  for (int64_t k = 0; k < job->elements; k++) {
    positive[k] = all[k] > 0 ? all[k] : 0.0;
    negative[k] = all[k] < 0 ? all[k] : 0.0;
    counts[0] += all[k] > 0;
    counts[1] += all[k] < 0;
  }
  for (int part = 0; part < SIGN_PARTS; part++) {
    int64_t not_zero =
        kldsel_normalize_slices(job->kernels, all + part * job->elements, job->slices, job->elements, found);
    diagonal[part] = (double)not_zero / (double)job->slices;
  }
  return all;
}

void kldsel_slices_first_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  double *sums = kldsel_begin_chunk_sums(job, slot);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i++) {
    const double *parts = fetch_parts(job, i, slot, job->diagonal + i * SIGN_PARTS);
    for (int part = 0; part < SIGN_PARTS; part++)
      for (int64_t k = 0; k < job->elements; k++)
        sums[part * job->stride + k] += parts[part * job->elements + k];
  }
  kldsel_end_chunk_sums(job, chunk, sums);
  progress_add(job->progress, not_yet_told(job, first_pass_share(job, (end - begin) * job->elements)),
               worker_of(job, slot));
}

void kldsel_slices_second_pass(void *context, size_t chunk, int32_t slot) {
  struct job *job = context;
  int64_t begin = (int64_t)chunk * job->chunk_lines, end = smaller(begin + job->chunk_lines, job->filters);
  for (int64_t i = begin; i < end && !progress_cancelled(job->progress); i++) {
    double *diagonal = job->diagonal + i * SIGN_PARTS;
    const double *parts = fetch_parts(job, i, slot, diagonal);
    for (int sign = 0; sign < SIGNS; sign++) {
      if (job->similarity->profile[sign] == NULL) continue;
      double dot = kldsel_dot(job->kernels, parts + x_part_of(sign) * job->elements,
                              job->totals + y_part_of(sign) * job->stride, job->elements);
      double own = sign == POSITIVE_NEGATIVE ? 0.0 : diagonal[sign];
      job->similarity->profile[sign][i] =
          clamp_similarity(sign, (dot / (double)job->slices - own) / (double)(job->filters - 1));
    }
  }
  progress_add(job->progress, not_yet_told(job, second_pass_share((end - begin) * job->elements)),
               worker_of(job, slot));
}
