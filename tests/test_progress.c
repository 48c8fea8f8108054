/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles of many layers at a time: the same bits as one by one, progress told, and cancelled anywhere. */
#include <pthread.h>

#include "support.h"

enum {
  MANY = 9,
  MOST_WEIGHTS = 96 * 512
};

static float many_weights[MANY][MOST_WEIGHTS];
static const int64_t many_shapes[MANY][2] = {{3, 2},   {96, 512}, {1, 5}, {64, 8},  {2, 1},
                                             {7, 700}, {96, 1},   {1, 1}, {32, 300}};

static uint64_t make_many(kldsel_tensor **tensors) {
  uint64_t total = 0;
  for (int l = 0; l < MANY; l++) {
    size_t count = (size_t)(many_shapes[l][0] * many_shapes[l][1]);
    total += count;
    for (size_t i = 0; i < count; i++) many_weights[l][i] = (float)weight_of(i * 17 + (size_t)l);
    /* Filters are rows and columns in turn. */
    const int64_t rows[] = {many_shapes[l][0], many_shapes[l][1]}, columns[] = {rows[1], rows[0]};
    assert_ok(kldsel_tensor_view(many_weights[l], count * sizeof(float), KLDSEL_DTYPE_F32, 2,
                                 l % 2 ? columns : rows, l % 2 ? KLDSEL_LAYOUT_IO : KLDSEL_LAYOUT_OI,
                                 test_options, &tensors[l]));
  }
  return total;
}

static void free_many(kldsel_tensor **tensors) {
  for (int l = 0; l < MANY; l++) kldsel_tensor_free(tensors[l]);
}

/* Both exports hold the same bits. */
static void assert_same_profile(const kldsel_profile *a, const kldsel_profile *b) {
  static double x[1024], y[1024];
  size_t x_length = 0, y_length = 1;
  assert_ok(kldsel_profile_export(a, x, COUNT(x), &x_length));
  assert_ok(kldsel_profile_export(b, y, COUNT(y), &y_length));
  ck_assert_uint_eq(x_length, y_length);
  ck_assert_mem_eq(x, y, x_length * sizeof *x);
}

START_TEST(many_are_as_one_by_one) {
  kldsel_tensor *tensors[MANY];
  make_many(tensors);
  static const int32_t threads[] = {1, 2, 5, 64};
  for (size_t t = 0; t < COUNT(threads); t++) {
    set_int(KLDSEL_OPTION_THREADS, threads[t]);
    kldsel_profile *profiles[MANY];
    assert_ok(kldsel_profile_create_many(tensors, MANY, test_options, profiles));
    for (int l = 0; l < MANY; l++) {
      set_int(KLDSEL_OPTION_THREADS, 1);
      kldsel_profile *alone = profile_of(tensors[l]);
      assert_same_profile(profiles[l], alone);
      kldsel_profile_free(alone);
      kldsel_profile_free(profiles[l]);
    }
  }
  free_many(tensors);
}
END_TEST

struct progress {
  pthread_t caller;
  size_t calls, cancel_at;
  uint64_t before, done, total; /* before: at the call before the last */
  bool wrong_thread, backwards, total_changed;
  bool odd; /* some number of weights */
};

static int32_t watch(void *user, uint64_t done, uint64_t total) {
  struct progress *seen = user;
  seen->calls++;
  seen->wrong_thread = seen->wrong_thread || !pthread_equal(pthread_self(), seen->caller);
  seen->backwards = seen->backwards || done < seen->done || done > total;
  seen->total_changed = seen->total_changed || (seen->calls > 1 && total != seen->total);
  seen->odd = seen->odd || done % 2 != 0;
  seen->before = seen->done;
  seen->done = done;
  seen->total = total;
  return seen->calls == seen->cancel_at ? -1 : 0;
}

