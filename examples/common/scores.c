/* SPDX-License-Identifier: BSD-3-Clause */
#include "scores.h"

#include <kldsel/kldsel.h>
#include <stdlib.h>

#include "progress.h"

/* Every call must succeed; the library's text tells why one did not. */
static bool succeeded(kldsel_status status, struct problem *problem) {
  return status == KLDSEL_OK || problem_set(problem, "%s", kldsel_last_error());
}

static bool wanted(const struct options *options, int method) {
  return options->method == METHOD_ALL || options->method == method;
}

static bool wants_kl(const struct options *options) {
  return methods[options_ranking_method(options)].measure == KLDSEL_MEASURE_KL;
}

bool scores_multiply_matrices(const struct options *options) {
  return options->distribution == KLDSEL_DISTRIBUTION_PAIRS ||
         (wants_kl(options) && options->reference == KLDSEL_REFERENCE_WITHIN);
}

/* Options that hold for all methods. */
static bool set_common(const struct options *options, const struct layers *layers, kldsel_options *set,
                       struct problem *problem) {
  if (options->select_count > (int64_t)layers->count)
    return problem_set(problem, "--select %lld: more than the %zu layers", (long long)options->select_count,
                       layers->count);
  return succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_GRANULARITY, options->granularity), problem) &&
         succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_DISTRIBUTION, options->distribution), problem) &&
         succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_ALIGNMENT, options->alignment), problem) &&
         succeeded(kldsel_options_set_double(set, KLDSEL_OPTION_TEMPERATURE, options->temperature),
                   problem) &&
         succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_ORDER, options->order), problem) &&
         succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_THREADS, options->threads), problem) &&
         /* The divergences within cost quadratic time, and the other measures do not read them. */
         (!wants_kl(options) ||
          succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_REFERENCE, options->reference), problem)) &&
         (options->select_count < 0 ||
          succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_SELECT_COUNT, options->select_count),
                    problem)) &&
         (options->select_share < 0.0 ||
          succeeded(kldsel_options_set_double(set, KLDSEL_OPTION_SELECT_SHARE, options->select_share),
                    problem));
}

/* The library's message numbers the layers; one layer alone tells which of them has the weight. */
static bool name_bad_layer(const struct layers *layers, const kldsel_options *set, struct problem *problem) {
  succeeded(KLDSEL_ERROR_NOT_FINITE, problem);
  for (size_t i = 0; i < layers->count; i++) {
    kldsel_profile *profile;
    if (kldsel_profile_create(layers->tensors[i], set, &profile) != KLDSEL_OK)
      return problem_set(problem, "layer '%.200s': %s", layers->layers[i].stored->name, kldsel_last_error());
    kldsel_profile_free(profile);
  }
  return false;
}

static bool make_profiles(const struct layers *layers, kldsel_options *set, struct scores *scores,
                          kldsel_profile **profiles, struct problem *problem) {
  struct progress progress;
  progress_begin(&progress);
  if (!succeeded(kldsel_options_set_progress(set, progress_show, &progress), problem)) return false;
  const kldsel_status status = kldsel_profile_create_many(layers->tensors, layers->count, set, profiles);
  scores->seconds = progress_seconds(&progress);
  progress_end(&progress);
  kldsel_options_set_progress(set, NULL, NULL);
  if (status == KLDSEL_ERROR_NOT_FINITE) return name_bad_layer(layers, set, problem);
  return succeeded(status, problem);
}

/* The library knows what ranks first where no option says so. */
static bool read_order(const kldsel_options *set, struct scores *scores, struct problem *problem) {
  int64_t order;
  if (!succeeded(kldsel_options_get_int(set, KLDSEL_OPTION_ORDER, &order), problem)) return false;
  scores->first = (int32_t)order;
  return true;
}

