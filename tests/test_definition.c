/* SPDX-License-Identifier: BSD-3-Clause */
/* Every score of every method against its definition: definition.h says what is right, tolerance.h
 * how far off a double may be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expected.h"
#include "network_file.h"
#include "support.h"

#ifndef KLDSEL_TEST_NETWORK
#error "define KLDSEL_TEST_NETWORK as the path of the bundled network's weights"
#endif

/* ---- what was seen ---- */

/* Largest errors of one measure. */
struct seen {
  const char *measure;
  size_t scores;      /* compared */
  size_t promised;    /* of them held to 1e-12 outright */
  double relative[2]; /* of adversarial and of ordinary layers */
  double of_bound;    /* error / bound */
};

static struct seen seen[DISTRIBUTIONS][8] = {
    {{0}},
    {{.measure = "cosine"},
     {.measure = "kl uniform"},
     {.measure = "kl others"},
     {.measure = "kl previous"},
     {.measure = "kl next"},
     {.measure = "kl within"},
     {.measure = "kl given"},
     {.measure = "share"}},
    {{.measure = "cosine, pairs"},
     {.measure = "kl uniform, pairs"},
     {.measure = "kl others, pairs"},
     {.measure = "kl previous, pairs"},
     {.measure = "kl next, pairs"},
     {.measure = "kl within, pairs"},
     {.measure = "kl given, pairs"},
     {.measure = "share, pairs"}},
};

static struct seen *seen_of(const struct question *q) {
  int row = q->measure == KLDSEL_MEASURE_COSINE ? 0 : q->measure == KLDSEL_MEASURE_SHARE ? 7 : q->reference;
  return &seen[q->distribution][row];
}

static void print_seen(const char *title) {
  printf("%s\n%-20s %7s %16s %12s %12s\n", title, "largest errors of", "scores", "ordinary, rel.",
         "any, rel.", "of bound");
  for (int d = 1; d < DISTRIBUTIONS; d++)
    for (size_t r = 0; r < COUNT(seen[d]); r++)
      if (seen[d][r].scores > 0)
        printf("%-20s %7zu %8zu %16.1e %12.1e %12.1e\n", seen[d][r].measure, seen[d][r].scores,
               seen[d][r].promised, seen[d][r].relative[1],
               fmax(seen[d][r].relative[0], seen[d][r].relative[1]), seen[d][r].of_bound);
}

/* ---- comparing ---- */

static int failures;

/* Each disagreement has its line, so that one run tells all. */
static void disagree(const struct known_layer *known, const struct question *q, double got, double want,
                     double bound, const char *what) {
  if (++failures <= 60)
    fprintf(stderr,
            "%s, measure %d sign %d reference %d alignment %d distribution %d granularity %d temperature %g: "
            "%s: got %.17g, expected %.17g, off by %.2e, bound %.2e\n",
            known->layer->name, q->measure, q->sign, q->reference, q->alignment, q->distribution,
            known->granularity, known->temperature, what, got, want, fabs(got - want), bound);
}

/* The promised relative error. It is asked for outright of the bundled network, and of all ordinary layers
 * where the bound, which lets all roundings point one way, is no more than ten times as much. */
static const double PROMISE = 1e-12;
static bool outright;

static void compare_score(const struct known_layer *known, const struct question *q, double got,
                          int32_t reason, const struct expected *want) {
  double value = (double)want->value;
  if (reason != want->reason || isnan(got) != (want->reason != KLDSEL_REASON_NONE)) {
    disagree(known, q, reason, want->reason, 0, "reason");
    return;
  }
  if (want->reason != KLDSEL_REASON_NONE) return;
  double error = (double)wide_absolute((wide)got - want->value);
  struct seen *row = seen_of(q);
  row->scores++;
  row->of_bound = fmax(row->of_bound, error / want->bound);
  bool ordinary = known->layer->ordinary;
  if (fabs(value) > want->bound) row->relative[ordinary] = fmax(row->relative[ordinary], error / fabs(value));
  if (!(error <= want->bound)) disagree(known, q, got, value, want->bound, "score");
  bool well_known = outright || (ordinary && want->bound <= 10 * PROMISE * fabs(value));
  row->promised += well_known;
  if (well_known && !(error <= PROMISE * fabs(value)))
    disagree(known, q, got, value, PROMISE * fabs(value), "score, outright");
  if (q->measure == KLDSEL_MEASURE_KL && got < 0) disagree(known, q, got, value, 0, "a divergence below 0");
}

