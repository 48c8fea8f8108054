/* SPDX-License-Identifier: BSD-3-Clause */
#include "linear_channels.h"

#include <string.h>

#include "check.h"
#include "dtype.h"
#include "kernels_convert.h"
#include "kernels_slices.h"
#include "linear_job.h"
#include "normalize.h"

/* Sizes of a chunk and of a block, part of the order of summation, so never a function of the thread count.
 * A chunk's weights, and the three inverse norms of each of its slices, stay in the second-level cache, a
 * block of doubles in the first. */
enum {
  CHUNK_SLICES = 1 << 14,
  SIGNS_TO_SLICES = 8, /* of one element, which have no norms */
  DOUBLES_OF_BLOCK = 1 << 12,
  FEWEST_FILTERS = 8,
  LANE_STEP = 8,
  CACHE_LINE = 64,
  TOLD_AT_ONCE = 1 << 16 /* weights */
};

struct channels {
  const struct kldsel_tensor *tensor;
  const struct kernels *kernels;
  struct progress *progress;
  struct similarity *similarity;
  struct team *team;
  int32_t threads, worker;
  int wanted; /* by the kernels */
  struct axes filter_axes, channel_axes, rest_axes;
  int64_t filters, channels, elements; /* elements of one slice */
  int64_t chunk_channels, lanes, block_filters;
  size_t chunks;
  struct turns turns;

  size_t filter_ahead;      /* bytes from a filter to the next but one */
  int64_t *element_offsets; /* [elements], in bytes */
  double *dots;             /* [M][4], then c */
  double *not_zero;         /* [M][3]: how many slices are not zero */
  double mean_dots[SIGNS];
  uint64_t told; /* of progress */
  double *slots; /* one piece for each thread, of slot_doubles */
  uint64_t slot_doubles;
};

/* A thread's piece, and the chunk it works on. */
struct slot {
  double *x, *weights, *sums, *dots, *not_zero;
  int64_t *counts; /* positive, negative; then what was found */
  int64_t first_channel, channels;
  int32_t worker;
  uint64_t told, not_told; /* of progress */
};

static struct slot slot_of_worker(const struct channels *job, int32_t worker) {
  double *base = job->slots + (size_t)worker * job->slot_doubles;
  int64_t row = job->elements * job->lanes;
  struct slot slot = {.x = base};
  slot.weights = slot.x + job->block_filters * row;
  slot.sums = slot.weights + (job->elements > 1 ? job->filters * SIGN_PARTS * job->lanes : 0);
  slot.dots = slot.sums + SIGN_PARTS * row;
  slot.not_zero = slot.dots + job->filters * SIGNS;
  slot.counts = (int64_t *)(void *)(slot.not_zero + job->filters * SIGN_PARTS);
  return slot;
}

static int wants_dots(const struct channels *job) {
  return job->filters > 1 && (job->similarity->content & KLDSEL_CONTENT_VALUES) != 0;
}

static int wants_means(const struct channels *job) {
  return (job->similarity->content & (KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS)) != 0;
}

static int contiguous(const struct channels *job, const struct axes *axes) {
  return axes->count == 1 && axes->axis[0].stride_bytes == (int64_t)dtype_bytes(job->tensor->dtype);
}

/* One element of a slice for the channels of a chunk. */
static void fill_lanes(const struct channels *job, const struct slot *slot, const unsigned char *base,
                       double *to) {
  const struct convert_kernels *convert = job->kernels->convert;
  int32_t dtype = job->tensor->dtype;
  const struct axes *axes = &job->channel_axes;
  if (axes->count == 1) {
    int64_t stride = axes->axis[0].stride_bytes;
    convert->run[dtype](base + slot->first_channel * stride, stride, job->filter_ahead,
                        (size_t)slot->channels, to);
    return;
  }
  for (int64_t z = 0; z < slot->channels; z++)
    to[z] = load_as_double(dtype, base + kldsel_axes_offset(axes, slot->first_channel + z));
}

static int64_t filter_offset(const struct channels *job, int64_t filter) {
  const struct axes *axes = &job->filter_axes;
  return axes->count == 1 ? filter * axes->axis[0].stride_bytes : kldsel_axes_offset(axes, filter);
}

