/* SPDX-License-Identifier: BSD-3-Clause */
/* A host as it was built against the first header that was published: fewer option keys, fewer functions, and
 * arrays of tensors and profiles that were const twice. It calls every function of that header, and checks
 * what it gets by hand. */
#include <kldsel/kldsel.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(int good, const char *what, int line) {
  if (good) return;
  fprintf(stderr, "line %d: not %s (last error: %s)\n", line, what, kldsel_last_error());
  failures++;
}

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define OK(call) CHECK((call) == KLDSEL_OK)
#define NEAR(a, b) CHECK(fabs((a) - (b)) <= 1e-14)

static size_t blocks;

static void *allocate(void *user, size_t size) {
  (void)user;
  blocks++;
  return malloc(size);
}

static void release(void *user, void *memory) {
  (void)user;
  blocks--;
  free(memory);
}

static int32_t stop(void *user, uint64_t done, uint64_t total) {
  *(int *)user += done <= total;
  return 1;
}

/* Cosines of all signs: 0 between the filters of one, 1 between those of the other. */
#define FILTERS 2
#define ELEMENTS 2
static const double apart[] = {1, 0, 0, 1}, alike[] = {3, 4, 3, 4};
static const int64_t shape[] = {FILTERS, ELEMENTS};

static kldsel_tensor *view(const double *weights, const kldsel_options *options) {
  kldsel_tensor *tensor = NULL;
  OK(kldsel_tensor_view(weights, sizeof apart, KLDSEL_DTYPE_F64, 2, shape, KLDSEL_LAYOUT_OI, options,
                        &tensor));
  return tensor;
}

static void about_the_library(void) {
  char text[256];
  CHECK(kldsel_version() / 1000000 == KLDSEL_VERSION_MAJOR);
  CHECK(kldsel_version() >= KLDSEL_VERSION_MAJOR * 1000000u + KLDSEL_VERSION_MINOR * 1000u);
  CHECK(strlen(kldsel_version_string()) >= 5);
  CHECK(kldsel_build_info(text, sizeof text) == strlen(text) && strncmp(text, "libkldsel ", 10) == 0);
  CHECK(kldsel_cpu_level() >= KLDSEL_CPU_LEVEL_BASELINE);
  CHECK(strcmp(kldsel_status_name(KLDSEL_ERROR_MISMATCH), "KLDSEL_ERROR_MISMATCH") == 0);
  CHECK(strcmp(kldsel_status_name(KLDSEL_ERROR_UNSUPPORTED), "KLDSEL_ERROR_UNSUPPORTED") == 0);
  CHECK(strcmp(kldsel_reason_text(KLDSEL_REASON_NOT_GIVEN), "unknown reason") != 0);
  CHECK(strcmp(kldsel_reason_text(-1), "unknown reason") == 0);
}

/* Every key there was, with a value that it took. */
static kldsel_options *set_all_options(void) {
  static const struct {
    int32_t key;
    int64_t value;
  } integers[] = {
      {KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_SHARE},
      {KLDSEL_OPTION_SIGN, KLDSEL_SIGN_POSITIVE_NEGATIVE},
      {KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN},
      {KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH},
      {KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL},
      {KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS},
      {KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_INDEX},
      {KLDSEL_OPTION_SELECT_COUNT, INT64_MAX},
      {KLDSEL_OPTION_SELECT_PARAMETERS, INT64_MAX},
      {KLDSEL_OPTION_THREADS, 1024},
      {KLDSEL_OPTION_CPU_LEVEL, KLDSEL_CPU_LEVEL_AVX512},
  };
  kldsel_options *options = NULL;
  size_t i;
  int32_t type = 0;
  double lowest = 1, highest = 0;
  OK(kldsel_options_create(allocate, release, NULL, &options));
  for (i = 0; i < sizeof integers / sizeof integers[0]; i++) {
    OK(kldsel_options_set_int(options, integers[i].key, integers[i].value));
    OK(kldsel_options_bounds(integers[i].key, &type, &lowest, &highest));
    CHECK(type == KLDSEL_OPTION_TYPE_INT && lowest == 0 && highest >= (double)integers[i].value);
    OK(kldsel_options_set_int(options, integers[i].key, 0));
  }
  OK(kldsel_options_set_double(options, KLDSEL_OPTION_TEMPERATURE, 2));
  OK(kldsel_options_set_double(options, KLDSEL_OPTION_TEMPERATURE, 1));
  OK(kldsel_options_set_double(options, KLDSEL_OPTION_SELECT_SHARE, 0.5));
  OK(kldsel_options_bounds(KLDSEL_OPTION_TEMPERATURE, &type, NULL, NULL));
  CHECK(type == KLDSEL_OPTION_TYPE_DOUBLE);
  return options;
}