/* One network whose profiles are made and known. */
struct network {
  size_t count;
  kldsel_tensor **tensors;
  struct known_layer *known;
  kldsel_profile **profiles;
  int32_t *by_filters; /* groups of one filter count, for alignment by index */
};

static void check_ranking(const struct network *net, const struct question *q, kldsel_ranking *ranking,
                          const struct expected *want) {
  for (size_t l = 0; l < net->count; l++) {
    double score = 0;
    int32_t reason = -1;
    assert_ok(kldsel_ranking_layer(ranking, l, &score, NULL, NULL, &reason));
    compare_score(&net->known[l], q, score, reason, &want[l]);
  }
  kldsel_ranking_free(ranking);
}

static void check_question(const struct network *net, const struct question *q) {
  const int32_t *groups = q->alignment == KLDSEL_ALIGNMENT_INDEX ? net->by_filters : NULL;
  struct expected *want = calloc(net->count, sizeof *want);
  kldsel_profile **given = calloc(net->count, sizeof *given);
  ck_assert(want && given);
  expected_scores(net->known, net->count, groups, q, want);
  bool needs_given = q->measure == KLDSEL_MEASURE_KL && q->reference == KLDSEL_REFERENCE_GIVEN;
  for (size_t l = 0; l < net->count && needs_given; l++) {
    int64_t other = given_layer(l, net->count, groups);
    given[l] = other < 0 ? NULL : net->profiles[other];
  }
  set_int(KLDSEL_OPTION_MEASURE, q->measure);
  set_int(KLDSEL_OPTION_SIGN, q->sign);
  set_int(KLDSEL_OPTION_REFERENCE, q->reference);
  set_int(KLDSEL_OPTION_ALIGNMENT, q->alignment);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(net->profiles, net->count, needs_given ? given : NULL, groups, test_options,
                                 &ranking));
  check_ranking(net, q, ranking, want);
  /* Of tensors, divergences from uniform are made without keeping what they are of. */
  if (q->measure == KLDSEL_MEASURE_KL && q->reference == KLDSEL_REFERENCE_UNIFORM) {
    assert_ok(kldsel_rank_tensors(net->tensors, net->count, NULL, groups, test_options, &ranking));
    check_ranking(net, q, ranking, want);
  }
  free(want);
  free(given);
}

/* What a profile holds, value by value. */
static void check_values(const struct network *net, const struct question *q) {
  for (size_t l = 0; l < net->count; l++) {
    const struct similarities *want = &net->known[l].similarities[q->sign][q->distribution];
    size_t n = SIZE_MAX;
    assert_ok(kldsel_profile_length(net->profiles[l], q->sign, &n));
    ck_assert_uint_eq(n, want->n);
    double *got = malloc((n > 0 ? n : 1) * sizeof *got);
    ck_assert_ptr_nonnull(got);
    assert_ok(kldsel_profile_values(net->profiles[l], q->sign, got, n));
    for (size_t i = 0; i < n; i++) {
      double error = (double)wide_absolute((wide)got[i] - want->values[i]);
      if (!(error <= want->bounds.value))
        disagree(&net->known[l], q, got[i], (double)want->values[i], want->bounds.value, "similarity");
    }
    free(got);
  }
}

static void check_profiles(const struct network *net, int32_t distribution) {
  for (int32_t sign = 1; sign < SIGNS; sign++) {
    struct question q = {KLDSEL_MEASURE_COSINE, sign, KLDSEL_REFERENCE_UNIFORM, KLDSEL_ALIGNMENT_QUANTILE,
                         distribution};
    check_values(net, &q);
    check_question(net, &q);
    q.measure = KLDSEL_MEASURE_SHARE;
    if (sign == KLDSEL_SIGN_POSITIVE || sign == KLDSEL_SIGN_NEGATIVE) check_question(net, &q);
    q.measure = KLDSEL_MEASURE_KL;
    for (q.reference = KLDSEL_REFERENCE_UNIFORM; q.reference <= KLDSEL_REFERENCE_GIVEN; q.reference++)
      for (q.alignment = 1; q.alignment < ALIGNMENTS; q.alignment++) check_question(net, &q);
  }
}

