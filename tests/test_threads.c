/* SPDX-License-Identifier: BSD-3-Clause */
/* Sharing handles between the host's threads, and what the library's own threads leave behind. */
#define _GNU_SOURCE /* pthread_setattr_default_np */
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

enum {
  LAYERS = 4,
  MOST_EXPORT = 4096
};

static const int64_t shapes[LAYERS][4] = {{64, 32, 3, 3}, {2, 40000, 1, 1}, {200, 500, 1, 1}, {5, 1, 3, 3}};

static float *weights[LAYERS];
static kldsel_tensor *tensors[LAYERS];

static void make_tensors(void) {
  for (int l = 0; l < LAYERS; l++) {
    size_t count = (size_t)(shapes[l][0] * shapes[l][1] * shapes[l][2] * shapes[l][3]);
    weights[l] = malloc(count * sizeof **weights);
    ck_assert_ptr_nonnull(weights[l]);
    for (size_t i = 0; i < count; i++) weights[l][i] = (float)weight_of(i + (size_t)l * 1000000);
    assert_ok(kldsel_tensor_view(weights[l], count * sizeof **weights, KLDSEL_DTYPE_F32, 4, shapes[l],
                                 KLDSEL_LAYOUT_OIHW, test_options, &tensors[l]));
  }
}

static void free_tensors(void) {
  for (int l = 0; l < LAYERS; l++) {
    kldsel_tensor_free(tensors[l]);
    free(weights[l]);
  }
}

/* All profiles as one array of doubles; frees them. For any thread, so it must not assert. */
static size_t export_all(kldsel_profile *const *profiles, double *values) {
  size_t total = 0;
  for (int l = 0; l < LAYERS; l++) {
    size_t length = 0;
    if (kldsel_profile_export(profiles[l], values + total, MOST_EXPORT - total, &length) == KLDSEL_OK)
      total += length;
    kldsel_profile_free(profiles[l]);
  }
  return total;
}

static double expected[MOST_EXPORT];
static size_t expected_length;

static void make_expected(void) {
  kldsel_profile *profiles[LAYERS];
  set_int(KLDSEL_OPTION_THREADS, 1);
  assert_ok(kldsel_profile_create_many(tensors, LAYERS, test_options, profiles));
  expected_length = export_all(profiles, expected);
  /* Four heads, and four signs of 64, 2, 200 and 5 filters. */
  ck_assert_uint_eq(expected_length, 4 * 17 + 4 * (64 + 2 + 200 + 5));
}

static bool profiles_as_expected(kldsel_profile *const *profiles) {
  static _Thread_local double values[MOST_EXPORT];
  size_t length = export_all(profiles, values);
  return length == expected_length && memcmp(values, expected, length * sizeof *values) == 0;
}

static bool as_expected(const kldsel_options *options) {
  kldsel_profile *profiles[LAYERS];
  return kldsel_profile_create_many(tensors, LAYERS, options, profiles) == KLDSEL_OK &&
         profiles_as_expected(profiles);
}

/* More threads than cores, than layers and than rows; 0 is every core. */
START_TEST(any_count_gives_the_same_bits) {
  make_tensors();
  make_expected();
  static const int32_t counts[] = {2, 3, 4, 5, 8, 17, 64, 250, 1024, 0};
  for (size_t i = 0; i < COUNT(counts); i++) {
    set_int(KLDSEL_OPTION_THREADS, counts[i]);
    ck_assert_msg(as_expected(test_options), "%d threads", counts[i]);
  }
  ck_assert_msg(as_expected(NULL), "default options");
  free_tensors();
}
END_TEST