/* What may be asked for, and whether it takes the cosine matrices of how many signs. */
static const struct request {
  int32_t distribution, reference, signs, content;
  uint64_t matrices;
} requests[] = {
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_UNIFORM, 0, 0, 0},
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_WITHIN, 0, 0, 4},
    {KLDSEL_DISTRIBUTION_PAIRS, KLDSEL_REFERENCE_UNIFORM, 0, 0, 4},
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_UNIFORM, 16, KLDSEL_CONTENT_VALUES, 0},
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_UNIFORM, 2, KLDSEL_CONTENT_MEANS, 0},
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_UNIFORM, 0, KLDSEL_CONTENT_COUNTS, 0},
    {KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_WITHIN, 18, KLDSEL_CONTENT_COUNTS, 2},
    {KLDSEL_DISTRIBUTION_PAIRS, KLDSEL_REFERENCE_UNIFORM, 8, KLDSEL_CONTENT_VALUES, 1},
    {KLDSEL_DISTRIBUTION_PAIRS, KLDSEL_REFERENCE_UNIFORM, 8, KLDSEL_CONTENT_MEANS, 0},
};

static void ask_for(const struct request *request) {
  set_int(KLDSEL_OPTION_DISTRIBUTION, request->distribution);
  set_int(KLDSEL_OPTION_REFERENCE, request->reference);
  set_int(KLDSEL_OPTION_SIGNS, request->signs);
  set_int(KLDSEL_OPTION_CONTENT, request->content);
}

/* A unit for each weight, and for each similarity of each sign where all are computed. */
static uint64_t work_of(int shape, const struct request *request) {
  uint64_t filters = (uint64_t)many_shapes[shape][0], work = filters * (uint64_t)many_shapes[shape][1];
  return filters > 1 ? work + request->matrices * filters * filters : work;
}

static void assert_progress(const struct progress *seen, uint64_t total) {
  ck_assert_uint_ge(seen->calls, 1);
  ck_assert(!seen->wrong_thread && !seen->backwards && !seen->total_changed);
  ck_assert_uint_eq(seen->total, total);
  ck_assert_uint_eq(seen->done, total);
}

START_TEST(progress_counts_all_work) {
  kldsel_tensor *tensors[MANY];
  make_many(tensors);
  kldsel_profile *profiles[MANY];
  for (size_t r = 0; r < COUNT(requests); r += test_quick() ? 2 : 1)
    for (int32_t threads = 1; threads <= 3; threads += test_quick() ? 2 : 1) {
      struct progress seen = {.caller = pthread_self()};
      ask_for(&requests[r]);
      set_int(KLDSEL_OPTION_THREADS, threads);
      assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
      assert_ok(kldsel_profile_create_many(tensors, MANY, test_options, profiles));
      uint64_t total = 0;
      for (int l = 0; l < MANY; l++) total += work_of(l, &requests[r]);
      assert_progress(&seen, total);
      for (int l = 0; l < MANY; l++) {
        kldsel_profile_free(profiles[l]);
        seen = (struct progress){.caller = pthread_self()};
        kldsel_profile_free(profile_of(tensors[l]));
        assert_progress(&seen, work_of(l, &requests[r]));
      }
    }
  free_many(tensors);
}
END_TEST

/* Every chunk of a lone layer tells its share, by whatever walk and for whatever content: before the last
 * one, all but that is done. Magnitudes whose squares are lost are only found on the way, and walked anew. */
