/* SPDX-License-Identifier: BSD-3-Clause */
/* Every allocation of every public call fails once: the call says so, changes nothing and leaks nothing.
 * Calls that allocate nothing are told apart; no function that the library exports is left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* ---- what the calls work on, made by malloc ---- */

enum {
  LAYERS = 3,
  /* Enough weights to be split over threads. */
  LARGE_ROWS = 96,
  LARGE_COLUMNS = 2800,
  /* Still more rows than the cosines take at a time. */
  QUICK_ROWS = 52,
  QUICK_COLUMNS = 60
};

static double small[6 * 4];
static uint8_t bytes[6 * 4];
static float large[LARGE_ROWS * LARGE_COLUMNS];

static kldsel_tensor *matrix, *columns, *integers, *quantized, *large_rows, *large_columns;
static kldsel_tensor *layers[LAYERS], *given[LAYERS];
static kldsel_profile *profiles[LAYERS];
static double exported[256];
static size_t exported_length;

static void make_fixtures(void) {
  for (size_t i = 0; i < COUNT(small); i++) {
    small[i] = sin((double)i + 1);
    bytes[i] = (uint8_t)(37 * i);
  }
  for (size_t i = 0; i < COUNT(large); i++) large[i] = (float)weight_of(i);
  static const int64_t conv[] = {6, 2, 2}, hwio[] = {2, 2, 6};
  int64_t rows = test_quick() ? QUICK_ROWS : LARGE_ROWS;
  int64_t length = test_quick() ? QUICK_COLUMNS : LARGE_COLUMNS;
  const int64_t wide[] = {rows, length}, tall[] = {length, rows};
  size_t large_bytes = (size_t)(rows * length) * sizeof *large;
  static const double scales[] = {1, 2, 3, 4, 5, 6};
  assert_ok(
      kldsel_tensor_view(small, sizeof small, KLDSEL_DTYPE_F64, 3, conv, KLDSEL_LAYOUT_OIHW, NULL, &matrix));
  assert_ok(
      kldsel_tensor_view(small, sizeof small, KLDSEL_DTYPE_F64, 3, hwio, KLDSEL_LAYOUT_HWIO, NULL, &columns));
  assert_ok(
      kldsel_tensor_view(bytes, sizeof bytes, KLDSEL_DTYPE_U8, 3, conv, KLDSEL_LAYOUT_OIHW, NULL, &integers));
  assert_ok(kldsel_tensor_quantized(integers, scales, scales, 6, NULL, &quantized));
  assert_ok(
      kldsel_tensor_view(large, large_bytes, KLDSEL_DTYPE_F32, 2, wide, KLDSEL_LAYOUT_OI, NULL, &large_rows));
  assert_ok(kldsel_tensor_view(large, large_bytes, KLDSEL_DTYPE_F32, 2, tall, KLDSEL_LAYOUT_IO, NULL,
                               &large_columns));
  layers[0] = matrix;
  layers[1] = quantized;
  layers[2] = large_rows;
  given[0] = columns;
  given[2] = large_columns;
}

static void make_profiles(void) {
  for (int l = 0; l < LAYERS; l++) assert_ok(kldsel_profile_create(layers[l], test_options, &profiles[l]));
  assert_ok(kldsel_profile_export(profiles[0], exported, COUNT(exported), &exported_length));
}

static void free_fixtures(void) {
  kldsel_tensor_free(matrix);
  kldsel_tensor_free(columns);
  kldsel_tensor_free(integers);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(large_rows);
  kldsel_tensor_free(large_columns);
}

/* ---- which functions were called ---- */

enum {
  MOST_FUNCTIONS = 128,
  NAME_BYTES = 48
};

static char called[MOST_FUNCTIONS][NAME_BYTES];
static size_t called_count;

