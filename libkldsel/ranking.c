/* SPDX-License-Identifier: BSD-3-Clause */
/* Scores to order, selection and reasons. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "linear.h"
#include "score.h"

struct layer {
  double score;
  int64_t rank;
  int32_t selected;
  int32_t reason;
};

struct kldsel_ranking {
  struct allocator allocator;
  size_t count;
  struct layer *layers;
  int64_t *order;
};

const char *kldsel_reason_text(int32_t reason) {
  switch (reason) {
  case KLDSEL_REASON_NONE:
    return "it has a score";
  case KLDSEL_REASON_TOO_FEW_FILTERS:
    return "fewer than two filters";
  case KLDSEL_REASON_NO_NEIGHBOUR:
    return "no other layer to compare with";
  case KLDSEL_REASON_NEIGHBOUR_TOO_SMALL:
    return "the layer to compare with has fewer than two filters";
  case KLDSEL_REASON_NOT_GIVEN:
    return "no reference was given";
  default:
    return "unknown reason";
  }
}

size_t kldsel_ranking_size(const kldsel_ranking *ranking) {
  return ranking != NULL ? ranking->count : 0;
}

kldsel_status kldsel_ranking_layer(const kldsel_ranking *ranking, size_t layer, double *score, int64_t *rank,
                                   int32_t *selected, int32_t *reason) {
  REQUIRE_NOT_NULL(ranking);
  REQUIRE(layer < ranking->count, "layer is %zu; the ranking has %zu", layer, ranking->count);
  const struct layer *found = &ranking->layers[layer];
  if (score != NULL) *score = found->score;
  if (rank != NULL) *rank = found->rank;
  if (selected != NULL) *selected = found->selected;
  if (reason != NULL) *reason = found->reason;
  return KLDSEL_OK;
}

kldsel_status kldsel_ranking_order(const kldsel_ranking *ranking, int64_t *order, size_t count) {
  REQUIRE_NOT_NULL(ranking);
  REQUIRE_NOT_NULL(order);
  if (count != ranking->count)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "count is %zu; the ranking has %zu layers", count,
                       ranking->count);
  memcpy(order, ranking->order, count * sizeof *order);
  return KLDSEL_OK;
}

void kldsel_ranking_free(kldsel_ranking *ranking) {
  if (ranking == NULL) return;
  struct allocator allocator = ranking->allocator;
  kldsel_release(&allocator, ranking->layers);
  kldsel_release(&allocator, ranking->order);
  kldsel_release(&allocator, ranking);
}

static kldsel_status check_choices(const struct kldsel_options *options, int has_given) {
  int32_t measure = kldsel_measure_of(options), sign = kldsel_sign_of(options);
  REQUIRE(measure != KLDSEL_MEASURE_SHARE || sign == KLDSEL_SIGN_POSITIVE || sign == KLDSEL_SIGN_NEGATIVE,
          "SIGN is %" PRId32 "; MEASURE share takes positive or negative", sign);
  int by_given = kldsel_reference_of(options) == KLDSEL_REFERENCE_GIVEN;
  REQUIRE(!by_given || has_given || measure != KLDSEL_MEASURE_KL, "given is NULL, but REFERENCE is given");
  REQUIRE(by_given || !has_given, "given is not NULL, but REFERENCE is not given");
  return KLDSEL_OK;
}

/* Profiles compare only if they were made alike. */
static kldsel_status check_alike(struct kldsel_profile *const *profiles, size_t count, const char *name,
                                 int32_t granularity, int32_t distribution) {
  for (size_t i = 0; i < count; i++) {
    if (profiles[i] == NULL) continue;
    if (profiles[i]->granularity != granularity)
      return kldsel_fail_of_layer(i, KLDSEL_ERROR_MISMATCH,
                                  "%s[%zu] was made with granularity %" PRId32 ", not %" PRId32, name, i,
                                  profiles[i]->granularity, granularity);
    if (profiles[i]->distribution != distribution)
      return kldsel_fail_of_layer(i, KLDSEL_ERROR_MISMATCH,
                                  "%s[%zu] was made with distribution %" PRId32 ", not %" PRId32, name, i,
                                  profiles[i]->distribution, distribution);
  }
  return KLDSEL_OK;
}

/* What a ranking reads of a profile. */
static int32_t content_read(int32_t measure, int32_t reference) {
  switch (measure) {
  case KLDSEL_MEASURE_COSINE:
    return KLDSEL_CONTENT_MEANS;
  case KLDSEL_MEASURE_SHARE:
    return KLDSEL_CONTENT_COUNTS;
  default: /* the divergence within is checked for where it is read */
    return reference == KLDSEL_REFERENCE_WITHIN ? 0 : KLDSEL_CONTENT_VALUES;
  }
}

