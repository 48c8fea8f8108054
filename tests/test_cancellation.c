/* SPDX-License-Identifier: BSD-3-Clause */
/* Every call that tells its progress is cancelled at each time it does: it says so, calls back no more,
 * changes nothing and leaks nothing. */
#include <pthread.h>
#include <stdio.h>

#include "support.h"

enum {
  LAYERS = 3,
  FILTERS = 150, /* of the largest layer: more than a block of cosines, a tile of pairs */
  CHANNELS = 40,
  KERNEL = 9,
  LONG_FILTERS = 64, /* of one that takes several chunks by any walk, each of which can be the last */
  LONG_CHANNELS = 8192
};

static double weights[LONG_FILTERS * LONG_CHANNELS];
static kldsel_tensor *long_rows, *long_columns, *long_slices;
static kldsel_tensor *layers[LAYERS], *columns;
static double matrix[FILTERS * FILTERS];

static void make_layers(void) {
  static const int64_t shapes[LAYERS][3] = {{7, 5, 3}, {FILTERS, CHANNELS, KERNEL}, {2, 600, 1}};
  static const int64_t hwio[] = {KERNEL, CHANNELS, FILTERS};
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = weight_of(i);
  for (int l = 0; l < LAYERS; l++) layers[l] = view(weights, 3, shapes[l]);
  size_t bytes = FILTERS * CHANNELS * KERNEL * sizeof *weights;
  assert_ok(kldsel_tensor_view(weights, bytes, KLDSEL_DTYPE_F64, 3, hwio, KLDSEL_LAYOUT_HWIO, test_options,
                               &columns));
  static const int64_t long_shape[] = {LONG_FILTERS, LONG_CHANNELS}, turned[] = {LONG_CHANNELS, LONG_FILTERS};
  /* One chunk, told of on the way. */
  static const int64_t sliced[] = {LONG_FILTERS * 16, 2, LONG_CHANNELS / 32};
  long_rows = view(weights, 2, long_shape);
  long_slices = view(weights, 3, sliced);
  assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F64, 2, turned, KLDSEL_LAYOUT_IO,
                               test_options, &long_columns));
}

static void free_layers(void) {
  for (int l = 0; l < LAYERS; l++) kldsel_tensor_free(layers[l]);
  kldsel_tensor_free(columns);
  kldsel_tensor_free(long_rows);
  kldsel_tensor_free(long_columns);
  kldsel_tensor_free(long_slices);
}

/* ---- what is called back ---- */

static struct {
  pthread_t caller;
  size_t calls, cancel_at;
  uint64_t done, total;
  bool wrong_thread, after_the_end;
} seen;

static int32_t watch(void *user, uint64_t done, uint64_t total) {
  (void)user;
  seen.wrong_thread = seen.wrong_thread || !pthread_equal(pthread_self(), seen.caller);
  seen.after_the_end = seen.after_the_end || (seen.cancel_at != 0 && seen.calls >= seen.cancel_at);
  seen.calls++;
  seen.done = done;
  seen.total = total;
  /* Anything but 0 cancels. */
  static const int32_t answers[] = {1, -1, INT32_MIN, INT32_MAX};
  return seen.calls == seen.cancel_at ? answers[seen.calls % COUNT(answers)] : 0;
}

/* ---- the calls: each checks that a failure leaves its outputs, and gives back what a success made ---- */

static kldsel_status profile_of_tensor(const kldsel_tensor *tensor) {
  kldsel_profile *profile;
  poison(&profile, sizeof profile);
  kldsel_status status = kldsel_profile_create(tensor, test_options, &profile);
  if (status == KLDSEL_OK)
    kldsel_profile_free(profile);
  else
    assert_poisoned(&profile, sizeof profile);
  return status;
}

static kldsel_status profile_create(void) {
  return profile_of_tensor(layers[1]);
}

static kldsel_status profile_create_columns(void) {
  return profile_of_tensor(columns);
}

static kldsel_status profile_create_long_rows(void) {
  return profile_of_tensor(long_rows);
}

static kldsel_status profile_create_long_columns(void) {
  return profile_of_tensor(long_columns);
}

static kldsel_status profile_create_long_slices(void) {
  return profile_of_tensor(long_slices);
}

static kldsel_status profile_create_many(void) {
  kldsel_profile *profiles[LAYERS];
  poison(profiles, sizeof profiles);
  kldsel_status status = kldsel_profile_create_many(layers, LAYERS, test_options, profiles);
  if (status != KLDSEL_OK) assert_poisoned(profiles, sizeof profiles);
  for (int l = 0; l < LAYERS && status == KLDSEL_OK; l++) kldsel_profile_free(profiles[l]);
  return status;
}

static kldsel_status rank_with(kldsel_tensor *const *given) {
  kldsel_ranking *ranking;
  poison(&ranking, sizeof ranking);
  kldsel_status status = kldsel_rank_tensors(layers, LAYERS, given, NULL, test_options, &ranking);
  if (status == KLDSEL_OK)
    kldsel_ranking_free(ranking);
  else
    assert_poisoned(&ranking, sizeof ranking);
  return status;
}

static kldsel_status rank_tensors(void) {
  return rank_with(NULL);
}

