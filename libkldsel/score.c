/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles to scores: measures and references. */
#include "score.h"

#include <inttypes.h>
#include <math.h>

#include "check.h"
#include "distribution.h"
#include "divergence.h"
#include "threads.h"

/* One group's work: its layers, and for kl their distributions, then those of the given profiles. */
struct scoring {
  struct kldsel_profile *const *profiles;
  struct kldsel_profile *const *given;
  const struct group *group;
  const struct kldsel_options *options;
  int sign; /* from 0 */
  double *scores;
  int32_t *reasons;
};

static const struct kldsel_profile *member(const struct scoring *scoring, size_t i) {
  return scoring->profiles[scoring->group->members[i]];
}

static void set_score(const struct scoring *scoring, size_t i, double score, int32_t reason) {
  int64_t layer = scoring->group->members[i];
  scoring->scores[layer] = reason == KLDSEL_REASON_NONE ? score : (double)NAN;
  scoring->reasons[layer] = reason;
}

static int32_t size_reason(const struct kldsel_profile *profile) {
  return profile->filters > 1 ? KLDSEL_REASON_NONE : KLDSEL_REASON_TOO_FEW_FILTERS;
}

static void score_cosine(const struct scoring *scoring) {
  for (size_t i = 0; i < scoring->group->count; i++) {
    const struct kldsel_profile *profile = member(scoring, i);
    set_score(scoring, i, profile->mean[scoring->sign], size_reason(profile));
  }
}

static void score_share(const struct scoring *scoring) {
  for (size_t i = 0; i < scoring->group->count; i++) {
    const struct kldsel_profile *profile = member(scoring, i);
    int64_t counted = scoring->sign + 1 == KLDSEL_SIGN_POSITIVE ? profile->positive : profile->negative;
    double weights = (double)profile->filters * (double)profile->elements;
    set_score(scoring, i, (double)counted / weights, KLDSEL_REASON_NONE);
  }
}

static kldsel_status score_within(const struct scoring *scoring) {
  double temperature = scoring->options->temperature;
  for (size_t i = 0; i < scoring->group->count; i++) {
    const struct kldsel_profile *profile = member(scoring, i);
    int64_t layer = scoring->group->members[i];
    if (profile->within_temperature == 0)
      return kldsel_fail_of_layer(
          layer, KLDSEL_ERROR_MISSING,
          "profiles[%" PRId64 "] holds no divergence within; make it with REFERENCE within", layer);
    if (profile->within_temperature != temperature)
      return kldsel_fail_of_layer(layer, KLDSEL_ERROR_MISSING,
                                  "profiles[%" PRId64
                                  "] holds the divergence within at temperature %g, not %g",
                                  layer, profile->within_temperature, temperature);
    set_score(scoring, i, profile->within[scoring->sign], size_reason(profile));
  }
  return KLDSEL_OK;
}

static struct distribution make(const struct scoring *scoring, const struct kldsel_profile *profile,
                                double *memory) {
  int sorted = kldsel_alignment_of(scoring->options) == KLDSEL_ALIGNMENT_QUANTILE;
  return kldsel_distribution_make(profile->values[scoring->sign], profile->length[scoring->sign],
                                  scoring->options->temperature, sorted, memory);
}

/* Fewer values are taken sooner than a thread is started. */
#define FEWEST_VALUES_PER_THREAD (1 << 16)

/* The layers of score_uniform(), which share no work. */
struct uniform {
  const struct scoring *scoring;
  double *memory; /* one piece for each worker */
  size_t longest; /* doubles in a piece */
};

static void score_one_uniform(void *context, size_t i, int32_t worker) {
  const struct uniform *uniform = context;
  const struct scoring *scoring = uniform->scoring;
  const struct kldsel_profile *profile = member(scoring, i);
  if (profile->uniform_temperature > 0) {
    set_score(scoring, i, profile->uniform[scoring->sign], size_reason(profile));
    return;
  }
  double score = kldsel_distribution_uniform(profile->values[scoring->sign], profile->length[scoring->sign],
                                             scoring->options->temperature,
                                             uniform->memory + (size_t)worker * uniform->longest);
  set_score(scoring, i, score, size_reason(profile));
}

static kldsel_status score_uniform(const struct scoring *scoring) {
  struct uniform uniform = {.scoring = scoring};
  size_t total = 0;
  for (size_t i = 0; i < scoring->group->count; i++) {
    size_t length = member(scoring, i)->length[scoring->sign];
    total += length;
    if (length > uniform.longest) uniform.longest = length;
  }
  /* As many threads as together need no more memory than the profiles. */
  size_t share = uniform.longest > FEWEST_VALUES_PER_THREAD ? uniform.longest : FEWEST_VALUES_PER_THREAD;
  size_t threads = (size_t)kldsel_thread_count(scoring->options->threads);
  if (threads > total / share) threads = total > share ? total / share : 1;
  void *memory;
  TRY(kldsel_allocate(&scoring->options->allocator, threads * uniform.longest, sizeof(double), "ranking",
                      &memory));
  uniform.memory = memory;
  struct team team;
  kldsel_team_begin(&team, (int32_t)threads);
  kldsel_team_run(&team, (int32_t)threads, scoring->group->count, score_one_uniform, &uniform);
  kldsel_team_end(&team);
  kldsel_release(&scoring->options->allocator, memory);
  return KLDSEL_OK;
}