static kldsel_status check_held(struct kldsel_profile *const *profiles, size_t count, const char *name,
                                const struct kldsel_options *options) {
  static const char *const sign_names[] = {"all", "positive", "negative", "positive-negative"};
  int32_t measure = kldsel_measure_of(options), sign = kldsel_sign_of(options) - 1;
  int32_t content = content_read(measure, kldsel_reference_of(options));
  for (size_t i = 0; i < count; i++) {
    const struct kldsel_profile *profile = profiles[i];
    if (profile == NULL) continue;
    if (measure != KLDSEL_MEASURE_SHARE && !sign_wanted(profile->signs, sign))
      return kldsel_fail_of_layer(i, KLDSEL_ERROR_MISSING,
                                  "%s[%zu] holds nothing of sign %s; make it with that in SIGNS", name, i,
                                  sign_names[sign]);
    if ((profile->content & content) != content)
      return kldsel_fail_of_layer(i, KLDSEL_ERROR_MISSING,
                                  "%s[%zu] holds no %s; make it with them in CONTENT", name, i,
                                  content == KLDSEL_CONTENT_VALUES  ? "values"
                                  : content == KLDSEL_CONTENT_MEANS ? "means"
                                                                    : "counts");
  }
  return KLDSEL_OK;
}

static kldsel_status check_profiles(kldsel_profile *const *profiles, size_t count,
                                    kldsel_profile *const *given, const struct kldsel_options *options) {
  for (size_t i = 0; i < count; i++) REQUIRE_OF_LAYER(profiles[i] != NULL, i, "profiles[%zu] is NULL", i);
  TRY(check_choices(options, given != NULL));
  int32_t granularity = options->granularity != 0 ? (int32_t)options->granularity : profiles[0]->granularity;
  int32_t distribution =
      options->distribution != 0 ? (int32_t)options->distribution : profiles[0]->distribution;
  TRY(check_alike(profiles, count, "profiles", granularity, distribution));
  if (given != NULL) TRY(check_alike(given, count, "given", granularity, distribution));
  TRY(check_held(profiles, count, "profiles", options));
  if (given != NULL && kldsel_measure_of(options) == KLDSEL_MEASURE_KL)
    TRY(check_held(given, count, "given", options));
  return KLDSEL_OK;
}

/* Arrays by layer that kldsel_rank() reads and writes, in one block. */
struct columns {
  double *scores;
  int64_t *parameters;
  int64_t *ranks;
  int32_t *selected;
  int32_t *reasons;
};

static struct columns divide(void *memory, size_t count) {
  struct columns columns = {.scores = memory};
  columns.parameters = (int64_t *)(void *)(columns.scores + count);
  columns.ranks = columns.parameters + count;
  columns.selected = (int32_t *)(void *)(columns.ranks + count);
  columns.reasons = columns.selected + count;
  return columns;
}

static kldsel_status score_all(kldsel_profile *const *profiles, size_t count, kldsel_profile *const *given,
                               const int32_t *group_numbers, const struct kldsel_options *options,
                               double *scores, int32_t *reasons) {
  struct groups groups;
  TRY(kldsel_groups_create(group_numbers, count, &options->allocator, &groups));
  kldsel_status status = KLDSEL_OK;
  for (size_t g = 0; g < groups.count && status == KLDSEL_OK; g++)
    status = kldsel_score_group(profiles, given, &groups.group[g], options, scores, reasons);
  kldsel_groups_release(&groups);
  return status;
}

static kldsel_status fill(struct kldsel_ranking *ranking, kldsel_profile *const *profiles,
                          kldsel_profile *const *given, const int32_t *groups,
                          const struct kldsel_options *options, struct columns columns) {
  size_t count = ranking->count;
  TRY(score_all(profiles, count, given, groups, options, columns.scores, columns.reasons));
  for (size_t i = 0; i < count; i++)
    if (__builtin_mul_overflow(profiles[i]->filters, profiles[i]->elements, &columns.parameters[i]))
      columns.parameters[i] = INT64_MAX;
  TRY(kldsel_rank(columns.scores, count, columns.parameters, groups, options, ranking->order, columns.ranks,
                  columns.selected));
  for (size_t i = 0; i < count; i++)
    ranking->layers[i] =
        (struct layer){columns.scores[i], columns.ranks[i], columns.selected[i], columns.reasons[i]};
  return KLDSEL_OK;
}