static void check_at(struct network *net, int32_t granularity, double temperature) {
  set_int(KLDSEL_OPTION_GRANULARITY, granularity);
  set_double(KLDSEL_OPTION_TEMPERATURE, temperature);
  for (size_t l = 0; l < net->count; l++) known_set_temperature(&net->known[l], temperature);
  for (int32_t distribution = 1; distribution < DISTRIBUTIONS; distribution++) {
    set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    assert_ok(kldsel_profile_create_many(net->tensors, net->count, test_options, net->profiles));
    check_profiles(net, distribution);
    for (size_t l = 0; l < net->count; l++) kldsel_profile_free(net->profiles[l]);
  }
}

static void check_network(const struct layer *layers, size_t count, const double *temperatures,
                          size_t n_temperatures) {
  struct network net = {.count = count,
                        .known = calloc(count, sizeof *net.known),
                        .profiles = calloc(count, sizeof *net.profiles),
                        .by_filters = calloc(count, sizeof *net.by_filters)};
  net.tensors = calloc(count, sizeof *net.tensors);
  ck_assert(net.known && net.profiles && net.by_filters && net.tensors);
  for (size_t l = 0; l < count; l++) {
    net.tensors[l] = layer_view(&layers[l]);
    net.by_filters[l] = (int32_t)layers[l].filters;
  }
  set_int(KLDSEL_OPTION_THREADS, 2);
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    for (size_t l = 0; l < count; l++) net.known[l] = known_create(&layers[l], granularity);
    for (size_t t = 0; t < n_temperatures; t++) check_at(&net, granularity, temperatures[t]);
    for (size_t l = 0; l < count; l++) known_free(&net.known[l]);
  }
  for (size_t l = 0; l < count; l++) kldsel_tensor_free(net.tensors[l]);
  free(net.tensors);
  free(net.known);
  free(net.profiles);
  free(net.by_filters);
}

/* ---- networks ---- */

static const double temperatures[] = {0.1, 1, 10};

/* Slow checkers see one temperature, which must not be the default. */
static size_t temperature_count(void) {
  return test_quick() ? 1 : COUNT(temperatures);
}

static void check_and_free_at(const char *title, struct layer *layers, size_t count, const double *at,
                              size_t n_temperatures, bool promised) {
  outright = promised;
  failures = 0;
  for (int d = 1; d < DISTRIBUTIONS; d++)
    for (size_t r = 0; r < COUNT(seen[d]); r++) seen[d][r] = (struct seen){.measure = seen[d][r].measure};
  check_network(layers, count, at, n_temperatures);
  for (size_t l = 0; l < count; l++) layer_free(&layers[l]);
  print_seen(title);
  ck_assert_msg(failures == 0, "%d disagreements with the definition", failures);
}

static void check_and_free(const char *title, struct layer *layers, size_t count, size_t n_temperatures,
                           bool promised) {
  check_and_free_at(title, layers, count, temperatures, n_temperatures, promised);
}

/* Every pattern with one filter count, so that alignment by index compares them all. */
START_TEST(patterns_agree) {
  struct layer layers[PATTERN_COUNT];
  int64_t filters = test_quick() ? 4 : 10, channels = test_quick() ? 2 : 3;
  for (int p = 0; p < PATTERN_COUNT; p++) layers[p] = layer_create((enum pattern)p, filters, channels, 9, 1);
  check_and_free("Layers of every pattern", layers, PATTERN_COUNT, temperature_count(), false);
}
END_TEST