/* x[filters][elements][lanes] of the chunk's channels, as they lie best in memory. */
static void fill_block(const struct channels *job, const struct slot *slot, int64_t first, int64_t filters) {
  const struct kldsel_tensor *tensor = job->tensor;
  const struct convert_kernels *convert = job->kernels->convert;
  int64_t n = job->elements, lanes = job->lanes, stride = job->channel_axes.axis[0].stride_bytes;
  int one_stride = job->channel_axes.count == 1, along = contiguous(job, &job->channel_axes);
  size_t channels = (size_t)slot->channels;
  if (slot->channels < lanes) memset(slot->x, 0, (size_t)(filters * n * lanes) * sizeof(double));
  const unsigned char *origin = tensor->origin + (one_stride ? slot->first_channel * stride : 0);
  if (one_stride && !along && contiguous(job, &job->filter_axes)) {
    const unsigned char *base = origin + filter_offset(job, first);
    for (int64_t e = 0; e < n; e++)
      convert->transpose[tensor->dtype](base + job->element_offsets[e], stride, CACHE_LINE, channels,
                                        (size_t)filters, slot->x + e * lanes, (size_t)(n * lanes));
  } else {
    int by_slice = one_stride && !along && contiguous(job, &job->rest_axes);
    for (int64_t i = 0; i < filters; i++) {
      int64_t offset = filter_offset(job, first + i);
      double *x = slot->x + i * n * lanes;
      if (by_slice)
        convert->transpose[tensor->dtype](origin + offset, stride, job->filter_ahead, channels, (size_t)n, x,
                                          (size_t)lanes);
      else
        for (int64_t e = 0; e < n; e++)
          fill_lanes(job, slot, tensor->origin + offset + job->element_offsets[e], x + e * lanes);
    }
  }
  if (tensor->scale_count == 0) return;
  for (int64_t row = 0; row < filters * n; row++)
    kldsel_dequantize_filter(convert, tensor, first + row / n, slot->x + row * lanes, slot->channels);
}

static struct slice_block block_of(const struct channels *job, const struct slot *slot, int64_t filters) {
  return (struct slice_block){slot->x, (size_t)filters, (size_t)job->elements, (size_t)job->lanes};
}

/* The squares of doubles might be lost. */
static int scanned_channels(const struct channels *job) {
  return job->tensor->dtype == KLDSEL_DTYPE_F64 || job->tensor->scale_count > 0;
}

static void note(const struct slot *slot, int found) {
  if (found > slot->counts[2]) slot->counts[2] = found;
}

/* Progress, not too often. */
static void tell(const struct channels *job, struct slot *slot, int64_t weights, uint64_t at_least) {
  slot->not_told += (uint64_t)weights;
  if (slot->not_told < at_least) return;
  progress_add(job->progress, slot->not_told, slot->worker);
  slot->told += slot->not_told;
  slot->not_told = 0;
}

/* Norms, and the sums of what they divide. */
static void sum_chunk(const struct channels *job, struct slot *slot) {
  const struct slice_kernels *slices = job->kernels->slices;
  memset(slot->sums, 0, (size_t)(SIGN_PARTS * job->elements * job->lanes) * sizeof(double));
  for (int64_t i = 0; i < job->filters && !progress_cancelled(job->progress); i += job->block_filters) {
    int64_t filters = smaller(job->block_filters, job->filters - i);
    struct slice_block block = block_of(job, slot, filters);
    int64_t share = filters * slot->channels * job->elements;
    tell(job, slot, wants_dots(job) ? share / 2 : share, TOLD_AT_ONCE);
    fill_block(job, slot, i, filters);
    if (job->elements == 1) {
      double(*not_zero)[SIGN_PARTS] = (double(*)[SIGN_PARTS])(slot->not_zero + i * SIGN_PARTS);
      if (!isfinite(slices->take_signs(&block, slot->x, not_zero))) note(slot, SCAN_NOT_FINITE);
      slices->accumulate_signs(&block, slot->sums);
      for (int64_t r = 0; r < filters; r++) {
        slot->counts[0] += (int64_t)not_zero[r][POSITIVE];
        slot->counts[1] += (int64_t)not_zero[r][NEGATIVE];
      }
      continue;
    }
    if (scanned_channels(job))
      note(slot, job->kernels->scan(slot->x, block.filters * block.elements * block.lanes));
    double *weights = slot->weights + i * SIGN_PARTS * job->lanes;
    double squares = slices->weigh(&block, weights, slot->counts);
    if (!scanned_channels(job) && !isfinite(squares)) note(slot, SCAN_NOT_FINITE);
    for (int64_t r = 0; r < filters; r++)
      slices->count_not_zero(weights + r * SIGN_PARTS * job->lanes, block.lanes,
                             slot->not_zero + (i + r) * SIGN_PARTS);
    slices->accumulate(job->wanted, &block, weights, slot->sums);
  }
}

