/* SPDX-License-Identifier: BSD-3-Clause */
/* Rankings straight from tensors: they make no more than they read, and come out as if they made everything.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "forms.h"
#include "layers.h"
#include "support.h"

/* ---- the same ranking ---- */

/* Every form and element type; one filter, two, extreme magnitudes, zeros. */
static const struct {
  struct shape shape;
  int32_t dtype;
  enum form form;
} network[] = {
    {{17, 5, 3}, KLDSEL_DTYPE_F32, FORM_ROWS},   {{9, 3, 4}, KLDSEL_DTYPE_F32, FORM_COLUMNS},
    {{1, 2, 9}, KLDSEL_DTYPE_F64, FORM_ROWS},    {{2, 3, 1}, KLDSEL_DTYPE_F16, FORM_ROWS},
    {{17, 1, 8}, KLDSEL_DTYPE_U8, FORM_COLUMNS}, {{12, 2, 2}, KLDSEL_DTYPE_BF16, FORM_SKIPPING_ROWS},
    {{1, 1, 1}, KLDSEL_DTYPE_I8, FORM_ROWS},     {{9, 4, 1}, KLDSEL_DTYPE_F16, FORM_SKIPPING_COLUMNS},
};

enum {
  FORMED = COUNT(network),
  LAYERS = FORMED + 3
};

static const enum pattern patterns[LAYERS - FORMED] = {PATTERN_HUGE, PATTERN_ZEROS, PATTERN_TRAINED};

static kldsel_tensor *tensors[LAYERS];
static void *buffers[FORMED];
static struct layer layers[LAYERS - FORMED];

static void make_network(void) {
  for (size_t l = 0; l < FORMED; l++) {
    buffers[l] = random_weights(2 * shape_weights(&network[l].shape), network[l].dtype, 301 + l);
    tensors[l] = form_view(buffers[l], &network[l].shape, network[l].dtype, network[l].form);
  }
  for (size_t l = 0; l < LAYERS - FORMED; l++) {
    layers[l] = layer_create(patterns[l], 9, 2, 3, 311);
    tensors[FORMED + l] = layer_view(&layers[l]);
  }
}

static void free_network(void) {
  for (size_t l = 0; l < LAYERS; l++) kldsel_tensor_free(tensors[l]);
  for (size_t l = 0; l < FORMED; l++) free(buffers[l]);
  for (size_t l = 0; l < LAYERS - FORMED; l++) layer_free(&layers[l]);
}

/* What a layer is given, by alignment: another one's weights, one of a single filter, or none; by index of as
 * many filters. */
static const int given_of[][LAYERS] = {
    [KLDSEL_ALIGNMENT_QUANTILE] = {4, 9, 3, -1, 2, 7, 1, -1, 0, 5, 10},
    [KLDSEL_ALIGNMENT_INDEX] = {4, 9, 3, -1, 2, 5, 1, -1, 10, 8, 7},
};

struct told {
  double score;
  int64_t rank;
  int32_t selected, reason;
};

/* Scores that the linear path makes have the same bits, and so all that follows from them. Those from BLAS
 * agree to its 1e-12. */
static void assert_same_ranking(const kldsel_ranking *a, const kldsel_ranking *b, bool by_blas,
                                const char *what) {
  for (size_t l = 0; l < LAYERS; l++) {
    struct told x, y;
    assert_ok(kldsel_ranking_layer(a, l, &x.score, &x.rank, &x.selected, &x.reason));
    assert_ok(kldsel_ranking_layer(b, l, &y.score, &y.rank, &y.selected, &y.reason));
    bool same = isnan(x.score) ? isnan(y.score) : memcmp(&x.score, &y.score, sizeof x.score) == 0;
    same = same && x.rank == y.rank && x.selected == y.selected;
    same = same || (by_blas && fabs(x.score - y.score) <= 1e-12);
    ck_assert_msg(same && x.reason == y.reason,
                  "%s, layer %zu: score %a, rank %d, selected %d, reason %d; %a, %d, %d, %d", what, l,
                  x.score, (int)x.rank, x.selected, x.reason, y.score, (int)y.rank, y.selected, y.reason);
  }
  int64_t order_a[LAYERS], order_b[LAYERS];
  assert_ok(kldsel_ranking_order(a, order_a, LAYERS));
  assert_ok(kldsel_ranking_order(b, order_b, LAYERS));
  if (!by_blas) ck_assert_mem_eq(order_a, order_b, sizeof order_a);
}

struct way {
  int32_t granularity, distribution, measure, sign, reference, alignment;
  bool grouped; /* by number of filters */
};

