/* SPDX-License-Identifier: BSD-3-Clause */
/* What all of the trainers let the user choose. */
#ifndef KLDSEL_TRAINERS_OPTIONS_H
#define KLDSEL_TRAINERS_OPTIONS_H

#include <popt.h>

#include "images.h"
#include "problem.h"

struct options {
  const char *data; /* folder of the images */
  const char *save; /* folder for the weights; NULL: none are saved */
  struct classes source;
  struct classes target;
  int pretrain_images; /* of the source classes; 0: all */
  int pretrain_epochs;
  int images; /* of the target classes to fine-tune on; 0: all */
  int epochs;
  int tests;  /* test images; 0: all */
  int layers; /* how many are fine-tuned */
  int runs;   /* of each way to fine-tune, every one from another seed */
  int seed;
};

enum options_result {
  OPTIONS_RUN,  /* go on */
  OPTIONS_DONE, /* --help was answered */
  OPTIONS_WRONG /* the problem is set */
};

/*
 * Reads the arguments into `options`, which holds the numbers' defaults. `own` are further options of the
 * program; NULL for none. The strings last as long as the program.
 */
enum options_result options_parse(int argc, const char **argv, struct poptOption *own,
                                  struct options *options, struct problem *problem);

#endif