static kldsel_status create_ranking(size_t count, const struct allocator *allocator,
                                    kldsel_ranking **ranking) {
  void *memory;
  TRY(kldsel_allocate(allocator, 1, sizeof **ranking, "ranking", &memory));
  struct kldsel_ranking *made = memory;
  *made = (struct kldsel_ranking){.allocator = *allocator, .count = count};
  kldsel_status status = kldsel_allocate(allocator, count, sizeof *made->layers, "ranking", &memory);
  if (status == KLDSEL_OK) {
    made->layers = memory;
    status = kldsel_allocate(allocator, count, sizeof *made->order, "ranking", &memory);
  }
  if (status != KLDSEL_OK) {
    kldsel_ranking_free(made);
    return status;
  }
  made->order = memory;
  *ranking = made;
  return KLDSEL_OK;
}

kldsel_status kldsel_rank_profiles(kldsel_profile *const *profiles, size_t count,
                                   kldsel_profile *const *given, const int32_t *groups,
                                   const kldsel_options *options, kldsel_ranking **ranking) {
  REQUIRE_NOT_NULL(profiles);
  REQUIRE(count > 0, "count is 0");
  REQUIRE_NOT_NULL(ranking);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  TRY(check_profiles(profiles, count, given, &chosen));
  kldsel_ranking *made;
  TRY(create_ranking(count, &chosen.allocator, &made));
  void *memory;
  size_t row_bytes = sizeof(double) + 2 * sizeof(int64_t) + 2 * sizeof(int32_t);
  kldsel_status status = kldsel_allocate(&chosen.allocator, count, row_bytes, "ranking", &memory);
  if (status == KLDSEL_OK) {
    status = fill(made, profiles, given, groups, &chosen, divide(memory, count));
    kldsel_release(&chosen.allocator, memory);
  }
  if (status == KLDSEL_OK)
    *ranking = made;
  else
    kldsel_ranking_free(made);
  return status;
}

/* tensors and profiles have the given ones behind the layers' own, NULL where there is none. */
static kldsel_status rank_all(const kldsel_tensor *const *tensors, size_t count, int has_given,
                              const int32_t *groups, const struct kldsel_options *options,
                              kldsel_profile **profiles, kldsel_ranking **ranking) {
  size_t total = has_given ? 2 * count : count;
  int by_uniform = kldsel_measure_of(options) == KLDSEL_MEASURE_KL &&
                   kldsel_reference_of(options) == KLDSEL_REFERENCE_UNIFORM;
  TRY(kldsel_profiles_create(tensors, total, options, has_given ? NAMES_WITH_GIVEN : NAMES_OWN,
                             by_uniform ? PROFILES_FOR_UNIFORM : PROFILES_FOR_ANYTHING, profiles));
  kldsel_status status =
      kldsel_rank_profiles(profiles, count, has_given ? profiles + count : NULL, groups, options, ranking);
  for (size_t i = 0; i < total; i++) kldsel_profile_free(profiles[i]);
  return status;
}

kldsel_status kldsel_rank_tensors(kldsel_tensor *const *tensors, size_t count, kldsel_tensor *const *given,
                                  const int32_t *groups, const kldsel_options *options,
                                  kldsel_ranking **ranking) {
  REQUIRE_NOT_NULL(tensors);
  REQUIRE(count > 0, "count is 0");
  for (size_t i = 0; i < count; i++) REQUIRE_OF_LAYER(tensors[i] != NULL, i, "tensors[%zu] is NULL", i);
  REQUIRE_NOT_NULL(ranking);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  TRY(check_choices(&chosen, given != NULL));
  /* Only kl reads the divergence within, which is quadratic to make, and what is given. */
  if (kldsel_measure_of(&chosen) != KLDSEL_MEASURE_KL) {
    chosen.reference = KLDSEL_REFERENCE_UNIFORM;
    given = NULL;
  }
  /* The profiles are made for this ranking alone. */
  chosen.signs = INT64_C(1) << kldsel_sign_of(&chosen);
  chosen.content = content_read(kldsel_measure_of(&chosen), kldsel_reference_of(&chosen));
  if (chosen.content == 0) chosen.content = KLDSEL_CONTENT_MEANS;
  void *memory;
  TRY(kldsel_allocate(&chosen.allocator, count, 4 * sizeof(void *), "ranking", &memory));
  const kldsel_tensor **all = memory;
  kldsel_profile **profiles = (kldsel_profile **)memory + 2 * count;
  for (size_t i = 0; i < count; i++) {
    all[i] = tensors[i];
    all[count + i] = given != NULL ? given[i] : NULL;
  }
  kldsel_status status = rank_all(all, count, given != NULL, groups, &chosen, profiles, ranking);
  kldsel_release(&chosen.allocator, memory);
  return status;
}
