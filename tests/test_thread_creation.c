/* SPDX-License-Identifier: BSD-3-Clause */
/* Every thread that the library asks for is refused once: the call does without it, and gives the same bits.
 * What the library asks the system for is asked here first. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* ---- the threads that can be had ---- */

static struct {
  atomic_size_t asked;
  size_t refuse_at; /* counted from 1; 0: none */
  bool onwards;     /* and all after it */
  bool small;       /* threads get small stacks: there are many of them */
  atomic_bool open; /* a thread was to begin with a signal that is not blocked */
} creation;

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
  size_t number = atomic_fetch_add(&creation.asked, 1) + 1;
  if (creation.refuse_at != 0 &&
      (number == creation.refuse_at || (creation.onwards && number > creation.refuse_at)))
    return EAGAIN;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGCHLD};
  for (size_t i = 0; i < COUNT(signals); i++)
    if (!sigismember(&blocked, signals[i])) atomic_store(&creation.open, true);
  pthread_attr_t small;
  if (creation.small) {
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 18);
    attributes = &small;
  }
  create_function *create = NULL;
  /* ISO C has no conversion from an object's address to a function's. */
  *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
  int result = create(thread, attributes, start, argument);
  if (creation.small) pthread_attr_destroy(&small);
  return result;
}

/* ---- what threads wait for ---- */

static atomic_int mutexes, conditions; /* begun and not ended */

typedef int mutex_init_function(pthread_mutex_t *, const pthread_mutexattr_t *);
typedef int mutex_destroy_function(pthread_mutex_t *);
typedef int cond_init_function(pthread_cond_t *, const pthread_condattr_t *);
typedef int cond_destroy_function(pthread_cond_t *);

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
  atomic_fetch_add(&mutexes, 1);
  mutex_init_function *init = NULL;
  *(void **)&init = dlsym(RTLD_NEXT, "pthread_mutex_init");
  return init(mutex, attributes);
}

int pthread_mutex_destroy(pthread_mutex_t *mutex) {
  atomic_fetch_sub(&mutexes, 1);
  mutex_destroy_function *destroy = NULL;
  *(void **)&destroy = dlsym(RTLD_NEXT, "pthread_mutex_destroy");
  return destroy(mutex);
}

int pthread_cond_init(pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes) {
  atomic_fetch_add(&conditions, 1);
  cond_init_function *init = NULL;
  *(void **)&init = dlsym(RTLD_NEXT, "pthread_cond_init");
  return init(condition, attributes);
}

int pthread_cond_destroy(pthread_cond_t *condition) {
  atomic_fetch_sub(&conditions, 1);
  cond_destroy_function *destroy = NULL;
  *(void **)&destroy = dlsym(RTLD_NEXT, "pthread_cond_destroy");
  return destroy(condition);
}

/* ---- the processors that there are ---- */

static struct {
  bool told;       /* what follows; else the truth */
  int allowed;     /* that this process may run on; -1: cannot be asked for */
  long processors; /* that are on line; -1: cannot be told */
} machine;

typedef int affinity_function(pid_t, size_t, cpu_set_t *);
typedef long sysconf_function(int);

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set) {
  if (machine.told && (machine.allowed < 0 || process != 0)) return -1;
  if (machine.told) {
    CPU_ZERO_S(size, set);
    for (int i = 0; i < machine.allowed; i++) CPU_SET_S((size_t)i, size, set);
    return 0;
  }
  affinity_function *ask = NULL;
  *(void **)&ask = dlsym(RTLD_NEXT, "sched_getaffinity");
  return ask(process, size, set);
}

long sysconf(int name) {
  if (machine.told && name == _SC_NPROCESSORS_ONLN) return machine.processors;
  sysconf_function *ask = NULL;
  *(void **)&ask = dlsym(RTLD_NEXT, "sysconf");
  return ask(name);
}

/* ---- the calls, each with all that it gives ---- */

enum {
  LAYERS = 6,
  FILTERS = 200,
  ELEMENTS = 1500, /* enough weights to be split over threads */
  WIDE_FILTERS = 24000,
  THREADS = 5,
  MOST_RESULTS = LAYERS * WIDE_FILTERS
};

static float weights[FILTERS * ELEMENTS];
static kldsel_tensor *layers[LAYERS];
static kldsel_profile *wide[LAYERS];