static void use_tensors(const kldsel_options *options) {
  static const uint8_t stored[] = {1, 2, 3, 4};
  static const double scales[] = {2, 4}, zeros[] = {1, 2};
  static const int64_t strides[] = {1, 2};
  int32_t kind = 0;
  uint32_t filter_axes = 0, channel_axes = 9;
  double values[4];
  kldsel_tensor *bytes = NULL, *quantized = NULL, *made = NULL;
  OK(kldsel_layer_kind(2, shape, &kind));
  CHECK(kind == KLDSEL_KIND_DENSE);
  OK(kldsel_layout_axes(KLDSEL_LAYOUT_IO, 2, &filter_axes, &channel_axes));
  CHECK(filter_axes == 2 && channel_axes == 0);
  OK(kldsel_tensor_view_strided(stored, 4, 0, KLDSEL_DTYPE_U8, 2, shape, strides, 1, 0, options, &bytes));
  OK(kldsel_tensor_quantized(bytes, scales, zeros, 2, options, &quantized));
  CHECK(kldsel_tensor_filters(quantized) == FILTERS && kldsel_tensor_elements(quantized) == ELEMENTS);
  OK(kldsel_tensor_copy(quantized, options, &made));
  OK(kldsel_tensor_values(made, values, 4));
  CHECK(values[0] == 0 && values[1] == 4 && values[2] == 0 && values[3] == 8);
  kldsel_tensor_free(made);
  OK(kldsel_sign_split(quantized, KLDSEL_PART_NEGATIVE, options, &made));
  OK(kldsel_tensor_values(made, values, 4));
  CHECK(values[0] == 0 && values[1] == 0 && values[2] == 0 && values[3] == 0);
  kldsel_tensor_free(made);
  OK(kldsel_filter_matrix(quantized, options, &made));
  OK(kldsel_tensor_values(made, values, 4));
  CHECK(values[1] == 4 && values[3] == 8);
  kldsel_tensor_free(made);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(bytes);
}

static void use_primitives(const kldsel_options *options) {
  static const double p[] = {0.5, 0.5}, q[] = {0.25, 0.75};
  static const double scores[] = {3, 1, 2};
  double cosines[4], probabilities[2], divergence = -1;
  int64_t order[3], ranks[3];
  int32_t selected[3];
  kldsel_tensor *tensor = view(alike, options);
  OK(kldsel_pairwise_cosine(tensor, NULL, 0, FILTERS, options, cosines, 4));
  NEAR(cosines[0], 1);
  NEAR(cosines[1], 1);
  OK(kldsel_softmax(p, 2, 1, probabilities));
  NEAR(probabilities[0], 0.5);
  OK(kldsel_divergence(p, 2, q, 2, options, &divergence));
  /* Sorted: (ln(0.5 / 0.75) + ln(0.5 / 0.25)) / 2. */
  NEAR(divergence, 0.5 * log(0.5 / 0.75) + 0.5 * log(2.0));
  OK(kldsel_rank(scores, 3, NULL, NULL, options, order, ranks, selected));
  CHECK(order[0] == 1 && order[1] == 2 && order[2] == 0 && ranks[0] == 2);
  CHECK(selected[1] == 1 && selected[0] == 0 && selected[2] == 0);
  kldsel_tensor_free(tensor);
}