static kldsel_status rank_tensors_given(void) {
  return rank_with(layers);
}

static kldsel_status pairwise_cosine(void) {
  return kldsel_pairwise_cosine(layers[1], NULL, 0, FILTERS, test_options, matrix, COUNT(matrix));
}

static kldsel_status pairwise_cosine_of_two(void) {
  return kldsel_pairwise_cosine(layers[1], columns, 0, FILTERS, test_options, matrix, COUNT(matrix));
}

/* ---- cancelling ---- */

static kldsel_status cancel_at(kldsel_status (*call)(void), const char *name, size_t n) {
  seen.caller = pthread_self();
  seen.cancel_at = n;
  seen.calls = 0;
  seen.done = seen.total = 0;
  seen.wrong_thread = seen.after_the_end = false;
  size_t live = atomic_load(&test_memory.live);
  mark_error();
  kldsel_status status = call();
  ck_assert_msg(!seen.wrong_thread, "%s: told on another thread", name);
  ck_assert_msg(!seen.after_the_end, "%s: told again after it was cancelled at %zu", name, n);
  ck_assert_msg(atomic_load(&test_memory.live) == live, "%s: cancelled at %zu it leaks", name, n);
  return status;
}

/* How often a call tells its progress depends on timing where it has several threads: so it is cancelled
 * until it gets through, and of one thread at each time that it told of. */
static void cancel_everywhere(kldsel_status (*call)(void), const char *name, int32_t threads) {
  set_int(KLDSEL_OPTION_THREADS, threads);
  ck_assert_int_eq(cancel_at(call, name, 0), KLDSEL_OK);
  ck_assert_uint_eq(seen.done, seen.total);
  size_t told = seen.calls, cancelled = 0, step = test_quick() && told > 8 ? told / 3 : 1;
  for (size_t n = 1;; n += step) {
    kldsel_status status = cancel_at(call, name, n);
    if (status == KLDSEL_OK) break;
    cancelled++;
    ck_assert_msg(status == KLDSEL_ERROR_CANCELLED, "%s: cancelled at %zu it gave %s", name, n,
                  kldsel_status_name(status));
    ck_assert_str_eq(kldsel_last_error(), "cancelled by the progress callback");
    ck_assert_uint_eq(seen.calls, n);
  }
  ck_assert_msg(cancelled > 0, "%s never tells of its progress: then it does not belong here", name);
  if (threads == 1) ck_assert_uint_eq(cancelled, (told + step - 1) / step);
  printf("%-26s %d threads: cancelled at %3zu times of progress\n", name, threads, cancelled);
}

#define CANCEL(call, most)                                                                                   \
  for (int32_t threads = 1; threads <= (most); threads += 2) cancel_everywhere(call, #call, threads)

START_TEST(linear_work) {
  make_layers();
  assert_ok(kldsel_options_set_progress(test_options, watch, NULL));
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
    for (int extreme = 0; extreme < 2; extreme++) {
      if (test_quick() && extreme == granularity - 1) continue; /* either walk by one granularity */
      printf("granularity %d%s\n", granularity, extreme ? ", extreme" : "");
      weights[3] = extreme ? 1e200 : 0.5; /* other walks on the way */
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      CANCEL(profile_create, 3);
      CANCEL(profile_create_columns, 3);
      CANCEL(profile_create_many, 3);
      CANCEL(rank_tensors, 3);
    }
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  CANCEL(rank_tensors_given, 3);
  free_layers();
}
END_TEST

/* The work of one layer in pieces: those after the one that was cancelled at are not done. */
START_TEST(pieces_of_a_layer) {
  make_layers();
  assert_ok(kldsel_options_set_progress(test_options, watch, NULL));
  int32_t most = test_quick() ? 1 : 3;
  for (int extreme = 0; extreme < 2; extreme++) {
    weights[3] = extreme ? 1e200 : 0.5;
    if (!test_quick() || !extreme) CANCEL(profile_create_long_rows, most);
    CANCEL(profile_create_long_columns, extreme ? 3 : most);
  }
  weights[3] = 0.5;
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  CANCEL(profile_create_long_slices, most);
  free_layers();
}
END_TEST

START_TEST(quadratic_work) {
  make_layers();
  assert_ok(kldsel_options_set_progress(test_options, watch, NULL));
  int32_t most = test_quick() ? 1 : 3;
  for (int32_t granularity = 1; granularity <= (test_quick() ? 1 : 2); granularity++) {
    printf("granularity %d\n", granularity);
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
    set_int(KLDSEL_OPTION_REFERENCE, 0);
    CANCEL(pairwise_cosine, 3);
    CANCEL(pairwise_cosine_of_two, most);
    CANCEL(profile_create, 3);
    CANCEL(rank_tensors, most);
    set_int(KLDSEL_OPTION_DISTRIBUTION, 0);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    CANCEL(profile_create_many, most);
    CANCEL(rank_tensors, most);
  }
  free_layers();
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("cancellation");
  TCase *tests = add_case(suite, "cancelled at each time of progress");
  tcase_add_test(tests, linear_work);
  tcase_add_test(tests, pieces_of_a_layer);
  tcase_add_test(tests, quadratic_work);
  return suite;
}
