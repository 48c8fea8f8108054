/* SPDX-License-Identifier: BSD-3-Clause */
/* What all of the trainers print. */
#ifndef KLDSEL_TRAINERS_RESULTS_H
#define KLDSEL_TRAINERS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tells on stderr, if that is a terminal, how far an epoch is; wipes the line at its end. */
void results_progress(const char *what, size_t done, size_t total);

/* One line: which of `count` convolutions are trained, and the scores that say so; no scores if the first is
 * NaN. */
void results_selection(const char *what, int epoch, const bool *trained, const double *scores, size_t count);

/* The line above the results: on how many images they were got, with how many of the convolutions. */
void results_heading(const struct arguments *arguments, size_t tests, size_t images, size_t convolutions);

/* One line of results: the mean accuracy of the runs in percent, lowest and highest, and each. */
void results_accuracies(const char *what, const double *accuracies, int runs);

#ifdef __cplusplus
}
#endif

#endif
