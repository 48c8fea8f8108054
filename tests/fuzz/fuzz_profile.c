/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles and rankings of small networks against the definition, and to the bit between CPU levels, numbers
 * of threads and ways to ask. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../compare.h"
#include "../expected.h"
#include "../forms.h"
#include "input.h"

enum {
  MOST_LAYERS = 4,
  MOST_FILTERS = 6,
  MOST_CHANNELS = 3,
  MOST_KERNEL = 4
};

struct network {
  size_t count;
  struct layer layers[MOST_LAYERS];
  kldsel_tensor *tensors[MOST_LAYERS];
  struct known_layer known[MOST_LAYERS];
  kldsel_profile *profiles[MOST_LAYERS];
};

/* A pattern, with some weights replaced. */
static struct layer take_layer(struct input *input, int64_t filters) {
  enum pattern pattern = (enum pattern)take_below(input, PATTERN_COUNT);
  if (filters == 0) filters = 1 + (int64_t)take_below(input, MOST_FILTERS);
  int64_t channels = 1 + (int64_t)take_below(input, MOST_CHANNELS);
  int64_t kernel = 1 + (int64_t)take_below(input, MOST_KERNEL);
  struct layer layer = layer_create(pattern, filters, channels, kernel, take_byte(input));
  layer.ordinary = false; /* held to the bound that knows no luck */
  size_t n = (size_t)(filters * layer_elements(&layer));
  for (size_t changes = take_below(input, 2) ? take_below(input, 32) : 0; changes > 0; changes--) {
    size_t at = take_below(input, n);
    layer.weights[at] = take_finite(input);
  }
  return layer;
}

/* Within what the definition's 113 bits and the bounds of tolerance.h are derived for. */
static double take_temperature(struct input *input) {
  static const double temperatures[] = {1, 0.1, 10, 0.03125, 0.5, 2.7, 100, 1000};
  return temperatures[take_below(input, COUNT(temperatures))];
}

static struct question take_question(struct input *input, int32_t distribution) {
  struct question q = {1 + (int32_t)take_below(input, 3), 1 + (int32_t)take_below(input, 4),
                       1 + (int32_t)take_below(input, 6), 1 + (int32_t)take_below(input, 2), distribution};
  if (q.measure == KLDSEL_MEASURE_SHARE) q.sign = 2 + q.sign % 2;
  return q;
}

/* ---- against the definition ---- */

static void check_ranking(const struct network *net, const struct question *q, kldsel_ranking *ranking,
                          const struct expected *want) {
  for (size_t l = 0; l < net->count; l++) {
    double score = 0;
    int32_t reason = -1;
    ck_assert(attempt(kldsel_ranking_layer(ranking, l, &score, NULL, NULL, &reason)));
    double error = (double)wide_absolute((wide)score - want[l].value);
    bool right = reason == want[l].reason && isnan(score) == (reason != KLDSEL_REASON_NONE) &&
                 (reason != KLDSEL_REASON_NONE || error <= want[l].bound);
    ck_assert_msg(
        right,
        "%s, measure %d sign %d reference %d alignment %d distribution %d granularity %d temperature "
        "%g: got %.17g for reason %d, expected %.17g for %d, off by %.2e, bound %.2e",
        net->layers[l].name, q->measure, q->sign, q->reference, q->alignment, q->distribution,
        net->known[l].granularity, net->known[l].temperature, score, reason, (double)want[l].value,
        want[l].reason, error, want[l].bound);
  }
  kldsel_ranking_free(ranking);
}

static void check_question(const struct network *net, const struct question *q, const int32_t *groups) {
  struct expected want[MOST_LAYERS];
  expected_scores(net->known, net->count, groups, q, want);
  kldsel_profile *given[MOST_LAYERS] = {NULL};
  kldsel_tensor *given_tensors[MOST_LAYERS] = {NULL};
  bool needs_given = q->measure == KLDSEL_MEASURE_KL && q->reference == KLDSEL_REFERENCE_GIVEN;
  for (size_t l = 0; l < net->count; l++) {
    int64_t other = given_layer(l, net->count, groups);
    given[l] = other < 0 ? NULL : net->profiles[other];
    given_tensors[l] = other < 0 ? NULL : net->tensors[other];
  }
  set_int(KLDSEL_OPTION_MEASURE, q->measure);
  set_int(KLDSEL_OPTION_SIGN, q->sign);
  set_int(KLDSEL_OPTION_REFERENCE, q->reference);
  set_int(KLDSEL_OPTION_ALIGNMENT, q->alignment);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(net->profiles, net->count, needs_given ? given : NULL, groups, test_options,
                                 &ranking));
  check_ranking(net, q, ranking, want);
  assert_ok(kldsel_rank_tensors(net->tensors, net->count, needs_given ? given_tensors : NULL, groups,
                                test_options, &ranking));
  check_ranking(net, q, ranking, want);
}