/* Notes the function that an expression begins with. */
static void note_call(const char *expression) {
  char name[NAME_BYTES];
  size_t length = strcspn(expression, "(");
  ck_assert_uint_lt(length, sizeof name);
  snprintf(name, sizeof name, "%.*s", (int)length, expression);
  for (size_t i = 0; i < called_count; i++)
    if (strcmp(called[i], name) == 0) return;
  ck_assert_uint_lt(called_count, MOST_FUNCTIONS);
  memcpy(called[called_count++], name, sizeof name);
}

#define CALL(...) (note_call(#__VA_ARGS__), (__VA_ARGS__))

/* ---- the calls: each checks that a failure leaves its outputs, and gives back what a success made ---- */

#define DEFINE_CALL(name, type, release, ...)                                                                \
  static kldsel_status name(void) {                                                                          \
    type *out;                                                                                               \
    poison(&out, sizeof out);                                                                                \
    kldsel_status status = (note_call(#__VA_ARGS__), (__VA_ARGS__));                                         \
    if (status == KLDSEL_OK)                                                                                 \
      release(out);                                                                                          \
    else                                                                                                     \
      assert_poisoned(&out, sizeof out);                                                                     \
    return status;                                                                                           \
  }

#define DEFINE_TENSOR_CALL(name, ...) DEFINE_CALL(name, kldsel_tensor, kldsel_tensor_free, __VA_ARGS__)
#define DEFINE_PROFILE_CALL(name, ...) DEFINE_CALL(name, kldsel_profile, kldsel_profile_free, __VA_ARGS__)
#define DEFINE_RANKING_CALL(name, ...) DEFINE_CALL(name, kldsel_ranking, kldsel_ranking_free, __VA_ARGS__)

static const int64_t six_by_four[] = {6, 4};
static const double scales[] = {1, 2, 3, 4, 5, 6};
static const int32_t groups[] = {1, 2, 1};

DEFINE_CALL(options_create, kldsel_options, kldsel_options_free,
            kldsel_options_create(memory_allocate, memory_release, &test_memory, &out))
DEFINE_TENSOR_CALL(tensor_view, kldsel_tensor_view(small, sizeof small, KLDSEL_DTYPE_F64, 2, six_by_four, 0,
                                                   test_options, &out))
DEFINE_TENSOR_CALL(tensor_view_strided,
                   kldsel_tensor_view_strided(small, sizeof small, 0, KLDSEL_DTYPE_F64, 2, six_by_four, NULL,
                                              2U, 0, test_options, &out))
DEFINE_TENSOR_CALL(tensor_quantized, kldsel_tensor_quantized(integers, scales, NULL, 6, test_options, &out))
DEFINE_TENSOR_CALL(tensor_copy, kldsel_tensor_copy(columns, test_options, &out))
DEFINE_TENSOR_CALL(tensor_copy_quantized, kldsel_tensor_copy(quantized, test_options, &out))
DEFINE_TENSOR_CALL(sign_split, kldsel_sign_split(columns, KLDSEL_PART_POSITIVE, test_options, &out))
DEFINE_TENSOR_CALL(filter_matrix, kldsel_filter_matrix(quantized, test_options, &out))
DEFINE_PROFILE_CALL(profile_create, kldsel_profile_create(matrix, test_options, &out))
DEFINE_PROFILE_CALL(profile_create_columns, kldsel_profile_create(columns, test_options, &out))
DEFINE_PROFILE_CALL(profile_create_quantized, kldsel_profile_create(quantized, test_options, &out))
DEFINE_PROFILE_CALL(profile_create_large, kldsel_profile_create(large_rows, test_options, &out))
DEFINE_PROFILE_CALL(profile_create_large_columns, kldsel_profile_create(large_columns, test_options, &out))
DEFINE_PROFILE_CALL(profile_import, kldsel_profile_import(exported, exported_length, test_options, &out))
DEFINE_RANKING_CALL(rank_profiles, kldsel_rank_profiles(profiles, LAYERS, NULL, groups, test_options, &out))
DEFINE_RANKING_CALL(rank_profiles_given,
                    kldsel_rank_profiles(profiles, LAYERS, profiles, NULL, test_options, &out))
DEFINE_RANKING_CALL(rank_tensors, kldsel_rank_tensors(layers, LAYERS, NULL, NULL, test_options, &out))
DEFINE_RANKING_CALL(rank_tensors_given,
                    kldsel_rank_tensors(layers, LAYERS, given, groups, test_options, &out))

static kldsel_status profile_create_many(void) {
  kldsel_profile *out[LAYERS];
  poison(out, sizeof out);
  kldsel_status status = CALL(kldsel_profile_create_many(layers, LAYERS, test_options, out));
  if (status != KLDSEL_OK) assert_poisoned(out, sizeof out);
  for (int l = 0; l < LAYERS && status == KLDSEL_OK; l++) kldsel_profile_free(out[l]);
  return status;
}

static kldsel_status cosine_of(const kldsel_tensor *x, const kldsel_tensor *y) {
  double out[36];
  poison(out, sizeof out);
  kldsel_status status = CALL(kldsel_pairwise_cosine(x, y, 0, 6, test_options, out, COUNT(out)));
  if (status != KLDSEL_OK) assert_poisoned(out, sizeof out);
  return status;
}

static kldsel_status pairwise_cosine(void) {
  return cosine_of(matrix, NULL);
}

static kldsel_status pairwise_cosine_of_two(void) {
  return cosine_of(quantized, matrix);
}

static kldsel_status divergence(void) {
  static const double p[] = {0.5, 0.5}, q[] = {0.25, 0.5, 0.25};
  double out;
  poison(&out, sizeof out);
  kldsel_status status = CALL(kldsel_divergence(p, 2, q, 3, test_options, &out));
  if (status != KLDSEL_OK) assert_poisoned(&out, sizeof out);
  return status;
}

static kldsel_status rank(void) {
  static const double scores[] = {3, 1, 2};
  static const int64_t parameters[] = {1, 1, 1};
  struct {
    int64_t order[3], ranks[3];
    int32_t selected[4];
  } out;
  poison(&out, sizeof out);
  kldsel_status status =
      CALL(kldsel_rank(scores, 3, parameters, groups, test_options, out.order, out.ranks, out.selected));
  if (status != KLDSEL_OK) assert_poisoned(&out, sizeof out);
  return status;
}

/* ---- failing ---- */

/* Fails the n-th allocation, and with it all later ones or none. True if the call got as far as that. */
static bool fail_at(kldsel_status (*call)(void), const char *name, size_t n, bool onwards) {
  size_t live = atomic_load(&test_memory.live);
  atomic_store(&test_memory.calls, 0);
  test_memory.fail_at = n;
  test_memory.fail_onwards = onwards;
  mark_error();
  kldsel_status status = call();
  size_t calls = atomic_load(&test_memory.calls);
  test_memory.fail_at = 0;
  if (calls >= n) {
    ck_assert_msg(status == KLDSEL_ERROR_OUT_OF_MEMORY, "%s: allocation %zu failed, but it gave %s", name, n,
                  kldsel_status_name(status));
    ck_assert_msg(strstr(kldsel_last_error(), ": no memory for "), "%s: %s", name, kldsel_last_error());
  } else {
    ck_assert_msg(status == KLDSEL_OK, "%s: %s: %s", name, kldsel_status_name(status), kldsel_last_error());
  }
  size_t left = atomic_load(&test_memory.live);
  ck_assert_msg(left == live, "%s: allocation %zu failed and %zu blocks leaked", name, n, left - live);
  return calls >= n;
}

static void fail_at_every_point(kldsel_status (*call)(void), const char *name) {
  size_t points = 0;
  while (fail_at(call, name, points + 1, false)) points++;
  for (size_t n = 1; n <= points; n++) fail_at(call, name, n, true);
  ck_assert_msg(points > 0, "%s allocates nothing: then it does not belong here", name);
  printf("%-34s %3zu failure points\n", name, points);
}

#define FAIL(call) fail_at_every_point(call, #call)

START_TEST(options_and_tensors) {
  make_fixtures();
  FAIL(options_create);
  FAIL(tensor_view);
  FAIL(tensor_view_strided);
  FAIL(tensor_quantized);
  FAIL(tensor_copy);
  FAIL(tensor_copy_quantized);
  free_fixtures();
}
END_TEST

START_TEST(primitives) {
  make_fixtures();
  FAIL(sign_split);
  FAIL(filter_matrix);
  FAIL(divergence);
  for (int32_t granularity = 1; granularity <= 2; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    FAIL(pairwise_cosine);
    FAIL(pairwise_cosine_of_two);
  }
  FAIL(rank);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 2);
  FAIL(rank);
  free_fixtures();
}
END_TEST

static void fail_profiles(void) {
  FAIL(profile_create);
  FAIL(profile_create_columns);
  FAIL(profile_create_quantized);
  FAIL(profile_create_large);
  FAIL(profile_create_large_columns);
  FAIL(profile_create_many);
}

START_TEST(profiles_on_one_thread_and_on_many) {
  make_fixtures();
  for (int32_t threads = 1; threads <= 4; threads += 3)
    for (int32_t granularity = 1; granularity <= 2; granularity++) {
      printf("threads %d, granularity %d\n", threads, granularity);
      set_int(KLDSEL_OPTION_THREADS, threads);
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      fail_profiles();
    }
  free_fixtures();
}
END_TEST

START_TEST(pairs_and_within) {
  make_fixtures();
  for (int32_t granularity = 1; granularity <= 2; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    printf("pairs, granularity %d\n", granularity);
    set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
    set_int(KLDSEL_OPTION_REFERENCE, 0);
    fail_profiles();
    printf("within, granularity %d\n", granularity);
    set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PROFILE);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    fail_profiles();
  }
  free_fixtures();
}
END_TEST