/* By either way the same ranking, or the same error in the same words. */
static void check_way(const struct way *way, kldsel_profile *const *profiles) {
  int32_t groups[LAYERS];
  kldsel_profile *given_profiles[LAYERS];
  kldsel_tensor *given_tensors[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    int other = given_of[way->alignment][l];
    groups[l] = (int32_t)kldsel_tensor_filters(tensors[l]);
    given_profiles[l] = other < 0 ? NULL : profiles[other];
    given_tensors[l] = other < 0 ? NULL : tensors[other];
  }
  set_int(KLDSEL_OPTION_MEASURE, way->measure);
  set_int(KLDSEL_OPTION_SIGN, way->sign);
  set_int(KLDSEL_OPTION_REFERENCE, way->reference);
  set_int(KLDSEL_OPTION_ALIGNMENT, way->alignment);
  bool given = way->reference == KLDSEL_REFERENCE_GIVEN;
  char what[160], message[256];
  snprintf(what, sizeof what,
           "granularity %d, distribution %d, measure %d, sign %d, reference %d, alignment %d, grouped %d",
           way->granularity, way->distribution, way->measure, way->sign, way->reference, way->alignment,
           way->grouped);
  kldsel_ranking *by_profiles = NULL, *by_tensors = NULL;
  kldsel_status status = kldsel_rank_profiles(profiles, LAYERS, given ? given_profiles : NULL,
                                              way->grouped ? groups : NULL, test_options, &by_profiles);
  snprintf(message, sizeof message, "%s", status != KLDSEL_OK ? kldsel_last_error() : "");
  kldsel_status again = kldsel_rank_tensors(tensors, LAYERS, given ? given_tensors : NULL,
                                            way->grouped ? groups : NULL, test_options, &by_tensors);
  ck_assert_msg(again == status && (status == KLDSEL_OK || strcmp(message, kldsel_last_error()) == 0),
                "%s: %s: %s; but %s: %s", what, kldsel_status_name(status), message,
                kldsel_status_name(again), kldsel_last_error());
  if (status != KLDSEL_OK) {
    bool unlike_lengths = way->alignment == KLDSEL_ALIGNMENT_INDEX && !way->grouped;
    bool no_sign = way->measure == KLDSEL_MEASURE_SHARE;
    ck_assert_msg(unlike_lengths || no_sign, "%s: %s", what, message);
    return;
  }
  bool kl = way->measure == 0 || way->measure == KLDSEL_MEASURE_KL;
  bool by_blas =
      kl && (way->reference == KLDSEL_REFERENCE_WITHIN || way->distribution == KLDSEL_DISTRIBUTION_PAIRS);
  assert_same_ranking(by_profiles, by_tensors, by_blas, what);
  kldsel_ranking_free(by_profiles);
  kldsel_ranking_free(by_tensors);
}

/* All ways, or few: each eleventh, as no option has eleven values, nor as many as a multiple of it. */
static void check_ways(struct way way, kldsel_profile *const *profiles, unsigned number) {
  int32_t most_measure = KLDSEL_MEASURE_SHARE, most_sign = KLDSEL_SIGN_POSITIVE_NEGATIVE;
  for (way.measure = 0; way.measure <= most_measure; way.measure++)
    for (way.sign = 0; way.sign <= most_sign; way.sign++)
      for (way.reference = 0; way.reference <= KLDSEL_REFERENCE_GIVEN; way.reference++)
        for (way.alignment = 1; way.alignment <= KLDSEL_ALIGNMENT_INDEX; way.alignment++)
          for (int grouped = 0; grouped <= 1; grouped++) {
            way.grouped = grouped > 0;
            if (!test_quick() || number++ % 11 == 0) check_way(&way, profiles);
          }
}

/* For every measure, sign, reference, alignment, distribution and granularity, and in groups of as many
 * filters. */
START_TEST(tensors_are_ranked_as_their_profiles) {
  static const double temperatures[] = {1, 0.05};
  make_network();
  struct way way = {.granularity = 1 + _i % 2, .distribution = 1 + _i / 2};
  set_int(KLDSEL_OPTION_GRANULARITY, way.granularity);
  set_int(KLDSEL_OPTION_DISTRIBUTION, way.distribution);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 1);
  for (size_t t = 0; t < (test_quick() ? 1 : COUNT(temperatures)); t++) {
    kldsel_profile *profiles[LAYERS];
    set_double(KLDSEL_OPTION_TEMPERATURE, temperatures[t]);
    set_int(KLDSEL_OPTION_MEASURE, 0);
    set_int(KLDSEL_OPTION_SIGN, 0);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    assert_ok(kldsel_profile_create_many(tensors, LAYERS, test_options, profiles));
    check_ways(way, profiles, (unsigned)_i);
    for (size_t l = 0; l < LAYERS; l++) kldsel_profile_free(profiles[l]);
  }
  free_network();
}
END_TEST

