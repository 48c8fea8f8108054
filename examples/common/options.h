/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#ifndef KLDSEL_COMMON_OPTIONS_H
#define KLDSEL_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"
#include "problem.h"

enum {
  METHOD_ALL = -1
};

enum report_format {
  FORMAT_TABLE,
  FORMAT_JSON,
  FORMAT_CSV
};

/* Values of the library's enums; 0 where the library's default is to hold. */
struct options {
  char *file;
  char *output, *safetensors, *freeze_list; /* files to write; NULL for none */
  int method;                               /* index in methods, or METHOD_ALL */
  int32_t reference, granularity, distribution, alignment, order;
  int32_t layout; /* 0: not said, which is OIHW */
  double temperature;
  int64_t select_count; /* -1: none */
  double select_share;  /* -1: none */
  int threads;
  bool dense, verbose;
  enum report_format format;
  char **include, **exclude; /* patterns of names, NULL-terminated; NULL for none */
};

enum options_result {
  OPTIONS_RUN,
  OPTIONS_DONE,
  OPTIONS_WRONG
};

/* DONE: help or version has been printed. Give back with options_free() in every case. */
enum options_result options_parse(const struct format *format, int argc, const char **argv,
                                  struct options *options, struct problem *problem);

void options_free(struct options *options);

/* Names of the values, defaults made plain. */
const char *options_method_name(const struct options *options);
const char *options_reference_name(const struct options *options);
const char *options_granularity_name(const struct options *options);
const char *options_distribution_name(const struct options *options);
const char *options_alignment_name(const struct options *options);
const char *options_layout_name(const struct options *options);
/* Of a kldsel_order. */
const char *options_order_name(int32_t order);

/* Index of the method that the layers are ranked by. */
int options_ranking_method(const struct options *options);

#endif