/* Layers that are large, but no larger than a thread's share of all, are not split. */
START_TEST(large_layers_side_by_side) {
  enum {
    MANY = 6,
    ROWS = 64,
    COLUMNS = 4096 /* 2^18 weights: enough to be split */
  };
  static float values[ROWS * COLUMNS + MANY];
  for (size_t i = 0; i < COUNT(values); i++) values[i] = (float)weight_of(i);
  kldsel_tensor *many[MANY];
  static double alone[17 + 4 * ROWS], beside[17 + 4 * ROWS];
  for (int l = 0; l < MANY; l++)
    assert_ok(kldsel_tensor_view(values + l, sizeof *values * ROWS * COLUMNS, KLDSEL_DTYPE_F32, 2,
                                 (const int64_t[]){ROWS, COLUMNS}, KLDSEL_LAYOUT_OI, test_options, &many[l]));
  kldsel_profile *made[MANY];
  set_int(KLDSEL_OPTION_THREADS, 2);
  assert_ok(kldsel_profile_create_many(many, MANY, test_options, made));
  for (int l = 0; l < MANY; l++) {
    size_t length = 0;
    kldsel_profile *profile = profile_of(many[l]);
    assert_ok(kldsel_profile_export(profile, alone, COUNT(alone), &length));
    assert_ok(kldsel_profile_export(made[l], beside, COUNT(beside), &length));
    ck_assert_uint_eq(length, COUNT(alone));
    ck_assert_mem_eq(alone, beside, sizeof alone);
    kldsel_profile_free(profile);
    kldsel_profile_free(made[l]);
    kldsel_tensor_free(many[l]);
  }
}
END_TEST

/* A layer of many chunks brings in more threads than the next one, of two, has work and room for. */
START_TEST(fewer_take_part_than_were_begun) {
  enum {
    TIMES = 20
  };
  static const int64_t extents[][2] = {{1024, 2048}, {128, 4096}};
  static float values[1024 * 2048];
  static double alone[17 + 4 * 128], beside[17 + 4 * 128];
  for (size_t i = 0; i < COUNT(values); i++) values[i] = (float)weight_of(i);
  kldsel_tensor *both[2];
  for (int l = 0; l < 2; l++)
    assert_ok(kldsel_tensor_view(values, (size_t)(extents[l][0] * extents[l][1]) * sizeof *values,
                                 KLDSEL_DTYPE_F32, 2, extents[l], KLDSEL_LAYOUT_OI, test_options, &both[l]));
  for (int time = 0; time <= (test_quick() ? 1 : TIMES); time++) {
    kldsel_profile *made[2];
    size_t length = 0;
    set_int(KLDSEL_OPTION_THREADS, time == 0 ? 1 : 8);
    assert_ok(kldsel_profile_create_many(both, 2, test_options, made));
    assert_ok(kldsel_profile_export(made[1], time == 0 ? alone : beside, COUNT(alone), &length));
    ck_assert_uint_eq(length, COUNT(alone));
    if (time > 0) ck_assert_mem_eq(alone, beside, sizeof alone);
    for (int l = 0; l < 2; l++) kldsel_profile_free(made[l]);
  }
  for (int l = 0; l < 2; l++) kldsel_tensor_free(both[l]);
}
END_TEST

/* ---- rankings that are shared out ---- */

enum {
  WIDE_LAYERS = 12,
  WIDE_FILTERS = 32768 /* enough in all for several threads */
};

static void score_wide(kldsel_profile *const *profiles, int32_t threads, double *scores) {
  set_int(KLDSEL_OPTION_THREADS, threads);
  kldsel_ranking *ranking;
  assert_ok(kldsel_rank_profiles(profiles, WIDE_LAYERS, NULL, NULL, test_options, &ranking));
  for (size_t l = 0; l < WIDE_LAYERS; l++)
    assert_ok(kldsel_ranking_layer(ranking, l, &scores[l], NULL, NULL, NULL));
  kldsel_ranking_free(ranking);
}

/* By kl against uniform the layers of a ranking are shared out; they are of several lengths. At the low
 * temperature their values span more than 1, and each thread writes in a piece of memory. */