static void try_definition(struct input *input) {
  struct network net = {.count = 1 + take_below(input, MOST_LAYERS)};
  /* By index only layers of as many filters can be compared. */
  int64_t filters = take_below(input, 2) ? 1 + (int64_t)take_below(input, MOST_FILTERS) : 0;
  int32_t granularity = 1 + (int32_t)take_below(input, 2), distribution = 1 + (int32_t)take_below(input, 2);
  double temperature = take_temperature(input);
  int32_t groups[MOST_LAYERS];
  for (size_t l = 0; l < MOST_LAYERS; l++) groups[l] = (int32_t)take_below(input, 2);
  bool grouped = take_below(input, 2);
  struct question q = take_question(input, distribution);
  if (filters == 0) q.alignment = KLDSEL_ALIGNMENT_QUANTILE;
  set_int(KLDSEL_OPTION_CPU_LEVEL, (int64_t)take_below(input, (size_t)kldsel_cpu_level() + 1));
  set_int(KLDSEL_OPTION_THREADS, 1);
  set_int(KLDSEL_OPTION_GRANULARITY, granularity);
  set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  set_double(KLDSEL_OPTION_TEMPERATURE, temperature);
  for (size_t l = 0; l < net.count; l++) {
    net.layers[l] = take_layer(input, filters);
    net.tensors[l] = layer_view(&net.layers[l]);
    net.known[l] = known_create(&net.layers[l], granularity);
    known_set_temperature(&net.known[l], temperature);
  }
  assert_ok(kldsel_profile_create_many(net.tensors, net.count, test_options, net.profiles));
  check_question(&net, &q, grouped ? groups : NULL);
  for (size_t l = 0; l < net.count; l++) {
    kldsel_profile_free(net.profiles[l]);
    kldsel_tensor_free(net.tensors[l]);
    known_free(&net.known[l]);
    layer_free(&net.layers[l]);
  }
}

/* ---- the same bits ---- */

static void check_levels(const kldsel_tensor *tensor, struct input *input) {
  kldsel_profile *first = NULL;
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++) {
    set_int(KLDSEL_OPTION_CPU_LEVEL, level);
    set_int(KLDSEL_OPTION_THREADS, 1 + (int64_t)take_below(input, 4));
    kldsel_profile *profile = profile_of(tensor);
    if (first != NULL) assert_same_profile(first, profile, "levels and threads");
    if (first == NULL)
      first = profile;
    else
      kldsel_profile_free(profile);
  }
  kldsel_profile_free(first);
}

static void try_levels(struct input *input) {
  /* Now and then enough weights for threads to share. */
  bool large = take_below(input, 64) == 63;
  struct shape shape = {1 + (int64_t)take_below(input, 40), 1 + (int64_t)take_below(input, 8),
                        1 + (int64_t)take_below(input, 40)};
  if (large) shape = (struct shape){shape.filters * 64, 1 + shape.channels % 2, 16 + shape.kernel * 2};
  int32_t dtype = 1 + (int32_t)take_below(input, KLDSEL_DTYPE_I8);
  enum form form = (enum form)take_below(input, FORMS);
  size_t n = 2 * shape_weights(&shape), size = dtype_bytes(dtype);
  unsigned char *buffer = random_weights(n, dtype, take_byte(input));
  for (size_t changes = take_below(input, 64); changes > 0; changes--) {
    size_t at = (take_below(input, 256) * 256 + take_byte(input)) % n;
    if (dtype == KLDSEL_DTYPE_F64) {
      double value = take_finite(input);
      memcpy(buffer + at * size, &value, size);
    } else {
      store(buffer, dtype, at, (int)take_below(input, 8));
    }
  }
  set_int(KLDSEL_OPTION_GRANULARITY, 1 + (int64_t)take_below(input, 2));
  kldsel_tensor *tensor = form_view(buffer, &shape, dtype, form);
  check_levels(tensor, input);
  kldsel_tensor_free(tensor);
  free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input input = {bytes, size};
  start_options();
  if (take_below(&input, 2))
    try_definition(&input);
  else
    try_levels(&input);
  end_options();
  return 0;
}