/* What a layer is compared with: a profile or, if there is none, the reason. */
static int32_t find_reference(const struct scoring *scoring, size_t i,
                              const struct kldsel_profile **reference) {
  *reference = NULL;
  if (member(scoring, i)->filters < 2) return KLDSEL_REASON_TOO_FEW_FILTERS;
  switch (kldsel_reference_of(scoring->options)) {
  case KLDSEL_REFERENCE_PREVIOUS:
    if (i == 0) return KLDSEL_REASON_NO_NEIGHBOUR;
    *reference = member(scoring, i - 1);
    break;
  case KLDSEL_REFERENCE_NEXT:
    if (i + 1 == scoring->group->count) return KLDSEL_REASON_NO_NEIGHBOUR;
    *reference = member(scoring, i + 1);
    break;
  default:
    *reference = scoring->given[scoring->group->members[i]];
    if (*reference == NULL) return KLDSEL_REASON_NOT_GIVEN;
  }
  return (*reference)->filters > 1 ? KLDSEL_REASON_NONE : KLDSEL_REASON_NEIGHBOUR_TOO_SMALL;
}

static kldsel_status check_aligned(const struct scoring *scoring, int64_t layer, size_t length,
                                   size_t reference_length) {
  if (kldsel_alignment_of(scoring->options) == KLDSEL_ALIGNMENT_INDEX && length != reference_length)
    return kldsel_fail_of_layer(layer, KLDSEL_ERROR_MISMATCH,
                                "profiles[%" PRId64
                                "] has %zu values and its reference %zu; by index they must be equal",
                                layer, length, reference_length);
  return KLDSEL_OK;
}

/* previous, next, given: one reference a layer. */
static kldsel_status score_pairwise(const struct scoring *scoring) {
  const struct allocator *allocator = &scoring->options->allocator;
  for (size_t i = 0; i < scoring->group->count; i++) {
    const struct kldsel_profile *profile = member(scoring, i), *reference;
    int32_t reason = find_reference(scoring, i, &reference);
    if (reason != KLDSEL_REASON_NONE) {
      set_score(scoring, i, (double)NAN, reason);
      continue;
    }
    size_t length = profile->length[scoring->sign], reference_length = reference->length[scoring->sign];
    TRY(check_aligned(scoring, scoring->group->members[i], length, reference_length));
    void *memory;
    TRY(kldsel_allocate(allocator, length + reference_length, sizeof(double), "ranking", &memory));
    struct distribution p = make(scoring, profile, memory);
    struct distribution q = make(scoring, reference, (double *)memory + length);
    set_score(scoring, i, kldsel_distribution_divergence(&p, &q), KLDSEL_REASON_NONE);
    kldsel_release(allocator, memory);
  }
  return KLDSEL_OK;
}

static void set_others(const struct scoring *scoring, const double *scores) {
  for (size_t i = 0; i < scoring->group->count; i++) {
    int32_t reason = size_reason(member(scoring, i));
    if (reason == KLDSEL_REASON_NONE && isnan(scores[i])) reason = KLDSEL_REASON_NO_NEIGHBOUR;
    set_score(scoring, i, scores[i], reason);
  }
}

static kldsel_status score_others(const struct scoring *scoring) {
  const struct allocator *allocator = &scoring->options->allocator;
  size_t count = scoring->group->count, total = 0, first_length = 0;
  for (size_t i = 0; i < count; i++) {
    size_t length = member(scoring, i)->length[scoring->sign];
    if (length > 0 && first_length > 0)
      TRY(check_aligned(scoring, scoring->group->members[i], length, first_length));
    if (first_length == 0) first_length = length;
    total += length;
  }
  void *values, *distributions;
  /* The scores of the group come first. */
  TRY(kldsel_allocate(allocator, count + total, sizeof(double), "ranking", &values));
  kldsel_status status =
      kldsel_allocate(allocator, count, sizeof(struct distribution), "ranking", &distributions);
  if (status == KLDSEL_OK) {
    double *next = (double *)values + count;
    struct distribution *made = distributions;
    for (size_t i = 0; i < count; i++) {
      made[i] = make(scoring, member(scoring, i), next);
      next += made[i].length;
    }
    status = kldsel_distribution_others(made, count, allocator, values);
    if (status == KLDSEL_OK) set_others(scoring, values);
    kldsel_release(allocator, distributions);
  }
  kldsel_release(allocator, values);
  return status;
}

static kldsel_status score_kl(const struct scoring *scoring) {
  switch (kldsel_reference_of(scoring->options)) {
  case KLDSEL_REFERENCE_UNIFORM:
    return score_uniform(scoring);
  case KLDSEL_REFERENCE_OTHERS:
    return score_others(scoring);
  case KLDSEL_REFERENCE_WITHIN:
    return score_within(scoring);
  default:
    return score_pairwise(scoring);
  }
}

kldsel_status kldsel_score_group(struct kldsel_profile *const *profiles, struct kldsel_profile *const *given,
                                 const struct group *group, const struct kldsel_options *options,
                                 double *scores, int32_t *reasons) {
  struct scoring scoring = {profiles, given, group, options, kldsel_sign_of(options) - 1, NULL, NULL};
  scoring.scores = scores;
  scoring.reasons = reasons;
  switch (kldsel_measure_of(options)) {
  case KLDSEL_MEASURE_COSINE:
    score_cosine(&scoring);
    return KLDSEL_OK;
  case KLDSEL_MEASURE_SHARE:
    score_share(&scoring);
    return KLDSEL_OK;
  default:
    return score_kl(&scoring);
  }
}