START_TEST(rankings_are_the_same_bits) {
  static const double temperatures[] = {1, 0.01};
  static float values[WIDE_FILTERS * 2];
  kldsel_profile *profiles[WIDE_LAYERS];
  for (size_t i = 0; i < COUNT(values); i++) values[i] = (float)weight_of(i);
  for (int l = 0; l < WIDE_LAYERS; l++) {
    const int64_t shape[] = {WIDE_FILTERS - 300 * l, 2, 1, 1};
    kldsel_tensor *tensor;
    assert_ok(kldsel_tensor_view(values, (size_t)(shape[0] * shape[1]) * sizeof *values, KLDSEL_DTYPE_F32, 4,
                                 shape, KLDSEL_LAYOUT_OIHW, test_options, &tensor));
    profiles[l] = profile_of(tensor);
    kldsel_tensor_free(tensor);
  }
  double scores[WIDE_LAYERS], wanted[WIDE_LAYERS];
  set_double(KLDSEL_OPTION_TEMPERATURE, temperatures[_i]);
  /* Wider than all these pieces, so that none lies beside them. */
  test_memory.moat = WIDE_LAYERS * WIDE_FILTERS * sizeof(double);
  score_wide(profiles, 1, wanted);
  for (int32_t threads = 2; threads <= 16; threads *= test_quick() ? 8 : 2) {
    score_wide(profiles, threads, scores);
    ck_assert_mem_eq(scores, wanted, sizeof scores);
  }
  for (int l = 1; l < WIDE_LAYERS; l++) ck_assert_double_ne(wanted[l], wanted[l - 1]);
  for (int l = 0; l < WIDE_LAYERS; l++) kldsel_profile_free(profiles[l]);
}
END_TEST

/* ---- many host threads, the same handles ---- */

enum {
  HOST_THREADS = 8
};

static kldsel_profile *shared_profiles[LAYERS];
static kldsel_ranking *shared_ranking;
static int64_t shared_order[LAYERS];

static void *use_everything(void *wrong) {
  int rounds = test_quick() ? 2 : 10;
  for (int round = 0; round < rounds; round++) {
    int failures = !as_expected(test_options);
    int64_t order[LAYERS];
    kldsel_ranking *ranking = NULL;
    failures +=
        kldsel_rank_profiles(shared_profiles, LAYERS, NULL, NULL, test_options, &ranking) != KLDSEL_OK;
    failures += kldsel_ranking_order(ranking, order, LAYERS) != KLDSEL_OK;
    failures += memcmp(order, shared_order, sizeof order) != 0;
    kldsel_ranking_free(ranking);
    failures += kldsel_ranking_order(shared_ranking, order, LAYERS) != KLDSEL_OK;
    failures += memcmp(order, shared_order, sizeof order) != 0;
    double cosines[5 * 5];
    failures += kldsel_pairwise_cosine(tensors[3], NULL, 0, 5, test_options, cosines, 25) != KLDSEL_OK;
    failures += fabs(cosines[0] - 1) > 1e-12;
    kldsel_tensor *copy = NULL;
    failures += kldsel_tensor_copy(tensors[3], test_options, &copy) != KLDSEL_OK;
    kldsel_tensor_free(copy);
    if (failures > 0) atomic_fetch_add((atomic_int *)wrong, failures);
  }
  return NULL;
}

START_TEST(handles_are_shared) {
  make_tensors();
  make_expected();
  set_int(KLDSEL_OPTION_THREADS, 3);
  for (int l = 0; l < LAYERS; l++) shared_profiles[l] = profile_of(tensors[l]);
  assert_ok(kldsel_rank_profiles(shared_profiles, LAYERS, NULL, NULL, test_options, &shared_ranking));
  assert_ok(kldsel_ranking_order(shared_ranking, shared_order, LAYERS));
  pthread_t threads[HOST_THREADS];
  atomic_int wrong = 0;
  for (int t = 0; t < HOST_THREADS; t++)
    ck_assert_int_eq(pthread_create(&threads[t], NULL, use_everything, &wrong), 0);
  for (int t = 0; t < HOST_THREADS; t++) ck_assert_int_eq(pthread_join(threads[t], NULL), 0);
  ck_assert_int_eq(atomic_load(&wrong), 0);
  kldsel_ranking_free(shared_ranking);
  for (int l = 0; l < LAYERS; l++) kldsel_profile_free(shared_profiles[l]);
  free_tensors();
}
END_TEST

/* ---- cancelling while others work ---- */

static atomic_bool stopping;
static atomic_int racing;
static _Thread_local bool answered_stop;