START_TEST(linear_work_is_told_chunk_by_chunk) {
  enum {
    ELEMENTS = 1024,
    CHUNK = 1 << 18, /* weights */
    MOST_CHUNKS = 4
  };
  static double weights[MOST_CHUNKS * CHUNK];
  const size_t chunks = test_quick() ? 2 : MOST_CHUNKS, total = chunks * CHUNK;
  for (int i = 0; i < MOST_CHUNKS * CHUNK; i++) weights[i] = i % 7 - 3.25;
  if (_i % 2 > 0) weights[0] = 1e200;
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(weights, total * sizeof *weights, KLDSEL_DTYPE_F64, 3,
                               (const int64_t[]){ELEMENTS / 2, 2, (int64_t)total / ELEMENTS},
                               _i / 2 > 0 ? KLDSEL_LAYOUT_HWIO : KLDSEL_LAYOUT_OIHW, test_options, &tensor));
  struct progress seen;
  set_int(KLDSEL_OPTION_THREADS, 1);
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  for (int32_t granularity = 1; granularity <= (test_quick() ? 1 : 2); granularity++)
    for (int32_t content = 1; content <= 4; content += test_quick() ? 3 : 1) {
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      set_int(KLDSEL_OPTION_CONTENT, content);
      seen = (struct progress){.caller = pthread_self()};
      kldsel_profile_free(profile_of(tensor));
      assert_progress(&seen, total);
      /* Weights are done by whole filters, or channels. */
      ck_assert(!seen.odd);
      /* Two channels are one chunk, whose second half is kept back until no walk anew can need it. */
      uint64_t most = granularity == 1 ? total - CHUNK : total / 2;
      ck_assert_uint_ge(seen.before, most);
      /* A first pass that is made twice is told once: else all would seem done too early, and calls stop. */
      if (_i % 2 > 0 && granularity == KLDSEL_GRANULARITY_FILTER && (content & KLDSEL_CONTENT_VALUES))
        ck_assert_uint_eq(seen.calls, 3 * chunks);
    }
  kldsel_tensor_free(tensor);
}
END_TEST

/* A layer large enough for all threads may be one chunk, which the caller works on alone, and tells of. */
START_TEST(a_layer_of_one_chunk_is_told_on_several_threads) {
  enum {
    FILTERS = 16,
    ELEMENTS = 1 << 14
  };
  static double weights[FILTERS * ELEMENTS];
  for (int i = 0; i < FILTERS * ELEMENTS; i++) weights[i] = i % 7 - 3.25;
  kldsel_tensor *tensor = matrix_view(weights, FILTERS, ELEMENTS);
  struct progress seen = {.caller = pthread_self()};
  set_int(KLDSEL_OPTION_THREADS, 2);
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  kldsel_profile_free(profile_of(tensor));
  assert_progress(&seen, FILTERS * ELEMENTS);
  ck_assert_uint_eq(seen.calls, 2);
  ck_assert_uint_gt(seen.before, 0);
  kldsel_tensor_free(tensor);
}
END_TEST

/* However many threads share its chunks. */
START_TEST(the_caller_alone_tells_of_a_shared_layer) {
  enum {
    FILTERS = 1024,
    ELEMENTS = 1024
  };
  static double weights[FILTERS * ELEMENTS];
  for (int i = 0; i < FILTERS * ELEMENTS; i++) weights[i] = i % 7 - 3.25;
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F64, 3,
                               (const int64_t[]){FILTERS, ELEMENTS / 2, 2}, KLDSEL_LAYOUT_OIHW, test_options,
                               &tensor));
  struct progress seen;
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
    for (int32_t threads = 2; threads <= (test_quick() ? 2 : 3); threads++) {
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      set_int(KLDSEL_OPTION_THREADS, threads);
      seen = (struct progress){.caller = pthread_self()};
      kldsel_profile_free(profile_of(tensor));
      assert_progress(&seen, FILTERS * ELEMENTS);
    }
  kldsel_tensor_free(tensor);
}
END_TEST

