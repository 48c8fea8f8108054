/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

void progress_begin(struct progress *progress) {
  clock_gettime(CLOCK_MONOTONIC, &progress->begin);
  progress->terminal = isatty(STDERR_FILENO) == 1;
  progress->percent = -1;
}

double progress_seconds(const struct progress *progress) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - progress->begin.tv_sec) +
         1e-9 * (double)(now.tv_nsec - progress->begin.tv_nsec);
}

int32_t progress_show(void *user, uint64_t done, uint64_t total) {
  struct progress *progress = user;
  const int percent = (int)(100.0 * (double)done / (double)total);
  if (!progress->terminal || percent == progress->percent || progress_seconds(progress) < 1.0) return 0;
  progress->percent = percent;
  fprintf(stderr, "\r%3d %% of the weights", percent);
  return 0;
}

void progress_end(const struct progress *progress) {
  if (progress->percent >= 0) fputs("\r\033[K", stderr);
}
