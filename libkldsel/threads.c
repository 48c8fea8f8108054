/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sched_getaffinity */
#include "threads.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

int32_t kldsel_thread_count(int64_t requested) {
  if (requested > 0) return requested < MOST_THREADS ? (int32_t)requested : MOST_THREADS;
  long count = -1;
#ifdef __linux__
  cpu_set_t allowed; /* a container may run on fewer cores than the machine has */
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) count = CPU_COUNT(&allowed);
#endif
  if (count < 1) count = sysconf(_SC_NPROCESSORS_ONLN);
  if (count < 1) count = 1;
  return count < MOST_THREADS ? (int32_t)count : MOST_THREADS;
}

/* Looks for some 20 microseconds whether a number has come to be: to be woken up takes longer than what is
 * mostly waited for, and more on virtual machines. To be sure, and in order with what was written before,
 * whoever looked takes the lock then. */
static void look_for(atomic_size_t *number, size_t wanted) {
  enum {
    LOOKS = 1000
  };
  for (int i = 0; i < LOOKS && atomic_load_explicit(number, memory_order_relaxed) != wanted; i++) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
}

static void work(struct team *team, int32_t worker) {
  size_t task;
  while ((task = atomic_fetch_add_explicit(&team->next_task, 1, memory_order_relaxed)) < team->tasks)
    team->run(team->context, task, worker);
}

/* Takes part in the runs that want so many workers, until the team ends. No run ends without those that take
 * part in it; the others may miss it. */
static void *help(void *argument) {
  struct team *team = argument;
  int32_t worker = atomic_fetch_add(&team->next_worker, 1);
  for (size_t seen = 0;;) {
    look_for(&team->round, seen + 1);
    pthread_mutex_lock(&team->mutex);
    while (team->round == seen) pthread_cond_wait(&team->changed, &team->mutex);
    int takes_part = worker < team->limit, ending = team->ending;
    seen = team->round;
    pthread_mutex_unlock(&team->mutex);
    if (ending) return NULL;
    if (!takes_part) continue;
    work(team, worker);
    pthread_mutex_lock(&team->mutex);
    if (--team->working == 0) pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->mutex);
  }
}

void kldsel_team_begin(struct team *team, int32_t threads) {
  team->threads = threads;
  team->helpers = 0;
  team->refused = team->ending = 0;
  atomic_init(&team->round, 0);
  atomic_init(&team->working, 0);
  atomic_init(&team->next_worker, 1);
  atomic_init(&team->next_task, 0);
  pthread_mutex_init(&team->mutex, NULL);
  pthread_cond_init(&team->changed, NULL);
}

static void begin_helpers(struct team *team, size_t wanted) {
  /* The host's signals are for the host's threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (team->helpers < wanted && !team->refused)
    if (pthread_create(&team->helper[team->helpers], NULL, help, team) == 0)
      team->helpers++;
    else
      team->refused = 1;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void kldsel_team_run(struct team *team, int32_t threads, size_t tasks, task_function run, void *context) {
  if ((size_t)threads > tasks) threads = (int32_t)tasks;
  if (team == NULL || threads <= 1) {
    for (size_t task = 0; task < tasks; task++) run(context, task, 0);
    return;
  }
  if (team->helpers < (size_t)threads - 1) begin_helpers(team, (size_t)threads - 1);
  pthread_mutex_lock(&team->mutex);
  team->run = run;
  team->context = context;
  team->tasks = tasks;
  team->limit = threads;
  team->next_task = 0;
  team->working = team->helpers < (size_t)threads - 1 ? team->helpers : (size_t)threads - 1;
  team->round++;
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->mutex);
  work(team, 0);
  look_for(&team->working, 0);
  pthread_mutex_lock(&team->mutex);
  while (team->working > 0) pthread_cond_wait(&team->changed, &team->mutex);
  pthread_mutex_unlock(&team->mutex);
}

void kldsel_team_end(struct team *team) {
  pthread_mutex_lock(&team->mutex);
  team->ending = 1;
  team->round++; /* what helpers look at */
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->mutex);
  for (size_t i = 0; i < team->helpers; i++) pthread_join(team->helper[i], NULL);
  pthread_cond_destroy(&team->changed);
  pthread_mutex_destroy(&team->mutex);
}

void kldsel_turns_begin(struct turns *turns) {
  pthread_mutex_init(&turns->mutex, NULL);
  pthread_cond_init(&turns->changed, NULL);
  atomic_init(&turns->next, 0);
}

void kldsel_turns_wait(struct turns *turns, size_t task) {
  look_for(&turns->next, task);
  pthread_mutex_lock(&turns->mutex);
  while (turns->next != task) pthread_cond_wait(&turns->changed, &turns->mutex);
  pthread_mutex_unlock(&turns->mutex);
}

void kldsel_turns_advance(struct turns *turns) {
  pthread_mutex_lock(&turns->mutex);
  turns->next++;
  pthread_cond_broadcast(&turns->changed);
  pthread_mutex_unlock(&turns->mutex);
}

void kldsel_turns_end(struct turns *turns) {
  pthread_cond_destroy(&turns->changed);
  pthread_mutex_destroy(&turns->mutex);
}
