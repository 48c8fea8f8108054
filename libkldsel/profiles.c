/* SPDX-License-Identifier: BSD-3-Clause */
/* Tensors to profiles: layers in parallel, large ones split over the threads. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cpu.h"
#include "dtype.h"
#include "linear.h"
#include "pairs.h"
#include "profile.h"
#include "threads.h"

/* Splitting a smaller layer over threads costs more than it gains. */
#define FEWEST_WEIGHTS_TO_SPLIT (1 << 18)

/* No memory holds more; below it, sizes of scratch do not overflow. */
#define LARGEST_EXTENT (INT64_C(1) << (SIZE_MAX > UINT32_MAX ? 48 : 26))

/* The layers of one call. */
struct batch {
  const kldsel_tensor *const *tensors;
  size_t count;
  const struct kldsel_options *options;
  enum profiles_use use;
  const struct kernels *kernels;
  struct progress progress;
  size_t *by_size; /* layer indices, largest first */
  int32_t threads;
  size_t split;              /* the first of them that are run on all threads, one after the other */
  kldsel_profile **profiles; /* by layer */
  pthread_mutex_t failing;   /* guards the rest: the first layer in network order that failed */
  size_t failed_layer;
  kldsel_status failed_status;
  char failed_text[256];
};

/* Whether the cosine matrices of a layer are to be computed. */
static int needs_pairs(const struct kldsel_options *options) {
  return kldsel_reference_of(options) == KLDSEL_REFERENCE_WITHIN ||
         (kldsel_distribution_of(options) == KLDSEL_DISTRIBUTION_PAIRS &&
          (kldsel_content_of(options) & KLDSEL_CONTENT_VALUES));
}

/* Whether the pairs serve for a divergence from uniform only, which needs none of them kept. */
static int streams_pairs(const struct batch *batch) {
  const struct kldsel_options *options = batch->options;
  return batch->use == PROFILES_FOR_UNIFORM && options->temperature >= LEAST_STREAMED_TEMPERATURE &&
         kldsel_distribution_of(options) == KLDSEL_DISTRIBUTION_PAIRS;
}

static kldsel_status compute(struct batch *batch, const struct kldsel_tensor *tensor, struct team *team,
                             int32_t worker, struct upcoming upcoming, struct kldsel_profile *profile) {
  const struct allocator *allocator = &batch->options->allocator;
  int by_pairs = profile->distribution == KLDSEL_DISTRIBUTION_PAIRS;
  struct similarity similarity = {.signs = profile->signs, .content = profile->content};
  if (by_pairs) similarity.content &= ~KLDSEL_CONTENT_VALUES;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++)
    if (!by_pairs && kldsel_profile_holds_values(profile, sign))
      similarity.profile[sign] = profile->values[sign];
  TRY(kldsel_linear_profile(tensor, batch->kernels, profile->granularity, team, allocator, &batch->progress,
                            worker, upcoming, &similarity));
  profile->positive = similarity.positive;
  profile->negative = similarity.negative;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    profile->mean[sign] = similarity.mean[sign];
    profile->within[sign] = (double)NAN;
  }
  if (profile->filters < 2 || !needs_pairs(batch->options)) return KLDSEL_OK;
  struct pairs pairs = {.signs = profile->signs, .within_temperature = profile->within_temperature};
  if (streams_pairs(batch)) pairs.uniform_temperature = batch->options->temperature;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    pairs.values[sign] = by_pairs && profile->length[sign] > 0 ? profile->values[sign] : NULL;
    pairs.mean[sign] = similarity.mean[sign]; /* where values are wanted, means are, too */
  }
  TRY(kldsel_pairs_compute(tensor, batch->kernels, profile->granularity, team, allocator, &batch->progress,
                           worker, &pairs));
  memcpy(profile->within, pairs.within, sizeof profile->within);
  memcpy(profile->uniform, pairs.uniform, sizeof profile->uniform);
  return KLDSEL_OK;
}

