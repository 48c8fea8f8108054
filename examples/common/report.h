/* SPDX-License-Identifier: BSD-3-Clause */
/* What the program prints: a table for people, JSON and CSV for programs. */
#ifndef KLDSEL_COMMON_REPORT_H
#define KLDSEL_COMMON_REPORT_H

#include <stdbool.h>

#include "layers.h"
#include "options.h"
#include "problem.h"
#include "scores.h"

struct report {
  const struct options *options;
  const struct layers *layers;
  const struct scores *scores;
};

/* Each writes to stdout; what fails before the first byte is a problem, the caller looks for write errors. */
bool report_table(const struct report *report, struct problem *problem);
bool report_json(const struct report *report, struct problem *problem);
bool report_csv(const struct report *report, struct problem *problem);

/* What report_json() prints but for the file's name, as one line for a model's metadata, in new memory; NULL
 * without memory. */
char *report_record(const struct report *report);

/* What stands below the table; `skipped` is the layers_skipped_text(). */
void report_notes(const struct report *report, const char *skipped);

#endif