/* What profiles are to hold is not asked for: the ranking knows what it reads. */
START_TEST(signs_and_content_are_not_asked_for) {
  make_network();
  for (int32_t measure = KLDSEL_MEASURE_COSINE; measure <= KLDSEL_MEASURE_SHARE; measure++) {
    kldsel_ranking *plain = NULL;
    set_int(KLDSEL_OPTION_MEASURE, measure);
    set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_NEGATIVE);
    set_int(KLDSEL_OPTION_SIGNS, 0);
    set_int(KLDSEL_OPTION_CONTENT, 0);
    assert_ok(kldsel_rank_tensors(tensors, LAYERS, NULL, NULL, test_options, &plain));
    for (int32_t content = 1; content <= 7; content++) {
      kldsel_ranking *ranking = NULL;
      set_int(KLDSEL_OPTION_SIGNS, 1 << KLDSEL_SIGN_ALL);
      set_int(KLDSEL_OPTION_CONTENT, content);
      assert_ok(kldsel_rank_tensors(tensors, LAYERS, NULL, NULL, test_options, &ranking));
      assert_same_ranking(plain, ranking, false, "asked for something else");
      kldsel_ranking_free(ranking);
    }
    kldsel_ranking_free(plain);
  }
  free_network();
}
END_TEST

/* ---- memory ---- */

enum {
  MANY = 24,
  FILTERS = 4096,
  ELEMENTS = 4,
  /* More than a profile, its place in lists and its layer of the ranking take; far below FILTERS doubles. */
  ROOM_OF_A_LAYER = 1024
};

static float many_weights[MANY * FILTERS * ELEMENTS];