static kldsel_status create(struct batch *batch, const struct kldsel_tensor *tensor, struct team *team,
                            int32_t worker, struct upcoming upcoming, struct kldsel_profile **profile) {
  if (tensor->filters > LARGEST_EXTENT || tensor->elements > LARGEST_EXTENT)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "%" PRId64 " filters of %" PRId64 " elements are too large",
                       tensor->filters, tensor->elements);
  const struct kldsel_options *options = batch->options;
  struct kldsel_profile head = {.allocator = options->allocator,
                                .filters = tensor->filters,
                                .elements = tensor->elements,
                                .granularity = kldsel_granularity_of(options),
                                .distribution = kldsel_distribution_of(options),
                                .signs = kldsel_signs_of(options),
                                .content = kldsel_content_of(options)};
  if (kldsel_reference_of(options) == KLDSEL_REFERENCE_WITHIN) head.within_temperature = options->temperature;
  if (streams_pairs(batch)) {
    head.uniform_temperature = options->temperature;
    head.content &= ~KLDSEL_CONTENT_VALUES;
  }
  struct kldsel_profile *made;
  TRY(kldsel_profile_allocate(&head, &made));
  kldsel_status status = compute(batch, tensor, team, worker, upcoming, made);
  if (status != KLDSEL_OK) {
    kldsel_profile_free(made);
    return status;
  }
  made->content = kldsel_content_of(options);
  if (batch->use == PROFILES_FOR_UNIFORM && !streams_pairs(batch))
    kldsel_profile_reduce(made, options->temperature);
  *profile = made;
  return KLDSEL_OK;
}

/* A layer that failed does not stop the others: so which error is told does not depend on timing. */
static void run_layer(struct batch *batch, size_t layer, struct team *team, int32_t worker,
                      struct upcoming upcoming) {
  if (batch->tensors[layer] == NULL || progress_cancelled(&batch->progress)) return;
  kldsel_status status =
      create(batch, batch->tensors[layer], team, worker, upcoming, &batch->profiles[layer]);
  if (status == KLDSEL_OK) return;
  pthread_mutex_lock(&batch->failing);
  if (batch->failed_status == KLDSEL_OK || layer < batch->failed_layer) {
    batch->failed_layer = layer;
    batch->failed_status = status;
    snprintf(batch->failed_text, sizeof batch->failed_text, "%s", kldsel_last_error());
  }
  pthread_mutex_unlock(&batch->failing);
}

static uint64_t weights_of(const struct batch *batch, size_t layer) {
  const struct kldsel_tensor *tensor = batch->tensors[layer];
  return tensor != NULL ? (uint64_t)(tensor->filters * tensor->elements) : 0;
}

static void run_small_layer(void *context, size_t task, int32_t worker) {
  struct batch *batch = context;
  size_t place = batch->split + task, later = place + (size_t)batch->threads;
  struct upcoming upcoming = {0};
  const struct kldsel_tensor *next = later < batch->count ? batch->tensors[batch->by_size[later]] : NULL;
  if (next != NULL) {
    upcoming.at = (const char *)next->origin;
    upcoming.bytes = weights_of(batch, batch->by_size[later]) * dtype_bytes(next->dtype);
  }
  run_layer(batch, batch->by_size[place], NULL, worker, upcoming);
}

/* Those that the cosine matrices of its signs have. */
static uint64_t similarities_of(const struct batch *batch, size_t layer) {
  const struct kldsel_tensor *tensor = batch->tensors[layer];
  if (tensor == NULL || tensor->filters < 2) return 0;
  uint64_t signs = (uint64_t)__builtin_popcount((unsigned)kldsel_signs_of(batch->options));
  return signs * (uint64_t)tensor->filters * (uint64_t)tensor->filters;
}

/* A layer's time, in weights: that of its cosine matrices is about a 32nd of one for each product. */
static double cost_of(const struct batch *batch, size_t layer) {
  double weights = (double)weights_of(batch, layer);
  if (weights == 0 || !needs_pairs(batch->options)) return weights;
  return weights + weights * (double)batch->tensors[layer]->filters / 32;
}

struct sized {
  double cost;
  size_t layer;
};

static int by_cost_then_layer(const void *a, const void *b) {
  const struct sized *x = a, *y = b;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  return (x->layer > y->layer) - (x->layer < y->layer);
}

/* Largest first; those that would keep one thread busy long after the others are split over all of them. */
static kldsel_status schedule(struct batch *batch, int32_t threads) {
  void *memory;
  TRY(kldsel_allocate(&batch->options->allocator, batch->count, sizeof(struct sized), "profiles", &memory));
  struct sized *sized = memory;
  double total = 0.0;
  for (size_t i = 0; i < batch->count; i++) {
    sized[i] = (struct sized){cost_of(batch, i), i};
    total += sized[i].cost;
  }
  qsort(sized, batch->count, sizeof *sized, by_cost_then_layer);
  for (size_t i = 0; i < batch->count; i++) {
    batch->by_size[i] = sized[i].layer;
    int split =
        threads > 1 && sized[i].cost >= FEWEST_WEIGHTS_TO_SPLIT && sized[i].cost > total / (2.0 * threads);
    if (split) batch->split++;
  }
  kldsel_release(&batch->options->allocator, memory);
  return KLDSEL_OK;
}