/* Profiles of fewer signs or less content; back from an export in its other format, too. */
START_TEST(parts) {
  static const int32_t signs[] = {1 << KLDSEL_SIGN_ALL, 1 << KLDSEL_SIGN_NEGATIVE, 0, 0};
  static const int32_t content[] = {KLDSEL_CONTENT_VALUES, KLDSEL_CONTENT_MEANS, KLDSEL_CONTENT_MEANS,
                                    KLDSEL_CONTENT_COUNTS};
  make_fixtures();
  small[3] = 1e200; /* other walks on the way */
  for (size_t i = 0; i < COUNT(signs); i++) {
    printf("signs %d, content %d\n", signs[i], content[i]);
    set_int(KLDSEL_OPTION_SIGNS, signs[i]);
    set_int(KLDSEL_OPTION_CONTENT, content[i]);
    fail_profiles();
    make_profiles();
    FAIL(profile_import);
    for (int l = 0; l < LAYERS; l++) kldsel_profile_free(profiles[l]);
  }
  free_fixtures();
}
END_TEST

START_TEST(rankings) {
  make_fixtures();
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  make_profiles();
  FAIL(profile_import);
  static const char *const names[] = {NULL, "uniform", "others", "previous", "next", "within", "given"};
  for (int32_t reference = 1; reference <= KLDSEL_REFERENCE_GIVEN; reference++) {
    printf("reference %s\n", names[reference]);
    set_int(KLDSEL_OPTION_REFERENCE, reference);
    if (reference == KLDSEL_REFERENCE_GIVEN) {
      FAIL(rank_profiles_given);
      FAIL(rank_tensors_given);
    } else {
      FAIL(rank_profiles);
      FAIL(rank_tensors);
    }
  }
  printf("by measure\n");
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  for (int32_t measure = KLDSEL_MEASURE_COSINE; measure <= KLDSEL_MEASURE_SHARE; measure += 2) {
    set_int(KLDSEL_OPTION_MEASURE, measure);
    set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 100);
    FAIL(rank_profiles);
    FAIL(rank_tensors);
  }
  for (int l = 0; l < LAYERS; l++) kldsel_profile_free(profiles[l]);
  free_fixtures();
}
END_TEST