static int32_t stop_if_told(void *user, uint64_t done, uint64_t total) {
  (void)user;
  (void)done;
  (void)total;
  if (!atomic_load(&stopping)) return 0;
  answered_stop = true;
  return 1;
}

/* Cancelled if and only if its own callback asked for that; else the same bits as ever. */
static bool cancelled_or_expected(const kldsel_options *options) {
  kldsel_profile *profiles[LAYERS];
  answered_stop = false;
  kldsel_status status = kldsel_profile_create_many(tensors, LAYERS, options, profiles);
  if (answered_stop)
    return status == KLDSEL_ERROR_CANCELLED &&
           strcmp(kldsel_last_error(), "cancelled by the progress callback") == 0;
  return status == KLDSEL_OK && profiles_as_expected(profiles);
}

static void *race(void *wrong) {
  int rounds = test_quick() ? 3 : 30;
  for (int round = 0; round < rounds; round++)
    if (!cancelled_or_expected(test_options)) atomic_fetch_add((atomic_int *)wrong, 1);
  atomic_fetch_sub(&racing, 1);
  return NULL;
}

/* The host's threads share options, too; each has a callback of its own running. */
START_TEST(cancelling_races_with_work) {
  make_tensors();
  make_expected();
  set_int(KLDSEL_OPTION_THREADS, 3);
  assert_ok(kldsel_options_set_progress(test_options, stop_if_told, NULL));
  for (int stop = 0; stop < 2; stop++) {
    atomic_store(&stopping, stop != 0);
    ck_assert(cancelled_or_expected(test_options));
    ck_assert_int_eq(answered_stop, stop);
  }
  pthread_t threads[HOST_THREADS];
  atomic_int wrong = 0;
  atomic_store(&racing, HOST_THREADS);
  for (int t = 0; t < HOST_THREADS; t++) ck_assert_int_eq(pthread_create(&threads[t], NULL, race, &wrong), 0);
  for (unsigned turn = 0; atomic_load(&racing) > 0; turn++) {
    atomic_store(&stopping, turn % 4 == 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  for (int t = 0; t < HOST_THREADS; t++) ck_assert_int_eq(pthread_join(threads[t], NULL), 0);
  ck_assert_int_eq(atomic_load(&wrong), 0);
  free_tensors();
}
END_TEST

/* ---- nothing is left behind ---- */

#ifdef __linux__
static int threads_of_process(void) {
  DIR *tasks = opendir("/proc/self/task");
  ck_assert_ptr_nonnull(tasks);
  int count = -2; /* . and .. */
  while (readdir(tasks)) count++;
  closedir(tasks);
  return count;
}

START_TEST(threads_end_with_the_call) {
  make_tensors();
  make_expected();
  int before = threads_of_process();
  set_int(KLDSEL_OPTION_THREADS, 16);
  for (int round = 0; round < 5; round++) {
    ck_assert(as_expected(test_options));
    /* A joined thread can be listed for a moment longer. */
    for (int wait = 0; wait < 1000 && threads_of_process() > before; wait++)
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    ck_assert_int_le(threads_of_process(), before);
  }
  free_tensors();
}
END_TEST
#endif

/* Ended by a signal: a leak checker would blame the child for all that it inherited. */
static void end_child(bool good) {
  raise(good ? SIGKILL : SIGTERM);
}

static void expect_good_child(pid_t child) {
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "child ended with status 0x%x",
                (unsigned)status);
}

/* The child of a process that has used threads, and BLAS, can use them as well. */
START_TEST(fork_after_a_call) {
  enum {
    ROWS = 200
  };
  static double parents[ROWS * ROWS], childs[ROWS * ROWS];
  make_tensors();
  make_expected();
  set_int(KLDSEL_OPTION_THREADS, 4);
  ck_assert(as_expected(test_options));
  assert_ok(kldsel_pairwise_cosine(tensors[2], NULL, 0, ROWS, test_options, parents, COUNT(parents)));
  for (int round = 0; round < 3; round++) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
      bool good = as_expected(test_options) && kldsel_pairwise_cosine(tensors[2], NULL, 0, ROWS, test_options,
                                                                      childs, COUNT(childs)) == KLDSEL_OK;
      for (size_t i = 0; i < COUNT(childs); i++) good = good && fabs(childs[i] - parents[i]) <= 1e-12;
      end_child(good);
    }
    expect_good_child(child);
    ck_assert(as_expected(test_options));
  }
  free_tensors();
}
END_TEST

