/* SPDX-License-Identifier: BSD-3-Clause */
#include "pairs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "cosine.h"
#include "divergence.h"
#include "kernels.h"
#include "sum.h"

kldsel_status kldsel_pairs_count(int64_t filters, int sign, size_t *count) {
  size_t ordered;
  if (__builtin_mul_overflow((size_t)filters, (size_t)filters - 1, &ordered) ||
      ordered > LONGEST_DISTRIBUTION)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "%" PRId64 " filters have more than %" PRIu32 " pairs",
                       filters, (uint32_t)LONGEST_DISTRIBUTION);
  *count = sign == POSITIVE_NEGATIVE ? ordered : ordered / 2;
  return KLDSEL_OK;
}

/* The divergence within is the mean over ordered pairs of rows x != y of sum_k p_xk (l_xk - l_yk), with l =
 * ln p. That is 1/(M - 1) times the sum over columns k and rows x of (p_xk - mean p_k)(l_xk - mean l_k): a
 * covariance, which can be added up row by row (Welford 1962) without cancellation. p and l are those of
 * densities, M p and ln(M p). */
struct within {
  int64_t rows_seen;
  double *mean_density; /* [M] */
  double *mean_log;     /* [M] */
  struct sum covariance;
};

static void add_row(struct within *within, double *row, int64_t filters, double temperature) {
  double highest = -(double)INFINITY;
  for (int64_t k = 0; k < filters; k++) highest = fmax(highest, row[k]);
  double total = 0.0;
  for (int64_t k = 0; k < filters; k++) {
    row[k] = (row[k] - highest) / temperature;
    total += exp(row[k]);
  }
  double log_mean = log(total / (double)filters), share = 1.0 / (double)++within->rows_seen, covariance = 0.0;
  for (int64_t k = 0; k < filters; k++) {
    double log_density = row[k] - log_mean, density = exp(log_density);
    double density_step = density - within->mean_density[k];
    within->mean_density[k] += density_step * share;
    within->mean_log[k] += (log_density - within->mean_log[k]) * share;
    covariance += density_step * (log_density - within->mean_log[k]);
  }
  sum_add(&within->covariance, covariance);
}

/* The pairs that a row of C adds: all but the diagonal, of a symmetric matrix those right of it. */
static double *copy_pairs(const double *row, int64_t index, int64_t filters, int sign, double *to) {
  if (sign == POSITIVE_NEGATIVE) {
    memcpy(to, row, (size_t)index * sizeof *to);
    to += index;
  }
  memcpy(to, row + index + 1, (size_t)(filters - index - 1) * sizeof *to);
  return to + (filters - index - 1);
}

static kldsel_status walk_matrix(const struct unit_rows *x, const struct unit_rows *y, int sign, double *tile,
                                 struct progress *progress, int32_t worker, struct within *within,
                                 struct pairs *pairs) {
  int64_t filters = x->count, tile_rows = kldsel_cosine_tile_rows(filters);
  double *next_pair = pairs->values[sign];
  for (int64_t first = 0; first < filters; first += tile_rows) {
    int64_t rows = first + tile_rows < filters ? tile_rows : filters - first;
    TRY(kldsel_cosine_rows(x, y, first, rows, tile));
    for (int64_t i = 0; i < rows; i++) {
      double *row = tile + i * filters;
      if (next_pair != NULL) next_pair = copy_pairs(row, first + i, filters, sign, next_pair);
      if (pairs->within_wanted) add_row(within, row, filters, pairs->temperature);
    }
    progress_add(progress, (uint64_t)(rows * filters), worker);
    if (progress_cancelled(progress)) return KLDSEL_ERROR_CANCELLED;
  }
  double divergence = sum_value(&within->covariance) / (double)filters / (double)(filters - 1);
  pairs->within[sign] = pairs->within_wanted ? fmax(divergence, 0.0) : (double)NAN;
  return KLDSEL_OK;
}

static kldsel_status compute_sign(const struct unit_rows *x, const struct unit_rows *y, int sign,
                                  const struct allocator *allocator, struct progress *progress,
                                  int32_t worker, struct pairs *pairs) {
  int64_t filters = x->count, tile_rows = kldsel_cosine_tile_rows(filters);
  if (tile_rows > filters) tile_rows = filters;
  void *memory;
  TRY(kldsel_allocate(allocator, (size_t)((tile_rows + 2) * filters), sizeof(double), "profile", &memory));
  double *tile = memory;
  struct within within = {.mean_density = tile + tile_rows * filters};
  within.mean_log = within.mean_density + filters;
  memset(within.mean_density, 0, (size_t)(2 * filters) * sizeof(double));
  kldsel_status status = walk_matrix(x, y, sign, tile, progress, worker, &within, pairs);
  kldsel_release(allocator, memory);
  return status;
}

kldsel_status kldsel_pairs_compute(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                   int32_t granularity, const struct allocator *allocator,
                                   struct progress *progress, int32_t worker, struct pairs *pairs) {
  kldsel_status status = KLDSEL_OK;
  for (int sign = 0; sign < SIGNS && status == KLDSEL_OK; sign++) {
    struct unit_rows x, y;
    TRY(kldsel_unit_rows_create(tensor, KLDSEL_PART_ALL + x_part_of(sign), granularity, kernels, allocator,
                                "profile", &x));
    if (x_part_of(sign) == y_part_of(sign)) {
      status = compute_sign(&x, &x, sign, allocator, progress, worker, pairs);
    } else {
      status = kldsel_unit_rows_create(tensor, KLDSEL_PART_ALL + y_part_of(sign), granularity, kernels,
                                       allocator, "profile", &y);
      if (status == KLDSEL_OK) {
        status = compute_sign(&x, &y, sign, allocator, progress, worker, pairs);
        kldsel_unit_rows_release(&y);
      }
    }
    kldsel_unit_rows_release(&x);
  }
  return status;
}