static void make_layers(void) {
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = (float)weight_of(i);
  for (int64_t l = 0; l < LAYERS; l++) {
    const int64_t shape[] = {FILTERS - l, ELEMENTS / 3 - l, l == 0 ? 3 : 1};
    const int64_t wide_shape[] = {WIDE_FILTERS - 100 * l, 2, 3};
    size_t bytes = (size_t)(shape[0] * shape[1] * shape[2]) * sizeof *weights;
    size_t wide_bytes = (size_t)(wide_shape[0] * 6) * sizeof *weights;
    assert_ok(kldsel_tensor_view(weights, bytes, KLDSEL_DTYPE_F32, 3, shape, 0, test_options, &layers[l]));
    kldsel_tensor *tensor;
    assert_ok(
        kldsel_tensor_view(weights, wide_bytes, KLDSEL_DTYPE_F32, 3, wide_shape, 0, test_options, &tensor));
    wide[l] = profile_of(tensor);
    kldsel_tensor_free(tensor);
  }
}

static void free_layers(void) {
  for (int l = 0; l < LAYERS; l++) {
    kldsel_tensor_free(layers[l]);
    kldsel_profile_free(wide[l]);
  }
}

static size_t take_profile(kldsel_profile *profile, double *results, size_t room) {
  size_t length = 0;
  assert_ok(kldsel_profile_export(profile, results, room, &length));
  kldsel_profile_free(profile);
  return length;
}

static size_t take_scores(kldsel_ranking *ranking, double *results) {
  for (size_t l = 0; l < LAYERS; l++)
    assert_ok(kldsel_ranking_layer(ranking, l, &results[l], NULL, NULL, NULL));
  kldsel_ranking_free(ranking);
  return LAYERS;
}

static size_t profile_create(double *results) {
  return take_profile(profile_of(layers[0]), results, MOST_RESULTS);
}

static size_t profile_create_many(double *results) {
  kldsel_profile *profiles[LAYERS];
  assert_ok(kldsel_profile_create_many(layers, LAYERS, test_options, profiles));
  size_t length = 0;
  for (int l = 0; l < LAYERS; l++)
    length += take_profile(profiles[l], results + length, MOST_RESULTS - length);
  return length;
}

static size_t pairwise_cosine(double *results) {
  enum {
    ROWS = 150
  };
  assert_ok(kldsel_pairwise_cosine(layers[0], NULL, 10, ROWS, test_options, results, ROWS * FILTERS));
  return (size_t)ROWS * FILTERS;
}

static size_t rank_tensors(double *results) {
  kldsel_ranking *ranking;
  assert_ok(kldsel_rank_tensors(layers, LAYERS, NULL, NULL, test_options, &ranking));
  return take_scores(ranking, results);
}

static size_t rank_profiles(double *results) {
  kldsel_ranking *ranking;
  assert_ok(kldsel_rank_profiles(wide, LAYERS, NULL, NULL, test_options, &ranking));
  return take_scores(ranking, results);
}

/* ---- refusing ---- */

static double results[MOST_RESULTS], expected[MOST_RESULTS];

/* Refuses the n-th thread, and with it all later ones or none; how many were asked for. */
static size_t refuse(size_t (*call)(double *), const char *name, size_t n, bool onwards, size_t length) {
  poison(results, sizeof results);
  atomic_store(&creation.asked, 0);
  creation.refuse_at = n;
  creation.onwards = onwards;
  atomic_store(&creation.open, false);
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  int mutexes_before = atomic_load(&mutexes), conditions_before = atomic_load(&conditions);
  ck_assert_uint_eq(call(results), length);
  creation.refuse_at = 0;
  /* The host's signals are for the host's threads, and nothing is left behind. */
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int signal = 1; signal < SIGRTMIN; signal++)
    ck_assert_int_eq(sigismember(&after, signal), sigismember(&before, signal));
  ck_assert(!atomic_load(&creation.open));
  ck_assert_int_eq(atomic_load(&mutexes), mutexes_before);
  ck_assert_int_eq(atomic_load(&conditions), conditions_before);
  size_t asked = atomic_load(&creation.asked);
  ck_assert_msg(memcmp(results, expected, length * sizeof *results) == 0,
                "%s: without thread %zu%s it gave other bits", name, n, onwards ? " and all after it" : "");
  return asked;
}

static void refuse_each(size_t (*call)(double *), const char *name) {
  set_int(KLDSEL_OPTION_THREADS, 1);
  atomic_store(&creation.asked, 0);
  poison(expected, sizeof expected);
  size_t length = call(expected);
  ck_assert_msg(atomic_load(&creation.asked) == 0, "%s: asks for a thread beyond the one it has", name);
  set_int(KLDSEL_OPTION_THREADS, THREADS);
  size_t asked = refuse(call, name, 0, false, length);
  ck_assert_msg(asked > 0, "%s asks for no thread: then it does not belong here", name);
  for (size_t n = 1; n <= asked; n += test_quick() ? 5 : 1) {
    /* A team that lacks one thread asks for no other, so there are fewer. */
    ck_assert_uint_ge(refuse(call, name, n, false, length), n);
    ck_assert_uint_ge(refuse(call, name, n, true, length), n);
  }
  printf("%-22s %3zu threads refused\n", name, asked);
}

