/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads of one call: begun when they are first needed, ended with it; nothing is left behind. */
#ifndef KLDSEL_THREADS_H
#define KLDSEL_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* worker is below the thread count; the calling thread is worker 0. */
typedef void (*task_function)(void *context, size_t task, int32_t worker);

/* The threads to use for a request, 0 being every core this process may run on. */
int32_t kldsel_thread_count(int64_t requested);

enum {
  MOST_THREADS = 1024
};

/* The calling thread and its helpers. They stay from one run to the next: threads that begin just as others
 * end are put on one processor with the caller, which looks busier to the system than it is. */
struct team {
  int32_t threads;
  size_t helpers; /* that have begun */
  int refused;    /* no more can be had */
  pthread_t helper[MOST_THREADS];
  atomic_int_least32_t next_worker;
  pthread_mutex_t mutex; /* held to change the rest, but for next_task */
  pthread_cond_t changed;
  atomic_size_t round;   /* the number of runs, one more at the end */
  atomic_size_t working; /* helpers that have not finished the round */
  int ending;
  int32_t limit; /* workers of the round */
  task_function run;
  void *context;
  size_t tasks;
  atomic_size_t next_task;
};

/* threads: as of kldsel_thread_count(). */
void kldsel_team_begin(struct team *team, int32_t threads);
void kldsel_team_end(struct team *team);

/* No team is the calling thread alone. */
static inline int32_t kldsel_team_threads(const struct team *team) {
  return team != NULL ? team->threads : 1;
}

/* Runs tasks on at most so many of a team's threads. They are begun in order. Threads that cannot be had are
 * done without. */
void kldsel_team_run(struct team *team, int32_t threads, size_t tasks, task_function run, void *context);

/* Lets tasks that end in any order have their turn in task order, so that what they add up to does not
   depend on how many threads there are. */
struct turns {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  atomic_size_t next;
};

void kldsel_turns_begin(struct turns *turns);
void kldsel_turns_wait(struct turns *turns, size_t task);
void kldsel_turns_advance(struct turns *turns);
void kldsel_turns_end(struct turns *turns);

#endif