/* Each of which, of several chunks, is one thread's. */
START_TEST(the_caller_alone_tells_of_many_layers) {
  enum {
    LAYERS = 5,
    FILTERS = 17, /* of which 16 are a chunk */
    ELEMENTS = 16400
  };
  static float weights[FILTERS * ELEMENTS];
  for (int i = 0; i < FILTERS * ELEMENTS; i++) weights[i] = (float)(i % 7) - 3.25F;
  kldsel_tensor *list[LAYERS];
  kldsel_profile *profiles[LAYERS];
  for (int l = 0; l < LAYERS; l++)
    assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F32, 2,
                                 (const int64_t[]){FILTERS, ELEMENTS}, 0, test_options, &list[l]));
  struct progress seen = {.caller = pthread_self()};
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  set_int(KLDSEL_OPTION_THREADS, 2);
  assert_ok(kldsel_profile_create_many(list, LAYERS, test_options, profiles));
  assert_progress(&seen, (uint64_t)LAYERS * FILTERS * ELEMENTS);
  for (int l = 0; l < LAYERS; l++) {
    kldsel_profile_free(profiles[l]);
    kldsel_tensor_free(list[l]);
  }
}
END_TEST

enum {
  MOST_STEPS = 64
};
/* What was told, each number once: a layer that is walked anew is done before, and told again. */
static uint64_t steps[MOST_STEPS];
static size_t step_count;

static int32_t watch_steps(void *user, uint64_t done, uint64_t total) {
  if (step_count < MOST_STEPS && (step_count == 0 || steps[step_count - 1] != done))
    steps[step_count++] = done;
  return watch(user, done, total);
}

/* Two equal layers one after the other tell the same steps, the first up to its own work, by any walk and for
 * any content. */
START_TEST(each_layer_tells_its_own_work) {
  enum {
    FILTERS = 256,
    CHANNELS = 150, /* several chunks, the last one smaller; by kernel of more than is told at once */
    KERNEL = 9
  };
  static const int64_t oihw[] = {FILTERS, CHANNELS, KERNEL}, hwio[] = {KERNEL, CHANNELS, FILTERS};
  const uint64_t each = FILTERS * CHANNELS * KERNEL;
  static double weights[2][FILTERS * CHANNELS * KERNEL];
  kldsel_tensor *pair[2];
  kldsel_profile *profiles[2];
  struct progress told;
  for (size_t i = 0; i < each; i++) weights[0][i] = weights[1][i] = (double)(i % 7) - 3.25;
  set_int(KLDSEL_OPTION_THREADS, 1);
  assert_ok(kldsel_options_set_progress(test_options, watch_steps, &told));
  for (int extreme = 0; extreme <= 1; extreme++)
    for (int columns = 0; columns <= 1; columns++) {
      if (test_quick() && columns != extreme) continue;
      /* Squares that overflow, in the first chunk by kernel alone. */
      weights[0][0] = weights[1][0] = extreme ? 1e200 : 1;
      for (int l = 0; l < 2; l++)
        assert_ok(kldsel_tensor_view(weights[l], sizeof weights[l], KLDSEL_DTYPE_F64, 3,
                                     columns ? hwio : oihw, columns ? KLDSEL_LAYOUT_HWIO : KLDSEL_LAYOUT_OIHW,
                                     test_options, &pair[l]));
      for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
        for (int32_t content = 1; content <= 4; content *= test_quick() ? 4 : 2) {
          set_int(KLDSEL_OPTION_GRANULARITY, granularity);
          set_int(KLDSEL_OPTION_CONTENT, content);
          told = (struct progress){.caller = pthread_self()};
          step_count = 0;
          assert_ok(kldsel_profile_create_many(pair, 2, test_options, profiles));
          assert_progress(&told, 2 * each);
          size_t half = step_count / 2;
          ck_assert_uint_eq(step_count, 2 * half);
          for (size_t c = 0; c < half; c++)
            ck_assert_msg(steps[half + c] == each + steps[c] && steps[c] <= each,
                          "extreme %d, columns %d, granularity %d, content %d: step %zu", extreme, columns,
                          granularity, content, c);
          ck_assert_uint_eq(steps[half - 1], each);
          for (int l = 0; l < 2; l++) kldsel_profile_free(profiles[l]);
        }
      for (int l = 0; l < 2; l++) kldsel_tensor_free(pair[l]);
    }
}
END_TEST

