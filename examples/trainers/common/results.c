/* SPDX-License-Identifier: BSD-3-Clause */
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

void results_progress(const char *what, size_t done, size_t total) {
  if (isatty(STDERR_FILENO) != 1) return;
  if (done < total)
    fprintf(stderr, "\r%s: %3zu %%", what, 100 * done / total);
  else
    fputs("\r\033[K", stderr);
}

void results_selection(const char *what, int epoch, const bool *trained, const double *scores, size_t count) {
  printf("%s, epoch %d: trains", what, epoch);
  for (size_t i = 0; i < count; i++)
    if (trained[i]) printf(" %zu", i);
  if (!isnan(scores[0])) {
    printf("; divergences");
    for (size_t i = 0; i < count; i++) printf(" %.17g", scores[i]);
  }
  putchar('\n');
  fflush(stdout);
}

void results_heading(const struct arguments *arguments, size_t tests, size_t images, size_t convolutions) {
  printf(
      "\naccuracy on %zu images of %zu classes, fine-tuned on %zu for %d epochs, %d of %zu convolutions:\n",
      tests, arguments->target.count, images, arguments->epochs, arguments->layers, convolutions);
}

void results_accuracies(const char *what, const double *accuracies, int runs) {
  double sum = 0, lowest = accuracies[0], highest = accuracies[0];
  for (int run = 0; run < runs; run++) {
    sum += accuracies[run];
    if (accuracies[run] < lowest) lowest = accuracies[run];
    if (accuracies[run] > highest) highest = accuracies[run];
  }
  printf("%-20s %6.2f %%  %6.2f to %6.2f %%, runs", what, 100 * sum / runs, 100 * lowest, 100 * highest);
  for (int run = 0; run < runs; run++) printf(" %.2f", 100 * accuracies[run]);
  putchar('\n');
}
