/* SPDX-License-Identifier: BSD-3-Clause */
#include "pairs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "distribution.h"
#include "divergence.h"
#include "kernels.h"
#include "kernels_exponential.h"
#include "linear.h"
#include "sum.h"
#include "threads.h"
#include "unit_rows.h"

/* Rows of a tile: its rows of C, all columns, stay in the second-level cache for up to some 2000 filters.
 * Part of the order of summation. */
enum {
  TILE_ROWS = MOST_ROWS
};
_Static_assert((int)TILE_ROWS == (int)BLOCK_ALIGNMENT, "tiles begin where blocks may");

kldsel_status kldsel_pairs_count(int64_t filters, int sign, size_t *count) {
  uint64_t ordered = (uint64_t)filters * ((uint64_t)filters - 1);
  if (ordered > LONGEST_DISTRIBUTION)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "%" PRId64 " filters have more than %" PRIu32 " pairs",
                       filters, (uint32_t)LONGEST_DISTRIBUTION);
  *count = (size_t)(sign == POSITIVE_NEGATIVE ? ordered : ordered / 2);
  return KLDSEL_OK;
}

/* The divergence within is the mean over ordered pairs of rows x != y of sum_k p_xk (l_xk - l_yk), with l =
 * ln p. That is 1/(M - 1) times the sum over columns k and rows x of (p_xk - mean p_k)(l_xk - mean l_k): a
 * covariance, which needs no difference of large sums if every tile takes it about its own means and the
 * tiles are then merged (Chan, Golub and LeVeque 1979). p and l are those of densities, M p - 1 and ln(M p).
 */
struct within {
  int64_t rows_seen;
  double *mean_density; /* [M], less one */
  double *mean_log;     /* [M] */
  struct sum covariance;
};

/* The divergence of p from uniform, p being the softmax of values v about any center: with g = exp(v) - 1 - v
 * and h = v exp(v) - exp(v) + 1, both >= 0, and a = mean(v + g), it is
 *
 *     (mean(h) - ((1 + a) ln(1 + a) - a)) / (1 + a)
 *
 * which a center near the mean of v keeps from cancelling: what is subtracted is of the order of a^2. */
struct uniform {
  struct sum values, excess, cross; /* of v, g and h */
};

