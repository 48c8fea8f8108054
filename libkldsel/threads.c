/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sched_getaffinity */
#include "threads.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define MOST_THREADS 1024

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

struct team {
  task_function run;
  void *context;
  size_t tasks;
  atomic_size_t next_task;
  atomic_int next_worker;
};

static void work(struct team *team, int32_t worker) {
  size_t task;
  while ((task = atomic_fetch_add_explicit(&team->next_task, 1, memory_order_relaxed)) < team->tasks)
    team->run(team->context, task, worker);
}

static void *thread_main(void *argument) {
  struct team *team = argument;
  work(team, atomic_fetch_add_explicit(&team->next_worker, 1, memory_order_relaxed));
  return NULL;
}

void kldsel_run_tasks(int32_t threads, size_t tasks, task_function run, void *context) {
  struct team team = {.run = run, .context = context, .tasks = tasks};
  atomic_init(&team.next_task, 0);
  atomic_init(&team.next_worker, 1);
  pthread_t helpers[MOST_THREADS];
  size_t wanted = (size_t)threads < tasks ? (size_t)threads : tasks, started = 0;

  if (wanted > 1) {
    /* The host's signals are for the host's threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started + 1 < wanted && pthread_create(&helpers[started], NULL, thread_main, &team) == 0)
      started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  work(&team, 0);
  for (size_t i = 0; i < started; i++) pthread_join(helpers[i], NULL);
}

void kldsel_turns_begin(struct turns *turns) {
  pthread_mutex_init(&turns->mutex, NULL);
  pthread_cond_init(&turns->changed, NULL);
  turns->next = 0;
}

void kldsel_turns_wait(struct turns *turns, size_t task) {
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