static size_t peak_of(kldsel_tensor *const *list, size_t count) {
  kldsel_ranking *ranking = NULL;
  size_t before = atomic_load(&test_memory.bytes);
  atomic_store(&test_memory.peak, before);
  assert_ok(kldsel_rank_tensors(list, count, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  return atomic_load(&test_memory.peak) - before;
}

/* The peak is that of the largest layer on each thread, and a little for every layer: it does not grow with
 * the filters of all layers, but where their similarities are compared. */
START_TEST(filters_of_all_layers_are_not_kept) {
  static const struct {
    int32_t measure, reference;
    bool kept;
  } ways[] = {
      {KLDSEL_MEASURE_COSINE, 0, false},
      {KLDSEL_MEASURE_SHARE, 0, false},
      {KLDSEL_MEASURE_KL, KLDSEL_REFERENCE_UNIFORM, false},
      {KLDSEL_MEASURE_KL, KLDSEL_REFERENCE_PREVIOUS, true},
  };
  kldsel_tensor *many[MANY];
  for (size_t i = 0; i < COUNT(many_weights); i++) many_weights[i] = (float)weight_of(i);
  for (int l = 0; l < MANY; l++) {
    /* The largest somewhere in the middle, rows and columns in turn. */
    int64_t filters = l == MANY / 2 ? FILTERS : FILTERS / 2;
    const int64_t rows[] = {filters, ELEMENTS}, columns[] = {ELEMENTS, filters};
    assert_ok(kldsel_tensor_view(&many_weights[l * FILTERS * ELEMENTS],
                                 (size_t)filters * ELEMENTS * sizeof *many_weights, KLDSEL_DTYPE_F32, 2,
                                 l % 2 ? columns : rows, l % 2 ? KLDSEL_LAYOUT_IO : KLDSEL_LAYOUT_OI,
                                 test_options, &many[l]));
  }
  kldsel_tensor *const *list = many;
  for (size_t w = 0; w < COUNT(ways); w++)
    for (int32_t sign = KLDSEL_SIGN_POSITIVE; sign <= KLDSEL_SIGN_NEGATIVE; sign++) {
      set_int(KLDSEL_OPTION_MEASURE, ways[w].measure);
      set_int(KLDSEL_OPTION_REFERENCE, ways[w].reference);
      set_int(KLDSEL_OPTION_SIGN, sign);
      set_int(KLDSEL_OPTION_THREADS, 1);
      size_t largest = peak_of(&list[MANY / 2], 1), others = peak_of(&list[1], 1);
      if (others > largest) largest = others;
      for (int32_t threads = 1; threads <= 3; threads++) {
        set_int(KLDSEL_OPTION_THREADS, threads);
        size_t peak = peak_of(list, MANY), allowed = (size_t)threads * largest + MANY * ROOM_OF_A_LAYER;
        /* Those of the sign that is compared, no more. */
        size_t kept = ways[w].kept ? sizeof(double) * (MANY + 1) * FILTERS / 2 : 0;
        ck_assert_uint_ge(peak, kept);
        ck_assert_msg(peak <= allowed + kept, "measure %d, %d threads: %zu bytes of %zu", ways[w].measure,
                      threads, peak, allowed);
      }
    }
  for (int l = 0; l < MANY; l++) kldsel_tensor_free(many[l]);
}
END_TEST

/* Large layers are made one after the other, each on all threads: what was made of one is let go of before
 * the next, and scores by kl against uniform need no room for filters again. */
START_TEST(filters_of_split_layers_are_not_kept) {
  enum {
    SPLIT = 8,
    SPLIT_FILTERS = 1 << 18 /* as many weights: enough to be split */
  };
  const float one = 1;
  kldsel_tensor *list[SPLIT];
  for (int l = 0; l < SPLIT; l++)
    assert_ok(kldsel_tensor_view_strided(&one, sizeof one, 0, KLDSEL_DTYPE_F32, 2,
                                         (const int64_t[]){SPLIT_FILTERS, 1}, (const int64_t[]){0, 0}, 1U, 0,
                                         test_options, &list[l]));
  set_int(KLDSEL_OPTION_THREADS, SPLIT);
  size_t count = test_quick() ? 3 : SPLIT;
  size_t alone = peak_of(list, 1), together = peak_of(list, count);
  ck_assert_msg(together <= alone + count * ROOM_OF_A_LAYER, "%zu bytes, of one layer %zu", together, alone);
  for (int l = 0; l < SPLIT; l++) kldsel_tensor_free(list[l]);
}
END_TEST

/* The divergence within takes the cosines of all pairs, but keeps none. */
START_TEST(pairs_are_not_kept_for_within) {
  enum {
    WITHIN_FILTERS = 1000 /* 8 MB of pairs */
  };
  kldsel_ranking *ranking = NULL;
  for (size_t i = 0; i < WITHIN_FILTERS; i++) many_weights[i] = (float)sin((double)i);
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(many_weights, WITHIN_FILTERS * sizeof *many_weights, KLDSEL_DTYPE_F32, 2,
                               (const int64_t[]){WITHIN_FILTERS, 1}, KLDSEL_LAYOUT_OI, test_options,
                               &tensor));
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  set_int(KLDSEL_OPTION_THREADS, 1);
  test_memory.limit = 1 << 21;
  assert_ok(kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &ranking));
  test_memory.limit = 0;
  kldsel_ranking_free(ranking);
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- what is refused, and cancelled ---- */

static const double first[] = {1, 2, -3, 4, 0.5, -1}, second[] = {-2, 1, 1, 3},
                    third[] = {1, -4, 2, 2, 2, -0.25, 1, 1};

static void make_three(kldsel_tensor **three) {
  three[0] = matrix_view(first, 3, 2);
  three[1] = matrix_view(second, 2, 2);
  three[2] = matrix_view(third, 4, 2);
}

#define TENSORS_REFUSED(status, message, ...)                                                                \
  assert_no_handle(kldsel_ranking, kldsel_rank_tensors(__VA_ARGS__, test_options, &POISONED), status, message)

START_TEST(rank_tensors_refuses) {
  kldsel_tensor *three[3];
  make_three(three);
  const double bad[] = {1, 2, (double)INFINITY, 4};
  kldsel_tensor *infinite = matrix_view(bad, 2, 2);
  kldsel_tensor *list[] = {three[0], three[1], three[2]}, *holes[] = {three[0], NULL, three[1]};
  kldsel_tensor *worse[] = {three[0], infinite}, *given[] = {NULL, infinite, NULL},
                *first_given[] = {infinite, NULL, NULL};
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "tensors is NULL", NULL, 3, NULL, NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "count is 0", list, 0, NULL, NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "tensors[1] is NULL", holes, 2, NULL, NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "tensors[0] is NULL", holes + 1, 2, NULL, NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_NOT_FINITE, "tensors[1]: weight at [1, 0] is inf", worse, 2, NULL, NULL);
  assert_error(kldsel_rank_tensors(list, 3, NULL, NULL, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "ranking is NULL");
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "given is not NULL, but REFERENCE is not given", list, 3,
                  list, NULL);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "given is NULL, but REFERENCE is given", list, 3, NULL,
                  NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_NOT_FINITE, "given[1]: weight at [1, 0] is inf", list, 3, given, NULL);
  TENSORS_REFUSED(KLDSEL_ERROR_NOT_FINITE, "given[0]: weight at [1, 0] is inf", list, 3, first_given, NULL);
  /* Other measures do not read what is given. */
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_tensors(list, 3, given, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  /* But it must be asked for. */
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "given is not NULL, but REFERENCE is not given", list, 3,
                  given, NULL);
  set_int(KLDSEL_OPTION_MEASURE, 0);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 4);
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "SELECT_COUNT is 4, but there are 3 layers", list, 3, NULL,
                  NULL);
  kldsel_tensor_free(infinite);
  for (int l = 0; l < 3; l++) kldsel_tensor_free(three[l]);
}
END_TEST

