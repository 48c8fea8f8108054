/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's progress callback, shared by the threads of one call. */
#ifndef KLDSEL_PROGRESS_H
#define KLDSEL_PROGRESS_H

#include <stdatomic.h>

#include "options.h"

struct progress {
  kldsel_progress_function call;
  void *user;
  uint64_t total;
  atomic_uint_fast64_t done;
  atomic_int cancelled;
};

static inline void progress_begin(struct progress *progress, const struct kldsel_options *options,
                                  uint64_t total) {
  progress->call = options->progress;
  progress->user = options->progress_user;
  progress->total = total;
  atomic_init(&progress->done, 0);
  atomic_init(&progress->cancelled, 0);
}

/* Not a store: helgrind takes one for a write that races. */
static inline void progress_cancel(struct progress *progress) {
  (void)atomic_fetch_or_explicit(&progress->cancelled, 1, memory_order_relaxed);
}

static inline int progress_cancelled(struct progress *progress) {
  return atomic_load_explicit(&progress->cancelled, memory_order_relaxed);
}

/* Which worker progress_add is told of: a job that runs on one thread may be another team's task. */
static inline int32_t progress_worker(int32_t threads, int32_t task_worker, int32_t worker) {
  return threads > 1 ? task_worker : worker;
}

/* Worker 0 is the thread that called the library, the only one that may call back. The last call, with done
 * == total, is left to progress_end. */
static inline void progress_add(struct progress *progress, uint64_t weights, int32_t worker) {
  uint64_t done = atomic_fetch_add_explicit(&progress->done, weights, memory_order_relaxed) + weights;
  if (progress->call == NULL || worker != 0 || done >= progress->total || progress_cancelled(progress))
    return;
  if (progress->call(progress->user, done, progress->total) != 0) progress_cancel(progress);
}

static inline void progress_end(struct progress *progress) {
  if (progress->call == NULL || progress_cancelled(progress)) return;
  if (progress->call(progress->user, progress->total, progress->total) != 0) progress_cancel(progress);
}

#endif