/* One sign of a layer. */
struct job {
  const struct unit_rows *x, *y;
  int sign;
  int64_t filters;
  struct pairs *pairs;
  struct within within;
  struct uniform uniform;
  struct progress *progress;
  struct team *team;
  int32_t threads, worker;
  struct turns turns;
  /* A piece for each thread: a tile, a block of products, and the tile's means. */
  double *slots;
  size_t slot_doubles, tile_stride;
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int within_wanted(const struct job *job) {
  return job->pairs->within_temperature > 0;
}

static int uniform_wanted(const struct job *job) {
  return job->pairs->uniform_temperature > 0;
}

static int symmetric(const struct job *job) {
  return job->sign != POSITIVE_NEGATIVE;
}

/* Columns left of the first one that is wanted stay as they are. */
static void fill_tile(const struct job *job, int64_t first, int64_t rows, double *tile, double *block) {
  int64_t begin = symmetric(job) && !within_wanted(job) ? first / PRODUCT_BLOCK * PRODUCT_BLOCK : 0;
  for (int64_t j = begin; j < job->filters; j += PRODUCT_BLOCK) {
    int64_t columns = smaller(PRODUCT_BLOCK, job->filters - j);
    kldsel_cosine_block(job->x, first, rows, job->y, j, columns, 0, block);
    for (int64_t r = 0; r < rows; r++)
      memcpy(tile + r * (int64_t)job->tile_stride + j, block + r * PRODUCT_BLOCK,
             (size_t)columns * sizeof *tile);
  }
}

/* The pairs that a row of C adds: all but the diagonal, of a symmetric matrix those right of it. */
static void copy_pairs(const struct job *job, const double *row, int64_t i) {
  int64_t filters = job->filters, right = filters - i - 1;
  double *to = job->pairs->values[job->sign];
  if (symmetric(job)) {
    to += i * (filters - 1) - i * (i - 1) / 2;
  } else {
    to += i * (filters - 1);
    memcpy(to, row, (size_t)i * sizeof *to);
    to += i;
  }
  memcpy(to, row + i + 1, (size_t)right * sizeof *to);
}

static void merge_tile(struct within *within, int64_t filters, int64_t rows, const double *mean_density,
                       const double *mean_log, double products) {
  double seen = (double)within->rows_seen, share = (double)rows / (seen + (double)rows), between = 0.0;
  struct sum sum = {0};
  for (int64_t k = 0; k < filters; k++) {
    double density_step = mean_density[k] - within->mean_density[k];
    double log_step = mean_log[k] - within->mean_log[k];
    within->mean_density[k] += density_step * share;
    within->mean_log[k] += log_step * share;
    between += density_step * log_step;
    if (k % PRODUCT_BLOCK == PRODUCT_BLOCK - 1) {
      sum_add(&sum, between);
      between = 0.0;
    }
  }
  sum_add(&sum, between);
  sum_add(&within->covariance, products);
  sum_add(&within->covariance, sum_value(&sum) * seen * share);
  within->rows_seen += rows;
}

/* The pairs that a row of C adds to the divergence from uniform. */
static void spread_pairs(const struct job *job, const double *row, int64_t i, struct spread *spread) {
  const struct exponential_kernels *exponentials = job->x->kernels->exponentials;
  double center = job->pairs->mean[job->sign], temperature = job->pairs->uniform_temperature;
  if (!symmetric(job)) exponentials->spread(row, (size_t)i, center, temperature, spread);
  exponentials->spread(row + i + 1, (size_t)(job->filters - i - 1), center, temperature, spread);
}

static void merge_spread(struct uniform *uniform, const struct spread *spread) {
  sum_add(&uniform->values, spread->values);
  sum_add(&uniform->excess, spread->excess);
  sum_add(&uniform->cross, spread->cross);
}

static double uniform_divergence(const struct job *job) {
  const struct uniform *uniform = &job->uniform;
  double count = (double)job->filters * (double)(job->filters - 1) / (symmetric(job) ? 2.0 : 1.0);
  return kldsel_uniform_divergence(count, sum_value(&uniform->values), sum_value(&uniform->excess),
                                   sum_value(&uniform->cross));
}

static void run_tile(void *context, size_t task, int32_t task_worker) {
  struct job *job = context;
  int64_t filters = job->filters, first = (int64_t)task * TILE_ROWS,
          rows = smaller(TILE_ROWS, filters - first);
  double *tile = job->slots + (size_t)task_worker * job->slot_doubles;
  double *block = tile + TILE_ROWS * job->tile_stride, *mean_density = block + BLOCK_DOUBLES;
  double *mean_log = mean_density + filters, products = 0.0;
  const struct exponential_kernels *exponentials = job->x->kernels->exponentials;
  int within = within_wanted(job), uniform = uniform_wanted(job),
      cancelled = progress_cancelled(job->progress);
  struct spread spread = {0};
  if (!cancelled) {
    fill_tile(job, first, rows, tile, block);
    for (int64_t r = 0; r < rows; r++) {
      double *row = tile + r * (int64_t)job->tile_stride;
      if (job->pairs->values[job->sign] != NULL) copy_pairs(job, row, first + r);
      if (uniform) spread_pairs(job, row, first + r, &spread);
      if (within) exponentials->log_densities(row, (size_t)filters, job->pairs->within_temperature);
    }
    if (within)
      products = exponentials->row_moments(tile, job->tile_stride, (size_t)rows, (size_t)filters,
                                           mean_density, mean_log);
  }
  if (within || uniform) {
    kldsel_turns_wait(&job->turns, task);
    if (uniform) merge_spread(&job->uniform, &spread);
    if (within && !cancelled) merge_tile(&job->within, filters, rows, mean_density, mean_log, products);
    kldsel_turns_advance(&job->turns);
  }
  if (!cancelled)
    progress_add(job->progress, (uint64_t)(rows * filters),
                 progress_worker(job->threads, task_worker, job->worker));
}

static kldsel_status compute_sign(struct job job, const struct allocator *allocator) {
  int64_t filters = job.filters;
  size_t tiles = (size_t)((filters - 1) / TILE_ROWS + 1);
  if ((size_t)job.threads > tiles) job.threads = (int32_t)tiles;
  /* Odd in cache lines: pages apart, rows would contend for the same places in the cache. */
  job.tile_stride = (((size_t)filters + 7) / 8 | 1) * 8;
  job.slot_doubles = TILE_ROWS * job.tile_stride + BLOCK_DOUBLES + 2 * (size_t)filters;
  void *memory;
  TRY(kldsel_allocate(allocator, (size_t)job.threads * job.slot_doubles + 2 * (size_t)filters, sizeof(double),
                      "profile", &memory));
  job.within.mean_density = memory;
  job.within.mean_log = job.within.mean_density + filters;
  memset(memory, 0, (size_t)(2 * filters) * sizeof(double));
  job.slots = job.within.mean_log + filters;
  kldsel_turns_begin(&job.turns);
  kldsel_team_run(job.team, job.threads, tiles, run_tile, &job);
  kldsel_turns_end(&job.turns);
  kldsel_release(allocator, memory);
  if (progress_cancelled(job.progress)) return KLDSEL_ERROR_CANCELLED;
  double divergence = sum_value(&job.within.covariance) / (double)filters / (double)(filters - 1);
  job.pairs->within[job.sign] = within_wanted(&job) ? fmax(divergence, 0.0) : (double)NAN;
  if (uniform_wanted(&job)) job.pairs->uniform[job.sign] = uniform_divergence(&job);
  return KLDSEL_OK;
}

kldsel_status kldsel_pairs_compute(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                   int32_t granularity, struct team *team, const struct allocator *allocator,
                                   struct progress *progress, int32_t worker, struct pairs *pairs) {
  struct unit_rows parts[SIGN_PARTS] = {{.memory = NULL}};
  kldsel_status status = KLDSEL_OK;
  for (int sign = 0; sign < SIGNS && status == KLDSEL_OK; sign++) {
    if (!sign_wanted(pairs->signs, sign)) {
      pairs->within[sign] = pairs->uniform[sign] = (double)NAN;
      continue;
    }
    int x = x_part_of(sign), y = y_part_of(sign);
    /* Those that this sign has in common with the one before are made. */
    for (int part = x; part <= y && status == KLDSEL_OK; part++)
      if (parts[part].memory == NULL)
        status = kldsel_unit_rows_create(tensor, KLDSEL_PART_ALL + part, granularity, kernels, team,
                                         allocator, "profile", &parts[part]);
    struct job job = {.x = &parts[x],
                      .y = &parts[y],
                      .sign = sign,
                      .filters = tensor->filters,
                      .pairs = pairs,
                      .progress = progress,
                      .team = team,
                      .threads = kldsel_team_threads(team),
                      .worker = worker};
    if (status == KLDSEL_OK) status = compute_sign(job, allocator);
    if (sign == ALL && parts[ALL].memory != NULL) { /* no other sign needs it */
      kldsel_unit_rows_release(&parts[ALL]);
      parts[ALL].memory = NULL;
    }
  }
  for (int part = 0; part < SIGN_PARTS; part++)
    if (parts[part].memory != NULL) kldsel_unit_rows_release(&parts[part]);
  return status;
}