static void *work_until_told(void *wrong) {
  while (!atomic_load(&stopping))
    if (!as_expected(test_options)) atomic_fetch_add((atomic_int *)wrong, 1);
  return NULL;
}

/* A child that is made while other threads are inside calls has the library as it was: no lock is held for
 * ever. */
START_TEST(fork_during_calls) {
  enum {
    CHILDREN = 8,
    WORKERS = 3
  };
  make_tensors();
  make_expected();
  kldsel_options *childs;
  assert_ok(kldsel_options_create(NULL, NULL, NULL, &childs));
#ifdef __SANITIZE_THREAD__
  assert_ok(
      kldsel_options_set_int(childs, KLDSEL_OPTION_THREADS, 1)); /* it knows no threads of such a child */
#else
  assert_ok(kldsel_options_set_int(childs, KLDSEL_OPTION_THREADS, 4));
#endif
  set_int(KLDSEL_OPTION_THREADS, 2);
  atomic_store(&stopping, false);
  pthread_t threads[WORKERS];
  atomic_int wrong = 0;
  for (int t = 0; t < WORKERS; t++)
    ck_assert_int_eq(pthread_create(&threads[t], NULL, work_until_told, &wrong), 0);
  for (int round = 0; round < (test_quick() ? 2 : CHILDREN); round++) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) end_child(as_expected(childs));
    expect_good_child(child);
  }
  atomic_store(&stopping, true);
  for (int t = 0; t < WORKERS; t++) ck_assert_int_eq(pthread_join(threads[t], NULL), 0);
  ck_assert_int_eq(atomic_load(&wrong), 0);
  kldsel_options_free(childs);
  free_tensors();
}
END_TEST

/* ---- no thread to be had ---- */

#ifdef __GLIBC__
/* A stack larger than the address space makes every pthread_create fail. */
START_TEST(threads_that_cannot_be_had_are_done_without) {
  make_tensors();
  make_expected();
  pthread_attr_t before, huge;
  ck_assert_int_eq(pthread_getattr_default_np(&before), 0);
  ck_assert_int_eq(pthread_attr_init(&huge), 0);
  ck_assert_int_eq(pthread_attr_setstacksize(&huge, SIZE_MAX / 16 * 15), 0);
  ck_assert_int_eq(pthread_setattr_default_np(&huge), 0);
  pthread_t thread;
  atomic_int unused = 0;
  ck_assert_int_ne(pthread_create(&thread, NULL, use_everything, &unused), 0);
  set_int(KLDSEL_OPTION_THREADS, 8);
  bool good = as_expected(test_options);
  ck_assert_int_eq(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
  ck_assert(good);
  free_tensors();
}
END_TEST
#endif

Suite *test_suite(void) {
  Suite *suite = suite_create("threads");
  TCase *tests = add_case(suite, "threads");
  tcase_add_test(tests, any_count_gives_the_same_bits);
  tcase_add_test(tests, large_layers_side_by_side);
  tcase_add_test(tests, fewer_take_part_than_were_begun);
  tcase_add_loop_test(tests, rankings_are_the_same_bits, 0, 2);
  tcase_add_test(tests, handles_are_shared);
  tcase_add_test(tests, cancelling_races_with_work);
#ifdef __linux__
  tcase_add_test(tests, threads_end_with_the_call);
#endif
  tcase_add_test(tests, fork_after_a_call);
  /* qemu's user mode has locks of its own, which a fork leaves in the hands of threads that are gone. */
  if (getenv("KLDSEL_TEST_EMULATED") == NULL) tcase_add_test(tests, fork_during_calls);
#ifdef __GLIBC__
  tcase_add_test(tests, threads_that_cannot_be_had_are_done_without);
#endif
  return suite;
}
