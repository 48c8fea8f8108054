/* SPDX-License-Identifier: BSD-3-Clause */
/* A line on stderr that tells how far a long computation is. */
#ifndef KLDSEL_COMMON_PROGRESS_H
#define KLDSEL_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
  struct timespec begin;
  bool terminal; /* stderr is one */
  int percent;   /* shown; -1: none yet */
};

void progress_begin(struct progress *progress);

/* A kldsel_progress_function, `user` a struct progress; silent in the first second. */
int32_t progress_show(void *user, uint64_t done, uint64_t total);

/* Wipes the line. */
void progress_end(const struct progress *progress);

double progress_seconds(const struct progress *progress);

#endif