static void use_profiles(const kldsel_options *options) {
  kldsel_tensor *tensors[2];
  kldsel_profile *profiles[2] = {NULL, NULL}, *again = NULL;
  double values[FILTERS], exported[17 + 4 * FILTERS];
  size_t length = 0;
  tensors[0] = view(apart, options);
  tensors[1] = view(alike, options);
  OK(kldsel_profile_create(tensors[0], options, &again));
  CHECK(kldsel_profile_filters(again) == FILTERS && kldsel_profile_elements(again) == ELEMENTS);
  kldsel_profile_free(again);
  OK(kldsel_profile_create_many((const kldsel_tensor *const *)tensors, 2, options, profiles));
  OK(kldsel_profile_length(profiles[1], KLDSEL_SIGN_ALL, &length));
  CHECK(length == FILTERS);
  OK(kldsel_profile_values(profiles[1], KLDSEL_SIGN_ALL, values, length));
  NEAR(values[0], 1);
  OK(kldsel_profile_export(profiles[1], exported, sizeof exported / sizeof exported[0], &length));
  CHECK(length == 17 + 4 * FILTERS && exported[0] == 1802265715 && exported[1] == 1);
  NEAR(exported[9], 1);
  OK(kldsel_profile_import(exported, length, options, &again));
  kldsel_profile_free(again);
  kldsel_profile_free(profiles[0]);
  kldsel_profile_free(profiles[1]);
  kldsel_tensor_free(tensors[0]);
  kldsel_tensor_free(tensors[1]);
}

static void check_ranking(kldsel_ranking *ranking) {
  double score = -1;
  int64_t order[2] = {-1, -1}, rank = -1;
  int32_t selected = -1, reason = -1;
  CHECK(kldsel_ranking_size(ranking) == 2);
  OK(kldsel_ranking_order(ranking, order, 2));
  CHECK(order[0] == 1 && order[1] == 0);
  OK(kldsel_ranking_layer(ranking, 1, &score, &rank, &selected, &reason));
  NEAR(score, 1);
  CHECK(rank == 0 && selected == 1 && reason == KLDSEL_REASON_NONE);
  OK(kldsel_ranking_layer(ranking, 0, &score, NULL, &selected, NULL));
  NEAR(score, 0);
  CHECK(selected == 0);
  kldsel_ranking_free(ranking);
}

static void use_rankings(kldsel_options *options) {
  kldsel_tensor *tensors[2];
  kldsel_profile *profiles[2] = {NULL, NULL};
  kldsel_ranking *ranking = NULL;
  int calls = 0;
  tensors[0] = view(apart, options);
  tensors[1] = view(alike, options);
  OK(kldsel_options_set_int(options, KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE));
  OK(kldsel_options_set_int(options, KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL));
  OK(kldsel_rank_tensors((const kldsel_tensor *const *)tensors, 2, NULL, NULL, options, &ranking));
  check_ranking(ranking);
  OK(kldsel_profile_create_many((const kldsel_tensor *const *)tensors, 2, options, profiles));
  OK(kldsel_rank_profiles((const kldsel_profile *const *)profiles, 2, NULL, NULL, options, &ranking));
  check_ranking(ranking);
  kldsel_profile_free(profiles[0]);
  kldsel_profile_free(profiles[1]);
  OK(kldsel_options_set_progress(options, stop, &calls));
  CHECK(kldsel_rank_tensors((const kldsel_tensor *const *)tensors, 2, NULL, NULL, options, &ranking) ==
        KLDSEL_ERROR_CANCELLED);
  CHECK(calls == 1);
  kldsel_tensor_free(tensors[0]);
  kldsel_tensor_free(tensors[1]);
}

int main(void) {
  kldsel_options *options;
  about_the_library();
  options = set_all_options();
  use_tensors(options);
  use_primitives(options);
  use_profiles(options);
  use_rankings(options);
  kldsel_options_free(options);
  CHECK(blocks == 0);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