static int32_t stop(void *user, uint64_t done, uint64_t total) {
  size_t *left = user;
  (void)done;
  (void)total;
  return *left > 0 && --*left == 0;
}

START_TEST(rank_tensors_can_be_cancelled) {
  kldsel_tensor *three[3];
  make_three(three);
  kldsel_tensor *list[] = {three[0], three[1], three[2]};
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  set_int(KLDSEL_OPTION_THREADS, 1);
  size_t left = 0;
  assert_ok(kldsel_options_set_progress(test_options, stop, &left));
  kldsel_status status = KLDSEL_ERROR_CANCELLED;
  size_t n = 0;
  while (status != KLDSEL_OK) {
    kldsel_ranking *ranking;
    poison(&ranking, sizeof ranking);
    size_t live = atomic_load(&test_memory.live);
    left = ++n;
    status = kldsel_rank_tensors(list, 3, list, NULL, test_options, &ranking);
    if (status == KLDSEL_OK) {
      kldsel_ranking_free(ranking);
    } else {
      ck_assert_int_eq(status, KLDSEL_ERROR_CANCELLED);
      assert_poisoned(&ranking, sizeof ranking);
    }
    ck_assert_uint_eq(atomic_load(&test_memory.live), live);
  }
  ck_assert_uint_gt(n, 1);
  for (int l = 0; l < 3; l++) kldsel_tensor_free(three[l]);
}
END_TEST

static int32_t note_total(void *user, uint64_t done, uint64_t total) {
  (void)done;
  *(uint64_t *)user = total;
  return 1;
}

/* Measures that read no divergence within have none made: the work is that of the weights. */
START_TEST(only_kl_computes_matrices) {
  kldsel_tensor *three[3];
  make_three(three);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  for (int32_t measure = KLDSEL_MEASURE_COSINE; measure <= KLDSEL_MEASURE_SHARE; measure++) {
    uint64_t total = 0, weights = 6 + 4 + 8, similarities = 9 + 4 + 16;
    set_int(KLDSEL_OPTION_MEASURE, measure);
    assert_ok(kldsel_options_set_progress(test_options, note_total, &total));
    assert_no_handle(kldsel_ranking, kldsel_rank_tensors(three, 3, NULL, NULL, test_options, &POISONED),
                     KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
    ck_assert_uint_eq(total, measure == KLDSEL_MEASURE_KL ? weights + similarities : weights);
  }
  for (int l = 0; l < 3; l++) kldsel_tensor_free(three[l]);
}
END_TEST

/* A call that is refused for its arguments does no work first, so that nothing is told. */
START_TEST(what_is_refused_is_not_begun) {
  kldsel_tensor *three[3];
  make_three(three);
  uint64_t total = 1234;
  assert_ok(kldsel_options_set_progress(test_options, note_total, &total));
  TENSORS_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "count is 0", three, 0, NULL, NULL);
  assert_error(kldsel_rank_tensors(three, 3, NULL, NULL, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "ranking is NULL");
  ck_assert_uint_eq(total, 1234);
  for (int l = 0; l < 3; l++) kldsel_tensor_free(three[l]);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("rank_tensors");
  TCase *tests = add_case(suite, "same ranking");
  tcase_add_loop_test(tests, tensors_are_ranked_as_their_profiles, 0, 4);
  tcase_add_test(tests, signs_and_content_are_not_asked_for);
  tests = add_case(suite, "memory");
  tcase_add_test(tests, filters_of_all_layers_are_not_kept);
  tcase_add_test(tests, filters_of_split_layers_are_not_kept);
  tcase_add_test(tests, pairs_are_not_kept_for_within);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, rank_tensors_refuses);
  tcase_add_test(tests, rank_tensors_can_be_cancelled);
  tcase_add_test(tests, only_kl_computes_matrices);
  tcase_add_test(tests, what_is_refused_is_not_begun);
  return suite;
}