/* A lone layer's cosine matrices take several tiles for each sign; each tile is told, so each can be
 * cancelled. */
START_TEST(quadratic_work_is_told_tile_by_tile) {
  enum {
    FILTERS = 1100
  };
  static double weights[2 * FILTERS];
  for (int i = 0; i < 2 * FILTERS; i++) weights[i] = i % 7 - 3.25;
  kldsel_tensor *tensor = matrix_view(weights, FILTERS, 2);
  struct progress seen = {.caller = pthread_self()};
  set_int(KLDSEL_OPTION_THREADS, 1);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
  kldsel_profile_free(profile_of(tensor));
  ck_assert_uint_ge(seen.calls, 4 * 4);
  kldsel_profile *profile;
  seen = (struct progress){.caller = pthread_self(), .cancel_at = 4 * 3};
  assert_error(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_CANCELLED,
               "cancelled by the progress callback");
  ck_assert_uint_gt(seen.done, 2 * FILTERS);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(cancel_at_every_callback) {
  kldsel_tensor *tensors[MANY];
  make_many(tensors);
  struct progress seen;
  for (int32_t threads = 1; threads <= 3; threads += 2)
    for (size_t r = 0; r < COUNT(requests); r++) {
      set_int(KLDSEL_OPTION_THREADS, threads);
      ask_for(&requests[r]);
      assert_ok(kldsel_options_set_progress(test_options, watch, &seen));
      for (size_t n = 1;; n += test_quick() ? 29 : 1) {
        kldsel_profile *profiles[MANY];
        poison(profiles, sizeof profiles);
        size_t live = atomic_load(&test_memory.live);
        seen = (struct progress){.caller = pthread_self(), .cancel_at = n};
        kldsel_status status = kldsel_profile_create_many(tensors, MANY, test_options, profiles);
        if (status == KLDSEL_OK) {
          /* How many callbacks there are may depend on the threads' timing, but not on one thread. */
          ck_assert_uint_lt(seen.calls, n);
          ck_assert_uint_gt(n, 1);
          for (int l = 0; l < MANY; l++) kldsel_profile_free(profiles[l]);
          break;
        }
        ck_assert_int_eq(status, KLDSEL_ERROR_CANCELLED);
        ck_assert_str_eq(kldsel_last_error(), "cancelled by the progress callback");
        ck_assert_uint_eq(seen.calls, n);
        assert_poisoned(profiles, sizeof profiles);
        ck_assert_uint_eq(atomic_load(&test_memory.live), live);
      }
      seen = (struct progress){.caller = pthread_self(), .cancel_at = 1};
      assert_no_handle(kldsel_profile, kldsel_profile_create(tensors[1], test_options, &POISONED),
                       KLDSEL_ERROR_CANCELLED, "cancelled by the progress callback");
    }
  /* Taken away again, it is not called. */
  assert_ok(kldsel_options_set_progress(test_options, NULL, NULL));
  seen = (struct progress){.cancel_at = 1};
  kldsel_profile_free(profile_of(tensors[1]));
  ck_assert_uint_eq(seen.calls, 0);
  free_many(tensors);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("progress");
  TCase *tests = add_case(suite, "many");
  tcase_add_test(tests, many_are_as_one_by_one);
  tcase_add_test(tests, progress_counts_all_work);
  tcase_add_loop_test(tests, linear_work_is_told_chunk_by_chunk, 0, 4);
  tcase_add_test(tests, a_layer_of_one_chunk_is_told_on_several_threads);
  tcase_add_test(tests, the_caller_alone_tells_of_a_shared_layer);
  tcase_add_test(tests, the_caller_alone_tells_of_many_layers);
  tcase_add_test(tests, each_layer_tells_its_own_work);
  tcase_add_test(tests, quadratic_work_is_told_tile_by_tile);
  tcase_add_test(tests, cancel_at_every_callback);
  return suite;
}
