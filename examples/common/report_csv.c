/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/* RFC 4180: lines end in CRLF; a field with a comma, quote or line break is quoted, its quotes doubled. */
static void print_field(const char *text) {
  if (strpbrk(text, ",\"\r\n") == NULL) {
    fputs(text, stdout);
    return;
  }
  putchar('"');
  for (; *text != '\0'; text++) {
    if (*text == '"') putchar('"');
    putchar(*text);
  }
  putchar('"');
}

static void print_layer(const struct report *report, size_t layer) {
  const struct scores *scores = report->scores;
  const struct layer *chosen = &report->layers->layers[layer];
  print_field(chosen->stored->name);
  printf(",%s,%" PRId64 ",%" PRId64, layers_kind_name(chosen), chosen->filters, chosen->elements);
  for (int method = 0; method < METHOD_COUNT; method++) {
    if (scores->score[method] == NULL) continue;
    const double score = scores->score[method][layer];
    if (isfinite(score))
      printf(",%.17g", score);
    else
      putchar(',');
  }
  printf(",%" PRId64 ",%s,", scores->rank[layer] + 1, scores->selected[layer] ? "true" : "false");
  print_field(scores->reason[layer] != NULL ? scores->reason[layer] : "");
  fputs("\r\n", stdout);
}

bool report_csv(const struct report *report, struct problem *problem) {
  (void)problem;
  fputs("name,kind,filters,elements", stdout);
  for (int method = 0; method < METHOD_COUNT; method++)
    if (report->scores->score[method] != NULL) printf(",%s", methods[method].name);
  fputs(",rank,selected,reason\r\n", stdout);
  for (size_t i = 0; i < report->layers->count; i++) print_layer(report, i);
  return true;
}