/* Copies a method's scores, and of the method that the layers are ranked by everything else. */
static bool read_ranking(const kldsel_ranking *ranking, const struct options *options, int method,
                         const struct layers *layers, struct scores *scores, struct problem *problem) {
  const bool ranks = method == options_ranking_method(options);
  for (size_t i = 0; i < layers->count; i++) {
    int64_t rank;
    int32_t selected, reason;
    if (!succeeded(kldsel_ranking_layer(ranking, i, &scores->score[method][i], &rank, &selected, &reason),
                   problem))
      return false;
    if (!ranks) continue;
    scores->rank[i] = rank;
    scores->selected[i] = selected;
    scores->reason[i] = reason == KLDSEL_REASON_NONE ? NULL : kldsel_reason_text(reason);
  }
  return !ranks || succeeded(kldsel_ranking_order(ranking, scores->order, layers->count), problem);
}

static bool rank_by(int method, kldsel_profile *const *profiles, const struct options *options,
                    const struct layers *layers, kldsel_options *set, struct scores *scores,
                    struct problem *problem) {
  kldsel_ranking *ranking = NULL;
  scores->score[method] = calloc(layers->count, sizeof **scores->score);
  if (scores->score[method] == NULL) return problem_out_of_memory(problem);
  const bool ranked =
      succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_MEASURE, methods[method].measure), problem) &&
      succeeded(kldsel_options_set_int(set, KLDSEL_OPTION_SIGN, methods[method].sign), problem) &&
      succeeded(kldsel_rank_profiles(profiles, layers->count, NULL, NULL, set, &ranking), problem) &&
      (method != options_ranking_method(options) || read_order(set, scores, problem)) &&
      read_ranking(ranking, options, method, layers, scores, problem);
  kldsel_ranking_free(ranking);
  return ranked;
}

/* The profiles are made once and serve every method. */
static bool profile_and_rank(const struct layers *layers, const struct options *options, kldsel_options *set,
                             kldsel_profile **profiles, struct scores *scores, struct problem *problem) {
  if (!set_common(options, layers, set, problem) || !make_profiles(layers, set, scores, profiles, problem))
    return false;
  for (int method = 0; method < METHOD_COUNT; method++)
    if (wanted(options, method) && !rank_by(method, profiles, options, layers, set, scores, problem))
      return false;
  return true;
}

static bool allocate(struct scores *scores, size_t count, struct problem *problem) {
  scores->rank = calloc(count, sizeof *scores->rank);
  scores->selected = calloc(count, sizeof *scores->selected);
  scores->reason = calloc(count, sizeof *scores->reason);
  scores->order = calloc(count, sizeof *scores->order);
  return (scores->rank != NULL && scores->selected != NULL && scores->reason != NULL &&
          scores->order != NULL) ||
         problem_out_of_memory(problem);
}

static bool compute(const struct layers *layers, const struct options *options, struct scores *scores,
                    struct problem *problem) {
  if (!allocate(scores, layers->count, problem)) return false;
  kldsel_options *set;
  if (!succeeded(kldsel_options_create(NULL, NULL, NULL, &set), problem)) return false;
  kldsel_profile **profiles = calloc(layers->count, sizeof(kldsel_profile *));
  bool computed = false;
  if (profiles == NULL) {
    problem_out_of_memory(problem);
  } else {
    computed = profile_and_rank(layers, options, set, profiles, scores, problem);
    for (size_t i = 0; i < layers->count; i++) kldsel_profile_free(profiles[i]);
  }
  free(profiles);
  kldsel_options_free(set);
  return computed;
}

bool scores_compute(const struct layers *layers, const struct options *options, struct scores *scores,
                    struct problem *problem) {
  *scores = (struct scores){0};
  if (compute(layers, options, scores, problem)) return true;
  scores_free(scores);
  return false;
}

void scores_free(struct scores *scores) {
  for (int method = 0; method < METHOD_COUNT; method++) free(scores->score[method]);
  free(scores->rank);
  free(scores->selected);
  free((void *)scores->reason);
  free(scores->order);
  *scores = (struct scores){0};
}
