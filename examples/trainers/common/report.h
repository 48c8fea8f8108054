/* SPDX-License-Identifier: BSD-3-Clause */
/* What all of the trainers print. */
#ifndef KLDSEL_TRAINERS_REPORT_H
#define KLDSEL_TRAINERS_REPORT_H

#include <stddef.h>

/* Tells on stderr, if that is a terminal, how far an epoch is; wipes the line at its end. */
void report_progress(const char *what, size_t done, size_t total);

/* One line of results: the mean accuracy of the runs in percent, lowest and highest, and each. */
void report_accuracies(const char *what, const double *accuracies, int runs);

#endif