/* The text of the failure, on the calling thread. */
static kldsel_status tell_failure(struct batch *batch, enum tensor_names names) {
  if (progress_cancelled(&batch->progress))
    return kldsel_fail(KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
  if (batch->failed_status == KLDSEL_OK) return KLDSEL_OK;
  char name[48] = "tensor";
  size_t first_given = names == NAMES_WITH_GIVEN ? batch->count / 2 : batch->count;
  if (names != NAME_ONE && batch->failed_layer < first_given)
    snprintf(name, sizeof name, "tensors[%zu]", batch->failed_layer);
  if (batch->failed_layer >= first_given)
    snprintf(name, sizeof name, "given[%zu]", batch->failed_layer - first_given);
  kldsel_status status = batch->failed_status == KLDSEL_ERROR_NOT_FINITE
                             ? kldsel_tensor_not_finite(batch->tensors[batch->failed_layer], name)
                             : kldsel_fail(batch->failed_status, "%s: %s", name, batch->failed_text);
  if (names != NAME_ONE) kldsel_set_error_layer((int64_t)(batch->failed_layer % first_given));
  return status;
}

static kldsel_status run_batch(struct batch *batch, enum tensor_names names) {
  uint64_t total = 0, similarities = 0;
  for (size_t i = 0; i < batch->count; i++) {
    total += weights_of(batch, i);
    if (needs_pairs(batch->options)) similarities += similarities_of(batch, i);
    batch->profiles[i] = NULL;
  }
  const struct upcoming none = {0};
  int32_t threads = batch->threads = kldsel_thread_count(batch->options->threads);
  TRY(schedule(batch, threads));
  progress_begin(&batch->progress, batch->options, total + similarities);
  pthread_mutex_init(&batch->failing, NULL);
  struct team team;
  kldsel_team_begin(&team, threads);
  for (size_t i = 0; i < batch->split; i++) run_layer(batch, batch->by_size[i], &team, 0, none);
  kldsel_team_run(&team, threads, batch->count - batch->split, run_small_layer, batch);
  kldsel_team_end(&team);
  pthread_mutex_destroy(&batch->failing);
  progress_end(&batch->progress);
  kldsel_status status = tell_failure(batch, names);
  if (status != KLDSEL_OK)
    for (size_t i = 0; i < batch->count; i++) kldsel_profile_free(batch->profiles[i]);
  return status;
}

kldsel_status kldsel_profiles_create(const kldsel_tensor *const *tensors, size_t count,
                                     const struct kldsel_options *options, enum tensor_names names,
                                     enum profiles_use use, kldsel_profile **profiles) {
  struct batch batch = {.tensors = tensors, .count = count, .options = options, .use = use};
  TRY(kldsel_cpu_kernels(options->cpu_level, &batch.kernels));
  void *by_size, *made;
  TRY(kldsel_allocate(&options->allocator, count, sizeof *batch.by_size, "profiles", &by_size));
  kldsel_status status =
      kldsel_allocate(&options->allocator, count, sizeof *batch.profiles, "profiles", &made);
  if (status == KLDSEL_OK) {
    batch.by_size = by_size;
    batch.profiles = made;
    status = run_batch(&batch, names);
    if (status == KLDSEL_OK) memcpy(profiles, made, count * sizeof *profiles);
    kldsel_release(&options->allocator, made);
  }
  kldsel_release(&options->allocator, by_size);
  return status;
}

kldsel_status kldsel_profile_create(const kldsel_tensor *tensor, const kldsel_options *options,
                                    kldsel_profile **profile) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE_NOT_NULL(profile);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  return kldsel_profiles_create(&tensor, 1, &chosen, NAME_ONE, PROFILES_FOR_ANYTHING, profile);
}

kldsel_status kldsel_profile_create_many(kldsel_tensor *const *tensors, size_t count,
                                         const kldsel_options *options, kldsel_profile **profiles) {
  REQUIRE_NOT_NULL(tensors);
  REQUIRE(count > 0, "count is 0");
  for (size_t i = 0; i < count; i++) REQUIRE_OF_LAYER(tensors[i] != NULL, i, "tensors[%zu] is NULL", i);
  REQUIRE_NOT_NULL(profiles);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  return kldsel_profiles_create((const kldsel_tensor *const *)tensors, count, &chosen, NAMES_OWN,
                                PROFILES_FOR_ANYTHING, profiles);
}