/* The products with those sums. */
static void dot_chunk(const struct channels *job, struct slot *slot) {
  const struct slice_kernels *slices = job->kernels->slices;
  for (int64_t i = 0; i < job->filters && !progress_cancelled(job->progress); i += job->block_filters) {
    int64_t filters = smaller(job->block_filters, job->filters - i);
    struct slice_block block = block_of(job, slot, filters);
    double(*dots)[SIGNS] = (double(*)[SIGNS])(slot->dots + i * SIGNS);
    tell(job, slot, filters * slot->channels * job->elements / 2, TOLD_AT_ONCE);
    fill_block(job, slot, i, filters);
    if (job->elements == 1) {
      slices->take_signs(&block, slot->x, (double(*)[SIGN_PARTS])(slot->not_zero + i * SIGN_PARTS));
      slices->dot_signs(job->wanted, &block, slot->sums, dots);
    } else {
      slices->dots(job->wanted, &block, slot->weights + i * SIGN_PARTS * job->lanes, slot->sums, dots);
    }
  }
}

static void add_array(double *sums, const double *values, int64_t n) {
  for (int64_t i = 0; i < n; i++) sums[i] += values[i];
}

static void run_chunk(void *context, size_t chunk, int32_t task_worker) {
  struct channels *job = context;
  struct slot slot = slot_of_worker(job, task_worker);
  slot.first_channel = (int64_t)chunk * job->chunk_channels;
  slot.channels = smaller(job->chunk_channels, job->channels - slot.first_channel);
  int64_t weights = slot.channels * job->elements * job->filters;
  slot.worker = progress_worker(job->threads, task_worker, job->worker);
  sum_chunk(job, &slot);
  int lossy = slot.counts[2] == SCAN_EXTREME && wants_means(job); /* all is going to be done again */
  int summed = job->filters > 1 && slot.counts[2] == SCAN_ORDINARY && !progress_cancelled(job->progress);
  int dotted = summed && wants_dots(job);
  if (dotted) dot_chunk(job, &slot);
  int64_t left = weights - (int64_t)(slot.told + slot.not_told);
  tell(job, &slot, lossy ? 0 : left, 0);
  kldsel_turns_wait(&job->turns, chunk);
  job->told += slot.told;
  if (dotted) add_array(job->dots, slot.dots, job->filters * SIGNS);
  if (summed) {
    int64_t row = job->elements * job->lanes;
    add_array(job->not_zero, slot.not_zero, job->filters * SIGN_PARTS);
    for (int sign = 0; sign < SIGNS; sign++)
      job->mean_dots[sign] +=
          kldsel_dot(job->kernels, slot.sums + x_part_of(sign) * row, slot.sums + y_part_of(sign) * row, row);
  }
  kldsel_turns_advance(&job->turns);
}

