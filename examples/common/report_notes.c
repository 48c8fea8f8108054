/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "text.h"

static void print_summary(const struct report *report) {
  const struct options *options = report->options;
  const struct scores *scores = report->scores;
  int64_t weights = 0, selected = 0;
  for (size_t i = 0; i < report->layers->count; i++) {
    weights += report->layers->layers[i].filters * report->layers->layers[i].elements;
    selected += scores->selected[i];
  }
  const bool long_time = scores->seconds >= 1.0;
  printf("\n%zu layer%s, %" PRId64 " weights, %.*f %s\n", report->layers->count,
         report->layers->count == 1 ? "" : "s", weights, long_time ? 2 : 1,
         long_time ? scores->seconds : 1e3 * scores->seconds, long_time ? "s" : "ms");
  if (options->method == METHOD_ALL) fputs("ranked by ", stdout);
  fputs(methods[options_ranking_method(options)].name, stdout);
  if (methods[options_ranking_method(options)].measure == KLDSEL_MEASURE_KL)
    printf(", reference %s", options_reference_name(options));
  printf(", %s first", options_order_name(report->scores->first));
  if (selected > 0) printf("; %" PRId64 " selected (*)", selected);
  putchar('\n');
}

static void print_skipped(const struct skipped *skipped) {
  char *name = text_printable(skipped->name), *reason = text_printable(skipped->reason);
  if (name != NULL && reason != NULL) printf("  %s: %s\n", name, reason);
  free(name);
  free(reason);
}

void report_notes(const struct report *report, const char *skipped) {
  const struct options *options = report->options;
  const struct layers *layers = report->layers;
  print_summary(report);
  if (layers->skipped_count > 0) printf("%s%s\n", skipped, options->verbose ? "" : "; --verbose lists them");
  for (size_t i = 0; options->verbose && i < layers->skipped_count; i++) print_skipped(&layers->skipped[i]);
  if (options->layout == 0 && layers_look_hwio(layers))
    puts("These shapes look like HWIO, but were read as OIHW: see --layout");
}
