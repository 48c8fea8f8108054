/* SPDX-License-Identifier: BSD-3-Clause */
#include "methods.h"

#include <stdlib.h>

#include "floor.h"
#include "support.h"

static const struct {
  const char *name;
  int32_t measure, sign;
} all[ALL_METHODS] = {
    {"cosine-positive", KLDSEL_MEASURE_COSINE, KLDSEL_SIGN_POSITIVE},
    {"cosine-negative", KLDSEL_MEASURE_COSINE, KLDSEL_SIGN_NEGATIVE},
    {"cosine-positive-negative", KLDSEL_MEASURE_COSINE, KLDSEL_SIGN_POSITIVE_NEGATIVE},
    {"kl-positive", KLDSEL_MEASURE_KL, KLDSEL_SIGN_POSITIVE},
    {"kl-negative", KLDSEL_MEASURE_KL, KLDSEL_SIGN_NEGATIVE},
    {"kl-positive-negative", KLDSEL_MEASURE_KL, KLDSEL_SIGN_POSITIVE_NEGATIVE},
};

const char *method_name(int method) {
  return all[method].name;
}

/* What the methods need: three of the signs, no counts, and for those of cosine nothing but the means. */
static void narrow(kldsel_options *options, int methods) {
  set_option(options, KLDSEL_OPTION_SIGNS,
             1 << KLDSEL_SIGN_POSITIVE | 1 << KLDSEL_SIGN_NEGATIVE | 1 << KLDSEL_SIGN_POSITIVE_NEGATIVE);
  set_option(options, KLDSEL_OPTION_CONTENT,
             methods == COSINE_METHODS ? KLDSEL_CONTENT_MEANS : KLDSEL_CONTENT_VALUES);
}

kldsel_profile **make_profiles(const struct layer_set *set, const kldsel_options *options) {
  kldsel_profile **profiles = calloc(set->count, sizeof *profiles);
  if (!profiles) fail("out of memory", "");
  kldsel_tensor **tensors = layer_set_view(set, options);
  check(kldsel_profile_create_many(tensors, set->count, options, profiles));
  layer_set_unview(set, tensors);
  return profiles;
}

void free_profiles(const struct layer_set *set, kldsel_profile **profiles) {
  for (size_t l = 0; l < set->count; l++) kldsel_profile_free(profiles[l]);
  free(profiles);
}

/* Ranks, reads the order as a host would, and the scores if asked for. */
static void rank_once(const struct layer_set *set, kldsel_profile *const *profiles,
                      const kldsel_options *options, int64_t *order, double *scores) {
  kldsel_ranking *ranking;
  check(kldsel_rank_profiles(profiles, set->count, NULL, NULL, options, &ranking));
  check(kldsel_ranking_order(ranking, order, set->count));
  for (size_t l = 0; scores && l < set->count; l++)
    check(kldsel_ranking_layer(ranking, l, &scores[l], NULL, NULL, NULL));
  kldsel_ranking_free(ranking);
}

void rank_by_methods(const struct layer_set *set, int methods, int threads, int32_t level, double *scores) {
  kldsel_options *options = options_for(threads);
  set_option(options, KLDSEL_OPTION_CPU_LEVEL, level);
  narrow(options, methods);
  int64_t *order = malloc(set->count * sizeof *order);
  if (!order) fail("out of memory", "");
  kldsel_profile **profiles = make_profiles(set, options);
  for (int m = 0; m < methods; m++) {
    set_option(options, KLDSEL_OPTION_MEASURE, all[m].measure);
    set_option(options, KLDSEL_OPTION_SIGN, all[m].sign);
    rank_once(set, profiles, options, order, scores ? scores + (size_t)m * set->count : NULL);
  }
  free_profiles(set, profiles);
  free(order);
  kldsel_options_free(options);
}

static double copy_read(const struct layer_set *set) {
  size_t copy = 0;
  while (set->copies[copy] != set->buffer) copy++;
  return (double)copy;
}

void time_in_turn(struct layer_set *set, int methods, int threads, int rounds, double *seconds,
                  double *floor_seconds, double *copies) {
  for (int r = -1; r < rounds; r++) { /* round -1 warms up */
    layer_set_turn(set);
    double start = now();
    volatile uint32_t sink = read_once(set->buffer, set->bytes, threads);
    (void)sink;
    double floor_time = now() - start;
    layer_set_turn(set);
    start = now();
    rank_by_methods(set, methods, threads, 0, NULL);
    double time = now() - start;
    if (r < 0) continue;
    floor_seconds[r] = floor_time;
    seconds[r] = time;
    if (copies) copies[r] = copy_read(set);
  }
}

void rank_by_others(const struct layer_set *set, kldsel_profile *const *profiles) {
  kldsel_options *options = options_for(1);
  set_option(options, KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_OTHERS);
  int64_t *order = malloc(set->count * sizeof *order);
  if (!order) fail("out of memory", "");
  rank_once(set, profiles, options, order, NULL);
  free(order);
  kldsel_options_free(options);
}