static int64_t round_up(int64_t value) {
  return (value + LANE_STEP - 1) / LANE_STEP * LANE_STEP;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static void choose_sizes(struct channels *job) {
  int64_t by_cache = (int64_t)CHUNK_SLICES * (job->elements > 1 ? 1 : SIGNS_TO_SLICES) / job->filters;
  int64_t by_block = DOUBLES_OF_BLOCK / FEWEST_FILTERS / job->elements;
  int64_t most = larger(smaller(by_cache, by_block) / LANE_STEP * LANE_STEP, LANE_STEP);
  /* As many channels in each chunk as can be. */
  int64_t chunks = (job->channels - 1) / most + 1;
  job->chunk_channels = job->lanes = round_up((job->channels - 1) / chunks + 1);
  job->chunks = (size_t)((job->channels - 1) / job->chunk_channels + 1);
  job->block_filters = larger(
      DOUBLES_OF_BLOCK / (job->elements * job->lanes) / FEWEST_FILTERS * FEWEST_FILTERS, FEWEST_FILTERS);
  job->block_filters = smaller(job->block_filters, job->filters);
  if ((size_t)job->threads > job->chunks) job->threads = (int32_t)job->chunks;
}

static kldsel_status allocate_scratch(struct channels *job, const struct allocator *allocator,
                                      void **scratch) {
  /* Extents are at most 2^48 (profiles.c), threads 2^10 and no more than there are chunks: the sum is below
   * 2^64. */
  int64_t row = job->elements * job->lanes, per_slice = job->elements > 1 ? SIGN_PARTS * job->lanes : 0;
  job->slot_doubles = (uint64_t)(job->block_filters * row + SIGN_PARTS * row) +
                      (uint64_t)(job->filters * (per_slice + SIGNS + SIGN_PARTS)) + 3;
  uint64_t shared = (uint64_t)job->elements + (uint64_t)job->filters * (SIGNS + SIGN_PARTS);
  TRY(kldsel_allocate(allocator, shared + job->slot_doubles * (uint64_t)job->threads, sizeof(double),
                      "profile", scratch));
  double *next = *scratch;
  job->element_offsets = (int64_t *)(void *)next;
  for (int64_t e = 0; e < job->elements; e++)
    job->element_offsets[e] = kldsel_axes_offset(&job->rest_axes, e);
  job->dots = next + job->elements;
  job->not_zero = job->dots + job->filters * SIGNS;
  memset(job->dots, 0, (size_t)(job->filters * (SIGNS + SIGN_PARTS)) * sizeof(double));
  job->slots = job->not_zero + job->filters * SIGN_PARTS;
  for (int32_t t = 0; t < job->threads; t++) memset(slot_of_worker(job, t).counts, 0, 3 * sizeof(int64_t));
  return KLDSEL_OK;
}

static void finish(const struct channels *job) {
  struct similarity *similarity = job->similarity;
  double channels = (double)job->channels, others = (double)(job->filters - 1), diagonals[SIGN_PARTS] = {0};
  for (int64_t i = 0; i < job->filters; i++)
    for (int part = 0; part < SIGN_PARTS; part++) diagonals[part] += job->not_zero[i * SIGN_PARTS + part];
  for (int sign = 0; sign < SIGNS; sign++) {
    /* No filter's two parts have an element in common. */
    int part = sign == POSITIVE_NEGATIVE ? -1 : sign;
    double *profile = similarity->profile[sign];
    for (int64_t i = 0; i < job->filters && profile != NULL; i++) {
      double own = part < 0 ? 0.0 : job->not_zero[i * SIGN_PARTS + part];
      profile[i] = clamp_similarity(sign, (job->dots[i * SIGNS + sign] - own) / channels / others);
    }
    double own = part < 0 ? 0.0 : diagonals[part];
    double mean = (job->mean_dots[sign] - own) / channels / ((double)job->filters * others);
    similarity->mean[sign] =
        wants_means(job) && sign_wanted(similarity->signs, sign) ? clamp_similarity(sign, mean) : (double)NAN;
  }
}

static kldsel_status run_channels(struct channels *job, int *lossy) {
  struct similarity *similarity = job->similarity;
  kldsel_turns_begin(&job->turns);
  kldsel_team_run(job->team, job->threads, job->chunks, run_chunk, job);
  kldsel_turns_end(&job->turns);
  if (progress_cancelled(job->progress)) return KLDSEL_ERROR_CANCELLED;
  similarity->positive = similarity->negative = 0;
  int found = SCAN_ORDINARY;
  for (int32_t t = 0; t < job->threads; t++) {
    const int64_t *counts = slot_of_worker(job, t).counts;
    if (similarity->content & KLDSEL_CONTENT_COUNTS) {
      similarity->positive += counts[0];
      similarity->negative += counts[1];
    }
    if (counts[2] > found) found = (int)counts[2];
  }
  if (found == SCAN_NOT_FINITE) return KLDSEL_ERROR_NOT_FINITE;
  *lossy = found == SCAN_EXTREME;
  if (*lossy) return KLDSEL_OK;
  if (job->filters > 1) finish(job);
  return KLDSEL_OK;
}

kldsel_status kldsel_channels_profile(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                      struct team *team, const struct allocator *allocator,
                                      struct progress *progress, int32_t worker,
                                      struct similarity *similarity, int *lossy, uint64_t *told) {
  uint32_t rest = ~(tensor->filter_axes | tensor->channel_axes);
  struct channels job = {.tensor = tensor,
                         .kernels = kernels,
                         .progress = progress,
                         .similarity = similarity,
                         .wanted = kernels_wanted(similarity->signs),
                         .team = team,
                         .threads = kldsel_team_threads(team),
                         .worker = worker,
                         .filter_axes = kldsel_axes_of(tensor, tensor->filter_axes),
                         .channel_axes = kldsel_axes_of(tensor, tensor->channel_axes),
                         .rest_axes = kldsel_axes_of(tensor, rest),
                         .filters = tensor->filters,
                         .channels = tensor->channels,
                         .elements = tensor->elements / tensor->channels};
  choose_sizes(&job);
  if (job.filter_axes.count == 1) job.filter_ahead = (size_t)(2 * job.filter_axes.axis[0].stride_bytes);
  void *scratch;
  TRY(allocate_scratch(&job, allocator, &scratch));
  kldsel_status status = run_channels(&job, lossy);
  kldsel_release(allocator, scratch);
  *told = job.told;
  return status;
}