/* Shapes: one filter, two, one element, kernels of one weight, sizes that are no multiple of 8. */
START_TEST(shapes_agree) {
  static const struct {
    enum pattern pattern;
    int64_t filters, channels, kernel;
  } shapes[] = {
      {PATTERN_GAUSSIAN, 1, 1, 1},  {PATTERN_GAUSSIAN, 2, 1, 1},       {PATTERN_TRAINED, 3, 5, 1},
      {PATTERN_GAUSSIAN, 1, 3, 9},  {PATTERN_UNIFORM, 2, 4, 9},        {PATTERN_HEAVY_TAILED, 5, 1, 13},
      {PATTERN_SPARSE, 7, 3, 3},    {PATTERN_MIXED_ELEMENTS, 2, 2, 2}, {PATTERN_TRAINED, 13, 6, 9},
      {PATTERN_HUGE, 3, 1, 1},      {PATTERN_SUBNORMAL, 4, 1, 2},      {PATTERN_ZEROS, 1, 2, 2},
      {PATTERN_GAUSSIAN, 11, 1, 1}, {PATTERN_TINY, 5, 17, 1},          {PATTERN_NEAR_DUPLICATES, 6, 2, 25},
  };
  struct layer layers[COUNT(shapes)];
  for (size_t l = 0; l < COUNT(shapes); l++)
    layers[l] = layer_create(shapes[l].pattern, shapes[l].filters, shapes[l].channels, shapes[l].kernel, 2);
  check_and_free("Layers of many shapes", layers, COUNT(shapes), temperature_count(), false);
}
END_TEST

/* Long sums over filters and over elements. */
START_TEST(sizes_agree) {
  static const struct {
    enum pattern pattern;
    int64_t filters, channels, kernel;
  } shapes[] = {
      {PATTERN_TRAINED, 48, 32, 9},    {PATTERN_GAUSSIAN, 100, 16, 9},      {PATTERN_UNIFORM, 4, 512, 9},
      {PATTERN_GAUSSIAN, 3, 1, 20011}, {PATTERN_HUGE, 3, 7, 1001},          {PATTERN_POSITIVE, 48, 3, 49},
      {PATTERN_EQUAL, 60, 8, 1},       {PATTERN_MIXED_ELEMENTS, 40, 16, 9}, {PATTERN_HUGE, 17, 2, 8200},
  };
  struct layer layers[COUNT(shapes)];
  size_t count = test_quick() ? 0 : COUNT(shapes);
  for (size_t l = 0; l < count; l++)
    layers[l] = layer_create(shapes[l].pattern, shapes[l].filters, shapes[l].channels, shapes[l].kernel, 3);
  if (count > 0) check_and_free("Large layers", layers, count, 1, false);
}
END_TEST

/* Layers whose profiles are almost the same diverge by little, and that little is as accurate as the rest. */
START_TEST(alike_layers_agree) {
  enum {
    LAYERS = 5
  };
  struct layer layers[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    struct generator g = {191 + (uint64_t)l};
    layers[l] = layer_create(PATTERN_TRAINED, 6, 3, 9, 4);
    for (int64_t e = 0; e < layers[l].filters * layer_elements(&layers[l]); e++)
      layers[l].weights[e] *= 1 + 1e-6 * next_gaussian(&g);
  }
  check_and_free("Layers almost alike", layers, LAYERS, temperature_count(), false);
}
END_TEST

/* At a high temperature every distribution is almost uniform, and what they differ by has all its digits. */
START_TEST(high_temperatures_agree) {
  static const double high[] = {1000, 1e6};
  struct layer layers[3] = {layer_create(PATTERN_UNIFORM, 4, 2, 3, 5),
                            layer_create(PATTERN_TRAINED, 4, 3, 9, 5),
                            layer_create(PATTERN_HEAVY_TAILED, 4, 2, 2, 5)};
  check_and_free_at("High temperatures", layers, COUNT(layers), high, COUNT(high), false);
}
END_TEST

/* The bundled network agrees to the promised 1e-12 outright. */
START_TEST(bundled_network_agrees) {
  size_t count = 0;
  struct layer *layers = network_read(KLDSEL_TEST_NETWORK, &count);
  ck_assert_uint_ge(count, 8);
  if (test_quick()) {
    for (size_t l = 2; l < count; l++) layer_free(&layers[l]);
    count = 2;
  }
  check_and_free("Bundled network", layers, count, temperature_count(), true);
  free(layers);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("definition");
  TCase *tests = add_case(suite, "definition");
  tcase_add_test(tests, patterns_agree);
  tcase_add_test(tests, shapes_agree);
  tcase_add_test(tests, sizes_agree);
  tcase_add_test(tests, alike_layers_agree);
  tcase_add_test(tests, high_temperatures_agree);
  tcase_add_test(tests, bundled_network_agrees);
  return suite;
}
