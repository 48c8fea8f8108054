/* SPDX-License-Identifier: BSD-3-Clause */
/* Run n tasks on at most t threads and join; nothing is left behind. */
#ifndef KLDSEL_THREADS_H
#define KLDSEL_THREADS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* worker is below the thread count; the calling thread is worker 0. */
typedef void (*task_function)(void *context, size_t task, int32_t worker);

/* The threads to use for a request, 0 being every core this process may run on. */
int32_t kldsel_thread_count(int64_t requested);

/* Tasks are begun in order. Threads that cannot be had are done without. */
void kldsel_run_tasks(int32_t threads, size_t tasks, task_function run, void *context);

/* Lets tasks that end in any order have their turn in task order, so that what they add up to does not
   depend on how many threads there are. */
struct turns {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  size_t next;
};

void kldsel_turns_begin(struct turns *turns);
void kldsel_turns_wait(struct turns *turns, size_t task);
void kldsel_turns_advance(struct turns *turns);
void kldsel_turns_end(struct turns *turns);

#endif