/* ---- every function that is exported ---- */

/* With nothing to be had a call still does what it does. */
#define ALLOCATES_NOTHING(...)                                                                               \
  do {                                                                                                       \
    atomic_store(&test_memory.calls, 0);                                                                     \
    test_memory.fail_at = 1;                                                                                 \
    test_memory.fail_onwards = true;                                                                         \
    bool good = CALL(__VA_ARGS__);                                                                           \
    test_memory.fail_at = 0;                                                                                 \
    ck_assert_msg(good, "without memory: not %s", #__VA_ARGS__);                                             \
    ck_assert_msg(atomic_load(&test_memory.calls) == 0, "allocates: %s", #__VA_ARGS__);                      \
  } while (0)

/* The same of a function without a result. */
#define FREES(...) ALLOCATES_NOTHING(__VA_ARGS__, true)

static void ignore(void *user) {
  (void)user;
}

static void tell_about_the_build(void) {
  char text[256];
  ALLOCATES_NOTHING(kldsel_build_info(text, sizeof text) > 0);
  ALLOCATES_NOTHING(kldsel_blas_better_core() != NULL);
  ALLOCATES_NOTHING(kldsel_cpu_level() > 0);
  ALLOCATES_NOTHING(kldsel_version() > 0);
  ALLOCATES_NOTHING(kldsel_version_string() != NULL);
  ALLOCATES_NOTHING(kldsel_set_last_error(KLDSEL_ERROR_MISMATCH, "a text") == KLDSEL_ERROR_MISMATCH);
  ALLOCATES_NOTHING(kldsel_last_error() != NULL);
  ALLOCATES_NOTHING(kldsel_last_error_layer() == -1);
  ALLOCATES_NOTHING(kldsel_status_name(KLDSEL_OK) != NULL);
  ALLOCATES_NOTHING(kldsel_reason_text(KLDSEL_REASON_NONE) != NULL);
}

static void set_and_get_options(void) {
  int32_t type;
  int64_t integer;
  double real, lowest, highest;
  kldsel_options *options;
  assert_ok(kldsel_options_create(memory_allocate, memory_release, &test_memory, &options));
  ALLOCATES_NOTHING(kldsel_options_set_int(options, KLDSEL_OPTION_THREADS, 1) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_options_set_double(options, KLDSEL_OPTION_TEMPERATURE, 2) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_options_set_progress(options, NULL, NULL) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_options_get_int(options, KLDSEL_OPTION_THREADS, &integer) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_options_get_double(options, KLDSEL_OPTION_TEMPERATURE, &real) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_options_bounds(KLDSEL_OPTION_THREADS, &type, &lowest, &highest) == KLDSEL_OK);
  FREES(kldsel_options_free(options));
}

static void read_tensors(void) {
  int32_t kind, dtype, is_quantized, rank_of;
  uint32_t filter_axes, channel_axes;
  int64_t shape[KLDSEL_MAX_RANK], strides[KLDSEL_MAX_RANK];
  const void *data;
  double values[6 * 4];
  kldsel_tensor *tensor;
  assert_ok(kldsel_tensor_copy(quantized, test_options, &tensor));
  ALLOCATES_NOTHING(kldsel_layer_kind(2, six_by_four, &kind) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_layout_axes(0, 2, &filter_axes, &channel_axes) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_tensor_filters(tensor) == 6);
  ALLOCATES_NOTHING(kldsel_tensor_elements(tensor) == 4);
  ALLOCATES_NOTHING(kldsel_tensor_values(tensor, values, COUNT(values)) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_tensor_describe(tensor, &data, &dtype, &is_quantized, &rank_of, shape, strides,
                                           &filter_axes, &channel_axes) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_softmax(values, COUNT(values), 1, values) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_tensor_on_free(tensor, ignore, NULL) == KLDSEL_OK);
  FREES(kldsel_tensor_free(tensor));
}

static void read_profiles_and_rankings(void) {
  size_t length;
  double values[256], score, temperature;
  int64_t order[LAYERS], rank_of;
  int32_t made[4], selected, reason;
  kldsel_profile *profile = profile_of(matrix);
  kldsel_ranking *ranking;
  assert_ok(kldsel_rank_profiles(&profile, 1, NULL, NULL, test_options, &ranking));
  ALLOCATES_NOTHING(kldsel_profile_filters(profile) == 6);
  ALLOCATES_NOTHING(kldsel_profile_elements(profile) == 4);
  ALLOCATES_NOTHING(kldsel_profile_describe(profile, &made[0], &made[1], &made[2], &made[3], &temperature) ==
                    KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_profile_length(profile, KLDSEL_SIGN_ALL, &length) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_profile_values(profile, KLDSEL_SIGN_ALL, values, length) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_profile_export(profile, values, COUNT(values), &length) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_ranking_size(ranking) == 1);
  ALLOCATES_NOTHING(kldsel_ranking_layer(ranking, 0, &score, &rank_of, &selected, &reason) == KLDSEL_OK);
  ALLOCATES_NOTHING(kldsel_ranking_order(ranking, order, 1) == KLDSEL_OK);
  FREES(kldsel_ranking_free(ranking));
  FREES(kldsel_profile_free(profile));
}

static void expect_all_called(void) {
  FILE *list = fopen(KLDSEL_TEST_SYMBOLS, "r");
  ck_assert_msg(list, "cannot read %s", KLDSEL_TEST_SYMBOLS);
  char name[NAME_BYTES];
  size_t exported_count = 0;
  for (; fscanf(list, "%47s", name) == 1; exported_count++) {
    bool found = false;
    for (size_t i = 0; i < called_count; i++) found = found || strcmp(called[i], name) == 0;
    ck_assert_msg(found, "%s is exported, but nothing here calls it", name);
  }
  fclose(list);
  ck_assert_uint_gt(exported_count, 0);
  ck_assert_uint_eq(exported_count, called_count);
  printf("all %zu exported functions\n", exported_count);
}

START_TEST(no_exported_function_is_left_out) {
  make_fixtures();
  make_profiles();
  FAIL(options_create);
  FAIL(tensor_view);
  FAIL(tensor_view_strided);
  FAIL(tensor_quantized);
  FAIL(tensor_copy);
  FAIL(sign_split);
  FAIL(filter_matrix);
  FAIL(divergence);
  FAIL(pairwise_cosine);
  FAIL(rank);
  FAIL(profile_create);
  FAIL(profile_create_many);
  FAIL(profile_import);
  FAIL(rank_profiles);
  FAIL(rank_tensors);
  tell_about_the_build();
  set_and_get_options();
  read_tensors();
  read_profiles_and_rankings();
  expect_all_called();
  for (int l = 0; l < LAYERS; l++) kldsel_profile_free(profiles[l]);
  free_fixtures();
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("allocation");
  TCase *tests = add_case(suite, "every allocation fails once");
  tcase_add_test(tests, options_and_tensors);
  tcase_add_test(tests, primitives);
  tcase_add_test(tests, profiles_on_one_thread_and_on_many);
  tcase_add_test(tests, pairs_and_within);
  tcase_add_test(tests, parts);
  tcase_add_test(tests, rankings);
  tcase_add_test(tests, no_exported_function_is_left_out);
  return suite;
}