#define REFUSE_EACH(call) refuse_each(call, #call)

START_TEST(every_thread_is_refused_once) {
  make_layers();
  for (int32_t granularity = 1; granularity <= (test_quick() ? 1 : 2); granularity++) {
    printf("granularity %d\n", granularity);
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    REFUSE_EACH(profile_create);
    REFUSE_EACH(profile_create_many);
    REFUSE_EACH(pairwise_cosine);
    REFUSE_EACH(rank_tensors);
  }
  set_int(KLDSEL_OPTION_GRANULARITY, 0);
  REFUSE_EACH(rank_profiles);
  if (!test_quick()) {
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    REFUSE_EACH(profile_create);
  }
  free_layers();
}
END_TEST

/* As many threads as there are processors for this process, where that can be told; one where not, and never
 * more than 1024 or than there are layers. */
START_TEST(threads_by_default) {
  static const struct {
    int allowed;
    long processors;
    size_t threads;
  } machines[] = {{-1, 1, 1}, {-1, 3, 3}, {-1, 5000, 1024}, {-1, 0, 1}, {-1, -1, 1},    {1, 7, 1},
                  {3, 7, 3},  {0, 7, 7},  {0, 0, 1},        {2, -1, 2}, {1024, 1, 1024}};
  enum {
    FEW = 6,
    MANY = 1100
  };
  static kldsel_tensor *many[MANY];
  static kldsel_profile *made[MANY];
  static const double values[] = {1, -2, 3, 4};
  for (int l = 0; l < MANY; l++) many[l] = matrix_view(values, 2, 2);
  size_t live = atomic_load(&test_memory.bytes);
  /* Valgrind has room for 500 threads. */
  const char *preloaded = getenv("LD_PRELOAD");
  size_t most = preloaded != NULL && strstr(preloaded, "vgpreload") != NULL ? 500 : 1024;
  machine.told = creation.small = true;
  static const size_t set[] = {0, 1, 1024};
  for (size_t s = 0; s < COUNT(set); s++)
    for (size_t count = FEW; count <= MANY; count += MANY - FEW) {
      size_t alone = 0;
      for (size_t i = 0; i < (set[s] > 1 ? 1 : COUNT(machines)); i++) {
        size_t wanted = set[s] > 0 ? set[s] : machines[i].threads;
        if (wanted > count) wanted = count;
        if (wanted > most) continue;
        machine.allowed = machines[i].allowed;
        machine.processors = machines[i].processors;
        set_int(KLDSEL_OPTION_THREADS, (int64_t)set[s]);
        atomic_store(&creation.asked, 0);
        atomic_store(&test_memory.peak, live);
        assert_ok(kldsel_profile_create_many(many, count, test_options, made));
        ck_assert_uint_eq(atomic_load(&creation.asked), wanted - 1);
        /* As much memory as one thread takes, also where it was none that was told. */
        if (alone == 0) alone = atomic_load(&test_memory.peak);
        if (wanted == 1) ck_assert_uint_eq(atomic_load(&test_memory.peak), alone);
        for (size_t l = 0; l < count; l++) kldsel_profile_free(made[l]);
      }
    }
  machine.told = creation.small = false;
  for (int l = 0; l < MANY; l++) kldsel_tensor_free(many[l]);
}
END_TEST

/* Where no processor can be told of, the caller alone works, and has scratch for itself. */
START_TEST(one_thread_has_scratch) {
  static const double values[] = {3, 4, 4, 3};
  static const long processors[] = {-1, 0};
  kldsel_tensor *tensor = matrix_view(values, 2, 2);
  for (size_t p = 0; p < COUNT(processors); p++) {
    double matrix[4];
    machine.allowed = -1;
    machine.processors = processors[p];
    machine.told = true;
    assert_ok(kldsel_pairwise_cosine(tensor, NULL, 0, 2, test_options, matrix, 4));
    machine.told = false;
    ck_assert_double_le(fabs(matrix[1] - 0.96), 1e-15);
  }
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("thread_creation");
  TCase *tests = add_case(suite, "threads that cannot be had");
  tcase_add_test(tests, every_thread_is_refused_once);
#ifdef __linux__
  tcase_add_test(tests, threads_by_default);
  tcase_add_test(tests, one_thread_has_scratch);
#endif
  return suite;
}
